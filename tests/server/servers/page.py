"""A server with nothing wrong: one process, one page."""

from tests.server.servers.serving import listen, options, serve

if __name__ == "__main__":
    serve(listen(options().port))
