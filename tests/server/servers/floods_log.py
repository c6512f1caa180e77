"""One process that answers, and logs some 60 MB a second meanwhile."""

import sys
import threading
import time

from tests.server.servers.serving import listen, options, serve

LINE = b"x" * 65535 + b"\n"


def flood() -> None:
    while True:
        sys.stdout.buffer.write(LINE)
        sys.stdout.buffer.flush()
        time.sleep(0.001)


if __name__ == "__main__":
    threading.Thread(target=flood, daemon=True).start()
    serve(listen(options().port))
