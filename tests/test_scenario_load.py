"""``[load]`` of a scenario file: what it comes to with the files it names, and every reason why it can't be used."""

import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.load.spec import Arrivals, DataTable, Expectation, Request, Stage, Target
from harness.scenario import Scenario, ScenarioError, ScenarioLoad, load_scenario

TOPOLOGY = '[[topology]]\nname = "raw"\ncommand = ["server", "--port", "{port}"]\n'
DIGEST = "0123456789abcdef" * 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files that a scenario may name, which is not the working folder."""
    (tmp_path / "bodies").mkdir()
    (tmp_path / "bodies/binary").write_bytes(bytes(range(256)))
    (tmp_path / "data.csv").write_text("id,name\n1,é\n2,b c\n", encoding="utf-8")
    (tmp_path / "ragged.csv").write_text("id,name\n1\n", encoding="utf-8")
    return tmp_path


def scenario(folder: Path, load: str, **overrides: object) -> Scenario:
    """The scenario of a file with this in its ``[load]``."""
    file = folder / "scenario.toml"
    file.write_text(f'name = "x"\n[load]\n{load}\n{TOPOLOGY}', encoding="utf-8")
    return load_scenario(file, overrides)


def loaded(folder: Path, load: str, **overrides: object) -> ScenarioLoad:
    return scenario(folder, load, **overrides).load


def refusal(folder: Path, load: str, **overrides: object) -> list[str]:
    """The reasons given, without the file's name and the line there, which every one begins with."""
    with pytest.raises(ScenarioError) as caught:
        scenario(folder, load, **overrides)
    file = re.compile(re.escape(str(folder / "scenario.toml")) + r"(:\d+)?: ")
    lines = str(caught.value).splitlines()
    assert all(map(file.match, lines))
    return [file.sub("", line, count=1) for line in lines]


def test_nothing_said_is_a_closed_loop_of_one_request(folder: Path) -> None:
    load = loaded(folder, "")
    assert (load.arrivals, load.connections, load.threads, load.duration_s) == (None, 40, 20, 3.0)
    assert (load.requests, load.data, load.keepalive, load.processes) == ((Request(),), None, True, 1)
    assert load.expect == Expectation()
    assert load.is_one_request


def test_an_open_loop_may_open_more_connections(folder: Path) -> None:
    assert loaded(folder, "rate = 5").connections == loaded(folder, 'stages = ["1s:5"]').connections == 500
    assert loaded(folder, "rate = 5\nconnections = 7").connections == 7


def test_threads_are_never_more_than_connections_unless_asked(folder: Path) -> None:
    assert loaded(folder, "connections = 3").threads == 3
    assert refusal(folder, "connections = 3\nthreads = 4") == ["load: expected threads <= connections, got 4 > 3"]


@pytest.mark.parametrize(
    ("load", "arrivals", "duration_s"),
    [
        ("rate = 1500", Arrivals(rate_per_s=1500), 3.0),
        ("rate = 0.5\nduration = '9s'", Arrivals(rate_per_s=0.5), 9.0),
        ('rate = 5\narrivals = "poisson"', Arrivals(kind="poisson", rate_per_s=5), 3.0),
        (
            'rate = 5\nstages = ["500ms:50", "1m:0"]',
            Arrivals(rate_per_s=5, stages=(Stage(duration_s=0.5, rate_per_s=50), Stage(duration_s=60, rate_per_s=0))),
            60.5,
        ),
        ('stages = ["2s:9"]', Arrivals(rate_per_s=0, stages=(Stage(duration_s=2, rate_per_s=9),)), 2.0),
    ],
)
def test_rate_and_stages_make_an_open_loop(folder: Path, load: str, arrivals: Arrivals, duration_s: float) -> None:
    assert (loaded(folder, load).arrivals, loaded(folder, load).duration_s) == (arrivals, duration_s)


def test_one_request_stands_in_the_table_itself(folder: Path) -> None:
    load = loaded(folder, 'path = "/a?b=1"\nmethod = "PUT"\nheaders = { X-A = "b" }\nbody = "é"')
    assert load.requests == (Request(path="/a?b=1", method="PUT", headers={"X-A": "b"}, body="é".encode()),)


