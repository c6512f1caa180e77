"""wrk's output, line for line."""

import re

from harness.load.result import Errors, Offered
from harness.report.load.wrk import wrk_text
from tests.made_runs import load_result

# The grammar of wrk 4.x: src/wrk.c prints these lines in this order, with numbers padded as here.
TIME = r"[\d.]+(us|ms|s|m)"
LINES = [
    r"Running \d+(s|m|h) test @ http://\S+",
    r"  \d+ threads and \d+ connections",
    r"  Thread Stats   Avg      Stdev     Max   \+/- Stdev",
    rf"    Latency   +{TIME} +{TIME} +{TIME} +[\d.]+%",
    r"    Req/Sec   +[\d.]+[kM]? +[\d.]+[kM]? +[\d.]+[kM]? +[\d.]+%",
    r"  \d+ requests in [\d.]+(us|ms|s|m), [\d.]+[KMGT]?B read",
    r"Requests/sec: +[\d.]+",
    r"Transfer/sec: +[\d.]+[KMGT]?B",
]


def test_lines_are_wrks() -> None:
    lines = wrk_text(load_result(930)).splitlines()
    assert len(lines) == len(LINES)
    for line, pattern in zip(lines, LINES, strict=True):
        assert re.fullmatch(pattern, line), line


def test_columns_stand_where_wrk_has_them() -> None:
    lines = wrk_text(load_result(930)).splitlines()
    assert lines[3] == "    Latency     1.50ms  289.14us   2.00ms   57.74%"
    assert lines[4] == "    Req/Sec   465.00      0.00   465.00    100.00%"
    assert lines[6] == "Requests/sec:    930.00"
    assert lines[7] == "Transfer/sec:     90.82KB"


def test_the_distribution_comes_with_latency() -> None:
    lines = wrk_text(load_result(1000), latency=True).splitlines()
    assert lines[5:10] == [
        "  Latency Distribution",
        "     50%    1.50ms",
        "     75%    1.75ms",
        "     90%    1.90ms",
        "     99%    1.99ms",
    ]


def test_errors_have_lines_only_when_there_are_some() -> None:
    errors = Errors(connect=1, read=2, write=3, stale=7, timeout=4, status=5, protocol=6)
    text = wrk_text(load_result(930, errors))
    assert "  Socket errors: connect 1, read 15, write 3, timeout 4\n" in text
    assert "  Non-2xx or 3xx responses: 5\n" in text
    assert "errors" not in wrk_text(load_result(930))


def test_an_open_loop_says_so_where_wrk_has_no_word_for_it() -> None:
    offered = Offered(
        kind="poisson",
        is_ramp=False,
        asked_per_s=500.0,
        rate_per_s=500.0,
        due=500,
        begun=500,
        dropped=0,
        late=0,
        queued=0,
        send_lag_us=None,
    )
    lines = wrk_text(load_result(930).model_copy(update={"loop": "open", "offered": offered})).splitlines()
    assert lines[1] == "  2 threads and 4 connections at most, 500 requests/s offered, poisson"
    assert re.match(LINES[1], lines[1])
    assert len(lines) == len(LINES)
