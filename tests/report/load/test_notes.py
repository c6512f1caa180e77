"""What is said under wrk's block."""

import re

import pytest

from harness.load.result import Errors, GeneratorHost, HealthWarning, LoadResult, Offered
from harness.report.load.notes import load_text, notes
from harness.report.load.wrk import wrk_text
from tests.report.load.made import closed, opened

MS = 1_000_000
CLOSED = closed([MS] * 100)
OFFERED = Offered(
    kind="poisson", is_ramp=False,
    asked_per_s=500.0, rate_per_s=500.0, due=15_000, begun=14_990, dropped=10, late=12, queued=40,
    send_lag_us={"p50": 12.0, "p90": 20.0, "p99": 85.0, "p99_9": 220.0, "max": 1203.0},  # type: ignore[arg-type]
)  # fmt: skip
OPEN = opened([MS] * 98 + [300 * MS, 1200 * MS], service_ns=[MS] * 99 + [3 * MS], offered=OFFERED, unfinished=7)
DOUBTS = [
    HealthWarning(kind="busy", what="the loop was busy 97% of the time.", advice="Use more processes."),
    HealthWarning(kind="lagging", what="requests were taken up late.", advice="Offer less."),
]
EVERYTHING = OPEN.model_copy(
    update={
        "errors": Errors(timeout=3, status=4, body=5),
        "checked": 300,
        "processes": 4,
        "cpus": [0, 2],
        "generator_bound": True,
        "doubts": DOUBTS,
    }
)


def row(result: LoadResult, name: str) -> str:
    """The line of a table that begins with this name, its columns joined by one space."""
    (line,) = [line for line in notes(result) if line.startswith(f"  {name} ")]
    return " ".join(line.split())


def test_a_closed_loop_says_what_it_can_not_see() -> None:
    note = notes(CLOSED)[-1]
    assert note.startswith("Closed loop:")
    assert "at most one request per connection meets the stall" in note
    assert "--rate" in note


def test_an_open_loop_sets_the_offer_beside_what_became_of_it() -> None:
    assert notes(OPEN)[0] == (
        "Open loop, Poisson arrivals: 500 requests/s asked for, 500 requests/s offered, 100 requests/s achieved."
    )
    assert not any("Closed" in note for note in notes(OPEN))
    assert row(OPEN, "due").startswith("due 15,000 in the window")
    assert row(OPEN, "begun").startswith("begun 14,990 ")
    assert row(OPEN, "dropped").startswith("dropped 10 of those due:")
    assert row(OPEN, "late").startswith("late 12 of those begun:")
    assert row(OPEN, "queued").startswith("queued 40 of those begun:")
    assert row(OPEN, "unfinished").startswith("unfinished 7 ")


def test_response_time_stands_beside_service_time_and_the_generators_own_lag() -> None:
    assert row(OPEN, "time") == "time p50 p99 p99.9 p99.99 max"
    assert row(OPEN, "response").startswith("response 1.00ms 300.02ms 1.20s 1.20s 1.20s since the request was due")
    assert row(OPEN, "service").startswith("service 1.00ms 1.00ms 3.00ms 3.00ms 3.00ms since it was sent")
    assert row(OPEN, "send lag").startswith("send lag 12.00us 85.00us 220.00us 1.20ms from due until")


def test_numbers_stand_under_each_other() -> None:
    lines = [line for line in notes(OPEN) if re.match("  (time|response|service|send lag) ", line)]
    ends = [[lines[0].index(name) + len(name) for name in ("p50", "p99.99", "max")]] * 2
    for line, columns in zip(lines[1:3], ends, strict=True):
        for end in columns:
            assert line[end - 1] != " "
            assert line[end] == " "


def test_times_that_were_not_measured_are_left_out() -> None:
    assert not any("service" in note for note in notes(OPEN.model_copy(update={"service_ms": None})))
    idle = OFFERED.model_copy(update={"send_lag_us": None})
    assert not any("send lag" in note for note in notes(OPEN.model_copy(update={"offered": idle})))
    assert "No request ended in the window, so there are no times." in notes(
        OPEN.model_copy(update={"latency_ms": None})
    )


def test_every_doubt_has_a_line_with_its_advice() -> None:
    lines = [note for note in notes(EVERYTHING) if note.startswith("generator-bound:")]
    assert lines == [
        "generator-bound: the loop was busy 97% of the time. Use more processes.",
        "generator-bound: requests were taken up late. Offer less.",
    ]


