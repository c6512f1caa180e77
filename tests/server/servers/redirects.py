"""Sends everyone elsewhere."""

from tests.server.servers.serving import listen, options, response, serve

if __name__ == "__main__":
    serve(listen(options().port), lambda: response(status="302 Found", location="/elsewhere"))
