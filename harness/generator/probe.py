"""One request before the load begins, so that a wrong address is reported at once and not after thirty seconds."""

import ssl
import time

from harness.errors import HarnessError
from harness.generator.asking import ForeignProtocolError, ProbeResponse, ask, describe_error
from harness.load.spec import Load


class ProbeError(HarnessError):
    """No server that can be measured answers at the address. The message says what happened."""


def probe(load: Load) -> ProbeResponse | None:
    """Send the first request once and return the response; None if it takes too long, which is for the load to measure.

    Raises ProbeError if the connection is refused or broken, if its certificate is not trusted, or if the response is
    not HTTP or does not end.
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
        raise ProbeError(f"{where}: there is no TLS to be had: {describe_error(error)}") from error
    except ConnectionResetError as error:
        raise ProbeError(f"no answer from {where}: {describe_error(error)}") from error
    except OSError as error:
        raise ProbeError(f"unable to connect to {where}: {describe_error(error)}") from error
    if answer.is_endless:
        raise ProbeError(
            f"{where} {answer.incomplete_reason}; choose another path or, where it does end, a longer --timeout"
        )
    return answer
