"""Listens only after a while."""

import time

from tests.server.servers.serving import listen, options, serve

if __name__ == "__main__":
    asked = options(milliseconds=300)
    time.sleep(asked.milliseconds / 1000)
    serve(listen(asked.port))