def test_several_requests_have_weights_and_bodies_from_beside_the_scenario(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    load = loaded(
        folder,
        '[[load.request]]\npath = "/a"\nweight = 3\n'
        '[[load.request]]\nmethod = "POST"\nbody_file = "bodies/binary"\nheaders = { X-A = "b" }\n',
    )
    assert load.requests == (
        Request(path="/a", weight=3),
        Request(method="POST", body=bytes(range(256)), headers={"X-A": "b"}),
    )
    assert not load.is_one_request


def test_data_is_read_from_beside_the_scenario(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    load = loaded(folder, 'data = "data.csv"\npath = "/{id}"')
    assert load.data == DataTable(columns=("id", "name"), rows=(("1", "é"), ("2", "b c")))
    assert not load.is_one_request


def test_what_else_can_be_said(folder: Path) -> None:
    load = loaded(
        folder,
        "keepalive = false\nprocesses = 3\nwarmup = '2s'\ntimeout = '9s'\n"
        f"expect_status = [200, 204]\nexpect_length = 0\nexpect_body_sha256 = '{DIGEST}'",
    )
    assert (load.keepalive, load.processes, load.warmup_s, load.timeout_s) == (False, 3, 2.0, 9.0)
    assert load.expect == Expectation(statuses=(200, 204), body_bytes=0, body_sha256=DIGEST)
    assert loaded(folder, 'processes = "auto"').processes == "auto"


@pytest.mark.parametrize(
    ("said", "expect"),
    [
        ("", Expectation()),
        ("expect_body = 'same'", Expectation()),
        ("expect_body = 'any'", Expectation(same_body=False)),
        (f"expect_body = '{DIGEST.upper()}'", Expectation(body_sha256=DIGEST)),
        ("expect_body = 'contains:a: b'", Expectation(body_contains="a: b")),
        ("expect_body = 'matches:^a[0-9]+$'", Expectation(body_matches="^a[0-9]+$")),
        (f"expect_body_sha256 = '{DIGEST}'\nexpect_body = 'same'", Expectation(body_sha256=DIGEST)),
    ],
)
def test_what_a_body_should_be(folder: Path, said: str, expect: Expectation) -> None:
    made = scenario(folder, said)
    assert made.load.expect == expect
    assert Scenario.model_validate_json(made.model_dump_json(by_alias=True)) == made


def test_the_same_body_is_wished_for_where_nothing_else_is(folder: Path) -> None:
    said = {"": True, "any": False, DIGEST: False, "contains:a": False, "matches:a": False}
    for what, wished in said.items():
        load = loaded(folder, f"expect_body = '{what}'" if what else "")
        assert load.expect.wants_same_body is wished


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("'some'", "load.expect_body: expected 'any', 'same', a SHA-256 of 64 hex digits, 'contains:TEXT' or"),
        ("'contains:'", "load.expect_body: expected 'any', 'same'"),
        ("'matches:('", "load.expect_body: expected a regular expression, got '(': missing )"),
        ("''", "load.expect_body: expected 'any', 'same'"),
        (f"'any'\nexpect_body_sha256 = '{DIGEST}'", "expected expect_body or expect_body_sha256, not both"),
    ],
)
def test_what_no_body_can_be(folder: Path, said: str, words: str) -> None:
    (reason,) = refusal(folder, f"expect_body = {said}")
    assert words in reason


def test_a_load_can_be_had_at_any_target(folder: Path) -> None:
    target = Target(host="127.0.0.1", port=80)
    load = loaded(folder, 'rate = 5\ndata = "data.csv"\nkeepalive = false\nexpect_length = 3').at(target, seed=7)
    assert (load.target, load.seed, load.keepalive) == (target, 7, False)
    assert load.data is not None
    assert load.arrivals == Arrivals(rate_per_s=5)
    assert load.expect.body_bytes == 3


@pytest.mark.parametrize(
    "load",
    [
        "",
        'rate = 5.5\narrivals = "poisson"\nstages = ["100ms:5", "1s:0.25"]',
        'method = "POST"\nbody_file = "bodies/binary"',
        'data = "data.csv"\npath = "/{id}"\nheaders = { X-N = "{name}" }\nprocesses = "auto"\nkeepalive = false',
        f"expect_status = [200, 204]\nexpect_length = 3\nexpect_body_sha256 = '{DIGEST}'",
        '[[load.request]]\nweight = 9\n[[load.request]]\nbody_file = "bodies/binary"\n',
    ],
)
def test_a_scenario_survives_being_written(folder: Path, load: str) -> None:
    made = scenario(folder, load)
    again = Scenario.model_validate_json(made.model_dump_json(by_alias=True))
    assert again == made
    assert again.load.requests == made.load.requests


