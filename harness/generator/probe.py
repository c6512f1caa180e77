"""One request before the load begins, so that a wrong address is told at once and not after thirty seconds."""

import ssl

from harness.generator.framing import ProtocolError, ResponseReader
from harness.generator.load import Load
from harness.generator.request import prepared_requests
from harness.generator.transport import Dialler


class ProbeError(Exception):
    """Nothing that speaks HTTP answers there. The message says what happened."""


def probe(load: Load) -> None:
    """Send the first request once. A server too slow to answer in time passes: that is for the load to measure.

    Raises ProbeError when the connection is refused or broken, its certificate is not trusted, or the answer is not
    HTTP.
    """
    where = load.target.unix_socket or load.target.authority
    request = next(prepared_requests(load))
    reader = ResponseReader(request.method, hashing=False)
    try:
        with Dialler(load.target).connect(load.timeout_s) as sock:
            sock.sendall(request.data)
            while reader.head is None:
                data = sock.recv(4096)
                if not data:
                    raise ProbeError(f"{where} closed the connection without an answer")
                reader.feed(data)
    except TimeoutError:
        return
    except ProtocolError as error:
        raise ProbeError(f"{where} does not speak HTTP/1.1: {error}") from error
    except ssl.SSLCertVerificationError as error:
        raise ProbeError(f"{where}: its certificate is not accepted: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise ProbeError(f"{where}: there is no TLS to be had: {_reason(error)}") from error
    except OSError as error:
        raise ProbeError(f"unable to connect to {where}: {error.strerror or error}") from error


def _reason(error: ssl.SSLError) -> str:
    """What OpenSSL says, without its codes."""
    return error.reason.replace("_", " ").lower() if error.reason else str(error)
