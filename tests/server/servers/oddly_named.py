"""Has a name that the kernel cuts in the middle of a character, and calls its worker something with a line break."""

import ctypes
from typing import Final

from tests.server.servers.serving import listen, options, response, serve

PR_SET_NAME: Final = 15  # prctl(2); at most 15 bytes are kept
NAME: Final = "корзинакорзина"

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_NAME, NAME.encode(), 0, 0, 0)
    serve(listen(options().port), lambda: response(worker="one\x85two"))
