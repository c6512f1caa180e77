"""Every reader on what its tool really printed, once, on a two-core virtual machine with nginx on the other core.

``-404`` is a page that is not there, ``-refused`` a port on which nobody listens, ``wrk-errors`` a server that hangs up
within an answer. The histograms of ours are left out; k6 was not run, and shares its reader with Locust.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from bench.readings import (
    Reading,
    read_ab,
    read_autocannon,
    read_h2load,
    read_harness,
    read_hey,
    read_scripted,
    read_wrk,
)

OUTPUTS: Final = Path(__file__).parent / "outputs"

Reader = Callable[[str], Reading]


@pytest.mark.parametrize(
    ("read", "name", "reading"),
    [
        (read_wrk, "wrk", Reading(43290, 43229.69, 0, 0.86, 1.43)),
        (read_wrk, "wrk-errors", Reading(14509, 14474.25, 288, 0.233, 1.03)),
        (read_wrk, "wrk-404", Reading(14466, 13154.15, 14466, 0.144, 4.15)),
        (read_h2load, "h2load", Reading(42499, 42499.0, 0, None, None)),
        (read_h2load, "h2load-404", Reading(15097, 15097.0, 15097, None, None)),
        (read_h2load, "h2load-refused", Reading(0, 0.0, 0, None, None)),
        (read_ab, "ab", Reading(47000, 46999.86, 0, 1, 1)),
        (read_ab, "ab-404", Reading(15470, 15429.96, 15470, 0, 4)),
        (read_hey, "hey", Reading(29112, 29079.3845, 0, 1.3, 3.3)),
        (read_hey, "hey-404", Reading(5281, 5267.5014, 5281, 0.3, 6.6)),
        (read_hey, "hey-refused", Reading(0, 17061.5096, 17068, None, None)),
        (read_autocannon, "autocannon", Reading(27785, 27784, 0, 1, 8)),
        (read_autocannon, "autocannon-404", Reading(7698, 7698, 7698, 0, 6)),
        (read_autocannon, "autocannon-refused", Reading(0, 0, 3936, 0, 0)),
        (read_scripted, "locust", Reading(6444, 3592.928885568515, 0, 7, 19, 1.6988770459999998)),
        (read_scripted, "locust-404", Reading(3819, 2149.0831105612674, 3819, 1, 8, 1.34206892)),
        (read_harness, "harness", Reading(14193, 14183.960774557785, 0, 0.1052475, 4.2332155, 0.3154350000000001)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_figures_are_read(read: Reader, name: str, reading: Reading) -> None:
    assert told(read((OUTPUTS / f"{name}.txt").read_text())) == pytest.approx(told(reading))


def told(reading: Reading) -> dict[str, float]:
    """The figures that a tool did report."""
    return {name: figure for name, figure in vars(reading).items() if figure is not None}


def test_our_errors_are_added_up_and_latencies_may_be_missing() -> None:
    text = (OUTPUTS / "harness-404.txt").read_text()
    assert read_harness(text).errors == read_harness(text).requests == 43295
    without = json.dumps(json.loads(text) | {"latency_ms": None})
    assert (read_harness(without).p50_ms, read_harness(without).p99_ms) == (None, None)


def test_what_a_script_prints_before_its_last_line_does_not_matter() -> None:
    line = '{"requests": 40, "requests_per_s": 19.7, "errors": 0, "p50_ms": 1.5, "p99_ms": 3.25}'
    assert read_scripted(f"some warning\n{line}\n") == Reading(40, 19.7, 0, 1.5, 3.25)


@pytest.mark.parametrize("read", [read_wrk, read_h2load, read_ab, read_hey])
@pytest.mark.parametrize("text", ["", "Usage: it is used otherwise"])
def test_what_is_no_output_says_what_is_missing(read: Reader, text: str) -> None:
    with pytest.raises(ValueError, match="nothing like"):
        read(text)


@pytest.mark.parametrize("read", [read_autocannon, read_harness, read_scripted])
@pytest.mark.parametrize("text", ["", "{}", "no JSON"])
def test_what_is_no_json_or_another_is_refused(read: Reader, text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        read(text)
