"""Answers everything with 500."""

from tests.server.servers.serving import listen, options, response, serve

if __name__ == "__main__":
    serve(listen(options().port), lambda: response(status="500 Internal Server Error"))