@pytest.mark.parametrize(
    ("load", "reasons"),
    [
        ("rate = 0", ["load: expected a rate above 0"]),
        ('stages = ["1s:0"]', ["load: expected a rate above 0"]),
        ("rate = -1", ["load.rate: expected greater than or equal to 0, got -1"]),
        ("rate = inf", ["load.rate: expected a finite number, got inf"]),
        ('arrivals = "poisson"', ["load: expected a rate or stages, since arrivals is for an open loop"]),
        (
            'duration = "1s"\nstages = ["1s:5"]',
            ["load: expected duration or stages, not both: the stages say how long"],
        ),
        (
            'stages = ["1s:5", "soon"]',
            ["load.stages: expected a stage such as '30s:500' (duration:requests/s), got 'soon'"],
        ),
        ("processes = 0", ["load.processes: expected a number from 1 to 256 or 'auto', got 0"]),
        ("processes = true", ["load.processes: expected a number from 1 to 256 or 'auto', got true"]),
        ('processes = "all"', ["load.processes: expected a number from 1 to 256 or 'auto', got 'all'"]),
        ("processes = 9\nconnections = 8", ["load: expected processes <= connections, got 9 > 8"]),
        ("expect_status = [99]", ["load.expect_status[0]: expected greater than or equal to 100, got 99"]),
        ('body = "a"\nbody_file = "bodies/binary"', ["load.body_file: expected body or body_file, not both"]),
        (
            'path = "/"\n[[load.request]]\n',
            ["load: expected one request in [load] or several in [[load.request]], not both"],
        ),
        (
            'data = "data.csv"\npath = "/{id}/{typo}"\nheaders = { X-A = "{nme}" }',
            [
                "load: request 1: path: {typo} is no column; there are {id}, {name}",
                "load: request 1: header X-A: {nme} is no column; there are {id}, {name}",
            ],
        ),
    ],
)
def test_what_can_not_be_used_is_told_with_its_key(folder: Path, load: str, reasons: list[str]) -> None:
    assert refusal(folder, load) == reasons


def test_every_error_in_the_tables_is_told_at_once(folder: Path) -> None:
    reasons = refusal(
        folder,
        """
        rate = "fast"
        arrivals = "often"
        stages = "1s:5"
        keepalive = "no"
        processes = 1.5
        expect_status = [99, "200"]
        expect_length = -1
        expect_body_sha256 = "abc"
        data = 3
        body = "a"
        body_file = "b"
        typo = 1
        [[load.request]]
        weight = 0
        typo = 1
        [[load.request]]
        path = "relative"
        body = "a"
        body_file = "b"
        """,
    )
    keys = {reason.split(":")[0].removeprefix("load.") for reason in reasons}
    expected = {"rate", "arrivals", "stages", "keepalive", "processes", "expect_length", "expect_body_sha256", "data"}
    expected |= {"expect_status[0]", "expect_status[1]", "body_file", "typo"}
    expected |= {"request[0].weight", "request[0].typo", "request[1].path", "request[1].body_file"}
    assert keys == expected
    assert len(reasons) == len(keys)
    assert (
        "load.request[0].typo: unknown key; expected one of path, method, headers, body, body_file, weight" in reasons
    )


def test_every_file_that_can_not_be_used_is_told_at_once(folder: Path) -> None:
    tables = '[[load.request]]\nbody_file = "{}"\n'
    text = 'data = "ragged.csv"\n' + tables.format("no") + tables.format("bodies/binary") + tables.format("bodies")
    assert refusal(folder, text) == [
        f"load.request[0].body_file: {folder / 'no'}: No such file or directory",
        f"load.request[2].body_file: {folder / 'bodies'}: Is a directory",
        f"load.data: {folder / 'ragged.csv'}, line 2: expected 2 fields, got 1",
    ]
    assert refusal(folder, 'body_file = "no"\ndata = "never.csv"') == [
        f"load.body_file: {folder / 'no'}: No such file or directory",
        f"load.data: {folder / 'never.csv'}: No such file or directory",
    ]


def test_a_rate_from_the_command_line_wins(folder: Path) -> None:
    assert loaded(folder, "", **{"load.rate": 9.0}).arrivals == Arrivals(rate_per_s=9)
    assert loaded(folder, "rate = 5", **{"load.rate": 9.0}).arrivals == Arrivals(rate_per_s=9)
    assert refusal(folder, "", **{"load.rate": 0.0}) == ["load: expected a rate above 0"]


def test_compare_takes_a_rate(folder: Path) -> None:
    file = folder / "scenario.toml"
    text = TOPOLOGY.replace('"server"', f'"{sys.executable}"')
    file.write_text(f'name = "x"\nrounds = 2\n{text}', encoding="utf-8")
    done = CliRunner().invoke(app, ["compare", str(file), "--rate", "50", "--dry-run"])
    assert done.exit_code == 0, done.stderr
    done = CliRunner().invoke(app, ["compare", str(file), "-R", "0", "--dry-run"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"harness: {file}: load: expected a rate above 0\n"
