"""One request before the load begins, so that a wrong address is told at once and not after thirty seconds."""

import ssl
import time

from harness.errors import HarnessError
from harness.generator.asking import ForeignProtocolError, ProbeResponse, ask, reason_of
from harness.load.spec import Load


class ProbeError(HarnessError):
    """Nothing that can be measured answers there. The message says what happened."""


def probe(load: Load) -> ProbeResponse | None:
    """Send the first request once and return the answer; None of a server too slow to answer in time, which is for the
    load to measure.

    Raises ProbeError when the connection is refused or broken, its certificate is not trusted, the answer is not HTTP,
    or has no end that could be waited for.
    """
    where = load.target.unix_socket or load.target.authority
    try:
        answer = ask(load, time.monotonic() + load.timeout_s)
    except TimeoutError:
        return None
    except ForeignProtocolError as error:
        instead = f": load {error.scheme}://{load.target.authority} instead" if error.scheme else ""
        raise ProbeError(f"{where} {error}{instead}") from error
    except ssl.SSLCertVerificationError as error:
        raise ProbeError(
            f"{where}: its certificate is not accepted: {error.verify_message} (--insecure takes any)"
        ) from error
    except ssl.SSLError as error:
        raise ProbeError(f"{where}: there is no TLS to be had: {reason_of(error)}") from error
    except ConnectionResetError as error:
        raise ProbeError(f"no answer from {where}: {reason_of(error)}") from error
    except OSError as error:
        raise ProbeError(f"unable to connect to {where}: {reason_of(error)}") from error
    if answer.is_endless:
        raise ProbeError(f"{where} {answer.unfinished}; choose another path or, where it does end, a longer --timeout")
    return answer
