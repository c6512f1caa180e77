"""The environment variable `CART_COUPONS`: how many coupons every page considers."""

import os
import re
import sys
from collections.abc import Mapping
from typing import Final

from servers.cart.catalogue import CATALOGUE

DEFAULT_COUPONS: Final = "6"

MISUSE: Final = 2
# To gunicorn and uvicorn this exit code of a worker means that a new one would fail as well;
# after any other they would start workers for ever.
WORKER_CANNOT_START: Final = 3


def coupons_considered(environment: Mapping[str, str]) -> int:
    """The setting in `environment`; ValueError when it is not a number of coupons the shop has."""
    text = environment.get("CART_COUPONS", DEFAULT_COUPONS)
    most = len(CATALOGUE.coupons)
    if re.fullmatch("[0-9]{1,2}", text) is None or int(text) > most:
        raise ValueError(f"CART_COUPONS must be a whole number from 0 to {most}, not {text!r}")
    return int(text)


def coupons_or_exit(exit_code: int) -> int:
    """The setting of this process; a wrong one ends it with one line on stderr and `exit_code`."""
    try:
        return coupons_considered(os.environ)
    except ValueError as error:
        print(error, file=sys.stderr)
        raise SystemExit(exit_code) from None