def test_what_is_out_of_the_ordinary_is_said_and_nothing_else() -> None:
    said = "\n".join(notes(EVERYTHING))
    assert "3 requests timed out: each is in the latencies with the time it had waited" in said
    assert "Checked 300 of 100 bodies: 5 were not as expected." in said
    assert "The generator ran as 4 processes, pinned to CPUs 0, 2." in said
    unsaid = "\n".join(notes(OPEN))
    for word in ("timed out", "Checked", "processes", "generator-bound", "Non-2xx"):
        assert word not in unsaid


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"checked": 100}, "Checked 100 of 100 bodies: all as expected."),
        ({"errors": Errors(body=2)}, "Checked 0 of 100 bodies: 2 were not as expected."),
        ({"to_check": 90}, "None of 90 bodies could be compared with the expected one: use a longer --duration."),
        (
            {"reconnected": 1},
            "1 requests were sent again, on a new connection, since theirs had ended before the answer began; their"
            " latency runs on.",
        ),
        (
            {"reconnected": 2},
            "2 requests were sent again, on a new connection, since theirs had ended before the answer began; their"
            " latency runs on. The server closes connections without saying so (--no-keepalive does not use them"
            " again).",
        ),
        (
            {"errors": Errors(stale=3)},
            "3 requests failed on connections that the server had closed without saying so: they are not idempotent,"
            " and were not sent again (--no-keepalive uses each connection once).",
        ),
        ({"protocol_reasons": {"bad": 3}}, "3 answers were not HTTP/1.1: bad."),
        ({"processes": 2}, "The generator ran as 2 processes."),
        ({"cpus": [3]}, "The generator ran as 1 process, pinned to CPU 3."),
        (
            {"errors": Errors(status=100), "statuses": {200: 100}},
            '"Non-2xx or 3xx" counts the 100 responses without an expected status.',
        ),
    ],
)
def test_each_of_them(changes: dict[str, object], said: str) -> None:
    assert said in notes(CLOSED.model_copy(update=changes))


def test_each_machine_that_generated_the_load_has_a_row() -> None:
    made = GeneratorHost(
        name="gen-1", processes=2, started=60, requests=60, errors=1, bytes=1, cpu_s=0.9, busy=0.9, stalled_s=0.0,
        offset_us=5.0, bound_us=40.0, round_trip_us=250.0, begun_us=3.0,
    )  # fmt: skip
    load = CLOSED.model_copy(update={"hosts": [made, made.model_copy(update={"name": "gen-2", "busy": None})]})
    assert row(load, "machine") == "machine processes requests requests/s errors busy round trip clock within"
    assert row(load, "gen-1") == "gen-1 2 60 60.0 1 90% 250.00us 40.00us"
    assert row(load, "gen-2") == "gen-2 2 60 60.0 1 – 250.00us 40.00us"


def test_statuses_of_400_or_more_are_what_wrks_line_says() -> None:
    bad = CLOSED.model_copy(update={"errors": Errors(status=30), "statuses": {200: 70, 404: 20, 500: 10}})
    assert notes(bad) == notes(CLOSED)


# How programs that read wrk's output find its figures.
WRKS = [
    r"^\s*Latency\s", r"^\s*Req/Sec\s", r"^\s*\d+(\.\d+)?%", r"\d+ requests in ", r"Requests/sec", r"Transfer/sec",
    r"Socket errors:", r"Non-2xx or 3xx responses:", r"^Running ", r"\d+ threads and", r"Thread Stats",
]  # fmt: skip


@pytest.mark.parametrize("result", [CLOSED, OPEN, EVERYTHING])
def test_wrks_block_comes_first_and_nothing_after_it_can_be_taken_for_it(result: LoadResult) -> None:
    block = wrk_text(result, latency=True)
    text = load_text(result, latency=True)
    assert text.startswith(f"{block}\n")
    rest = text.removeprefix(block)
    assert rest.endswith(notes(result)[-1] + "\n")
    for pattern in WRKS:
        assert not re.search(pattern, rest, re.MULTILINE), pattern
    assert load_text(result).startswith(f"{wrk_text(result)}\n")


def test_there_are_no_colour_codes_and_no_broken_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = notes(EVERYTHING)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    assert notes(EVERYTHING) == plain
    assert not any("\x1b" in note or note != note.rstrip() for note in plain)
