"""Never answers with the same body twice."""

from itertools import count

from tests.server.servers.serving import listen, options, response, serve

if __name__ == "__main__":
    numbers = count()
    serve(listen(options().port), lambda: response(b"%012d" % next(numbers)))
