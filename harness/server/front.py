"""Waits until somebody listens at each of the ports, then becomes the command that is given after them.

A front that is started before its workers finds them down, and asks none of them for a while: nginx for ten seconds.
"""

import os
import socket
import sys
import time
from collections.abc import Sequence
from typing import Final

POLL_S: Final = 0.02
CONNECT_S: Final = 1.0


def wait_until_listening(host: str, port: int) -> None:
    """Return once a connection to the port is accepted."""
    while True:
        try:
            socket.create_connection((host, port), CONNECT_S).close()
        except OSError:
            time.sleep(POLL_S)
        else:
            return


def main(host: str, ports: str, words: Sequence[str]) -> None:
    """Wait, then become the command. The ports are separated by commas."""
    for port in ports.split(","):
        wait_until_listening(host, int(port))
    os.execvp(words[0], list(words))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
