"""One request before the load begins, so that a wrong address is told at once and not after thirty seconds."""

import socket

from harness.generator.framing import ProtocolError, ResponseReader
from harness.generator.load import Load
from harness.generator.request import request_bytes


class ProbeError(Exception):
    """Nothing that speaks HTTP answers there. The message says what happened."""


def probe(load: Load) -> None:
    """Send the request once. A server too slow to answer in time passes: that is for the load to measure.

    Raises ProbeError when the connection is refused or broken, or the answer is not HTTP.
    """
    reader = ResponseReader(load.method, hashing=False)
    try:
        with socket.create_connection((load.host, load.port), timeout=load.timeout_s) as sock:
            sock.sendall(request_bytes(load))
            while reader.head is None:
                data = sock.recv(4096)
                if not data:
                    raise ProbeError(f"{load.host}:{load.port} closed the connection without an answer")
                reader.feed(data)
    except TimeoutError:
        return
    except ProtocolError as error:
        raise ProbeError(f"{load.host}:{load.port} does not speak HTTP/1.1: {error}") from error
    except OSError as error:
        raise ProbeError(f"unable to connect to {load.host}:{load.port}: {error.strerror or error}") from error
