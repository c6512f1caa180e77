"""Answers with another body, of the same length, after the first so many requests."""

from itertools import count

from tests.server.servers.serving import BODY, listen, options, response, serve

if __name__ == "__main__":
    asked = options(after=30)
    numbers = count()
    serve(listen(asked.port), lambda: response(BODY if next(numbers) < asked.after else BODY[::-1]))
