"""Accepts connections and never answers."""

from tests.server.servers.serving import listen, options, serve

if __name__ == "__main__":
    serve(listen(options().port), bytes)
