"""Answers, but does not speak HTTP."""

from tests.server.servers.serving import listen, options, serve

if __name__ == "__main__":
    serve(listen(options().port), lambda: b"what do you want?\r\n")
