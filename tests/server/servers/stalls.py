"""Answers so many times and never again."""

from itertools import count

from tests.server.servers.serving import listen, options, response, serve

if __name__ == "__main__":
    asked = options(after=12)
    numbers = count()
    serve(listen(asked.port), lambda: response() if next(numbers) < asked.after else b"")
