"""Scenario files: what is accepted, and what is said of everything else."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.options import rounds
from harness.load.spec import Target
from harness.scenario import Scenario, ScenarioError, ScenarioLoad, load_scenario
from harness.scenario.file import TABLES
from harness.scenario.placeholders import PLACEHOLDERS, PlaceholderError, check_placeholders, escape_braces, fill

ROOT = Path(__file__).parent.parent
SMALLEST = """
name = "small"
[[topology]]
name = "raw"
command = ["server", "--port", "{port}"]
"""


def loaded(tmp_path: Path, text: str, **overrides: Any) -> Scenario:
    file = tmp_path / "scenario.toml"
    file.write_text(text, encoding="utf-8")
    return load_scenario(file, overrides)


def refusal(tmp_path: Path, text: str) -> list[str]:
    """The reasons given, a line each, without the file's name and the line there, with which it begins."""
    with pytest.raises(ScenarioError) as caught:
        loaded(tmp_path, text)
    lines = str(caught.value).splitlines()
    file = re.compile(re.escape(str(tmp_path / "scenario.toml")) + r"(:\d+)?: ")
    assert all(map(file.match, lines))
    return [file.sub("", line, count=1) for line in lines]


def test_the_smallest_scenario_has_a_baseline_and_wrks_load(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, SMALLEST)
    assert scenario.baseline.name == "raw"
    assert (scenario.load.connections, scenario.load.threads, scenario.load.timeout_s) == (40, 20, 2.0)


def test_workers_expand_into_one_topology_each(tmp_path: Path) -> None:
    scenario = loaded(
        tmp_path,
        SMALLEST + '[[topology]]\nname = "c-{workers}"\nworkers = [1, 2, 4]\ncommand = ["c", "{workers}", "{port}"]',
    )
    assert [(t.name, t.workers, t.family) for t in scenario.topologies] == [
        ("raw", None, "raw"),
        ("c-1", 1, "c-N"),
        ("c-2", 2, "c-N"),
        ("c-4", 4, "c-N"),
    ]


def test_workers_can_be_taken_as_found(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, SMALLEST + 'workers = "as found"')
    assert (scenario.baseline.workers, scenario.baseline.workers_as_found) == (None, True)
    assert Scenario.model_validate_json(scenario.model_dump_json(by_alias=True)) == scenario


def test_workers_in_other_words_are_refused(tmp_path: Path) -> None:
    (reason,) = refusal(tmp_path, SMALLEST + 'workers = "as it is"')
    assert reason.startswith("topology[0].workers: expected a list of numbers such as [1, 2, 4], or 'as found', got")


def test_workers_as_found_fill_no_placeholder(tmp_path: Path) -> None:
    (reason,) = refusal(tmp_path, SMALLEST + 'env = { N = "{workers}" }\nworkers = "as found"')
    assert reason.endswith("expected workers = [N, ...], since {workers} is used")


def test_the_load_alternates_as_is_said(tmp_path: Path) -> None:
    usual = loaded(tmp_path, SMALLEST)
    assert (usual.interleave, usual.slice_s) == ("auto", None)
    said = loaded(tmp_path, 'interleave = "both"\nslice = "250ms"\n' + SMALLEST)
    assert (said.interleave, said.slice_s) == ("both", 0.25)
    assert Scenario.model_validate_json(said.model_dump_json(by_alias=True)) == said


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('interleave = "slice"', "interleave: expected 'auto', 'turns', 'slices', 'trials' or 'both', got 'slice'"),
        ('slice = "0s"', "slice: expected greater than 0, got '0s'"),
        ('slice = "2m"', "slice: expected less than or equal to 60, got '2m'"),
        ('malloc = "both"', "malloc: expected 'default' or 'keep', got 'both'"),
    ],
)
def test_other_ways_to_alternate_or_to_keep_memory_are_refused(tmp_path: Path, line: str, reason: str) -> None:
    assert refusal(tmp_path, f"{line}\n{SMALLEST}") == [reason]


MORE = SMALLEST + '[[topology]]\nname = "two"\ncommand = ["server", "--port", "{port}"]\n'


def mallocs(scenario: Scenario) -> list[tuple[str, str]]:
    return [(topology.name, topology.malloc) for topology in scenario.topologies]


def test_the_malloc_of_a_topology_comes_before_that_of_the_run(tmp_path: Path) -> None:
    assert mallocs(loaded(tmp_path, MORE)) == [("raw", "default"), ("two", "default")]
    assert mallocs(loaded(tmp_path, 'malloc = "keep"\n' + MORE)) == [("raw", "keep"), ("two", "keep")]
    one = loaded(tmp_path, 'malloc = "keep"\n' + MORE + 'malloc = "default"')
    assert mallocs(one) == [("raw", "keep"), ("two", "default")]
    other = loaded(tmp_path, MORE + 'malloc = "keep"')
    assert mallocs(other) == [("raw", "default"), ("two", "keep")]
    assert mallocs(other.with_malloc("default")) == [("raw", "default"), ("two", "default")]
    assert mallocs(other.with_malloc("keep")) == [("raw", "keep"), ("two", "keep")]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ('env = { MALLOC_TRIM_THRESHOLD_ = "1" }', "MALLOC_TRIM_THRESHOLD_"),
        ('pass_env = ["MALLOC_MMAP_THRESHOLD_"]', "MALLOC_MMAP_THRESHOLD_"),
    ],
)
def test_a_malloc_is_not_told_two_things(tmp_path: Path, line: str, names: str) -> None:
    reason = f'topology two: malloc = "keep" sets {names}, which env or pass_env has too: leave one of the two out'
    assert refusal(tmp_path, 'malloc = "keep"\n' + MORE + line) == [f"topology[1]: {reason}"]
    fine = loaded(tmp_path, MORE + line)
    for malloc in ("keep", "both"):
        with pytest.raises(ScenarioError, match=re.escape(reason)):
            fine.with_malloc(malloc)
    assert mallocs(fine.with_malloc("default")) == mallocs(fine)


def test_with_both_mallocs_each_topology_is_compared_with_its_twin(tmp_path: Path) -> None:
    cluster = '[[topology]]\nname = "c-{workers}"\nworkers = [1, 2]\ncommand = ["c", "{workers}", "{port}"]'
    both = loaded(tmp_path, 'malloc = "keep"\n' + SMALLEST + cluster).with_malloc("both")
    assert [(before.name, after.name, after.twin_of) for before, after in both.pairs] == [
        ("raw", "raw-keep", "raw"),
        ("c-1", "c-1-keep", "c-1"),
        ("c-2", "c-2-keep", "c-2"),
    ]
    assert {(before.malloc, after.malloc) for before, after in both.pairs} == {("default", "keep")}
    assert {(before.baseline, after.baseline) for before, after in both.pairs} == {(True, False)}
    assert both.topologies[-1].family == "c-N-keep"  # whose scaling is not mixed with that of the others
    assert Scenario.model_validate_json(both.model_dump_json(by_alias=True)) == both


@pytest.mark.parametrize("name", ["raw-keep", "x" * 76])
def test_a_twin_without_a_name_is_refused(tmp_path: Path, name: str) -> None:
    scenario = loaded(tmp_path, MORE.replace("two", name))
    with pytest.raises(ScenarioError, match="no name is left for what keeps its memory"):
        scenario.with_malloc("both")


def test_every_error_is_told_at_once_with_its_key(tmp_path: Path) -> None:
    reasons = refusal(
        tmp_path,
        """
        name = "no spaces please"
        rounds = 0
        colour = "red"
        [load]
        path = "cart"
        warmup = "a fortnight"
        connections = "40"
        duraton = "3s"
        [[topology]]
        name = "a"
        command = ["a", "{port}", "{what}"]
        [[topology]]
        name = "b"
        workers = [0]
        command = "b {port}"
        [[topology]]
        name = "c"
        command = ["c"]
        """,
    )
    keys = [reason.split(":")[0] for reason in reasons]
    assert sorted(keys) == sorted(
        [
            "name",
            "rounds",
            "colour",
            "load.path",
            "load.warmup",
            "load.connections",
            "load.duraton",
            "topology[0].command",
            "topology[1].workers[0]",
            "topology[1].command",
            "topology[2]",
        ]
    )
    assert "rounds: expected greater than or equal to 1, got 0" in reasons
    assert "load.duraton: unknown key; did you mean duration? Expected one of path, method" in "\n".join(reasons)
    assert (
        "topology[0].command: expected placeholders, and other braces doubled, got '{what}': write '{{what}}';"
        " placeholders are {python}, {harness_python}, {host}, {port}, {unix_socket}, {workers}, {replicas},"
        " {instance}, {folder}, {root}, {service.NAME.port}, {file.NAME}" in reasons
    )
    assert any(
        reason.startswith("topology[2]: expected {port} in command or env, or a fixed port = N;") for reason in reasons
    )


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ("", "topology: expected, but missing"),
        ('[[topology]]\nname = "a"\ncommand = ["a", "{port}"]\n' * 2, "expected different names, got a more than once"),
        (
            f'[[topology]]\nname = "a-{{workers}}"\nworkers = {list(range(1, 102))}\n'
            'command = ["a", "{port}", "{workers}"]\n',
            "expected at most 100 topologies, got 101",
        ),
        (
            '[[topology]]\nname = "a"\nbaseline = true\ncommand = ["a", "{port}"]\n'
            '[[topology]]\nname = "b"\nbaseline = true\ncommand = ["a", "{port}"]\n',
            "expected at most one baseline = true",
        ),
        ('[[topology]]\nname = "a"\ncommand = ["{workers}", "{port}"]\n', "expected workers = [N, ...]"),
        ('[[topology]]\nname = "../a"\ncommand = ["{port}"]\n', "topology[0].name: expected a name of letters"),
        ('[[topology]]\nname = "a"\ncommand = ["{port"]\n', "topology[0].command"),
        ('[load]\nthreads = 9\nconnections = 8\n[[topology]]\nname = "a"\ncommand = ["{port}"]\n', "threads <= conn"),
    ],
)
def test_tables_that_do_not_fit_together(tmp_path: Path, tables: str, reason: str) -> None:
    assert reason in "\n".join(refusal(tmp_path, 'name = "x"\n' + tables))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("command = ['s', '{\"a\": 1, \"port\": {port}}']", """write '{{"a": 1, "port": {port}}}'"""),
        (
            "command = ['s']\nenv = { CFG = 'ab{cd' }",
            "env: CFG: expected placeholders, and other braces doubled, got a single one as character 3; ",
        ),
        ('command = ["{port}", "a{b"]', "write 'a{{b'"),
        ('command = ["{port}", "}"]', "write '}}'"),
        ('command = ["{port}", "{}"]', "write '{{}}'"),
        ('command = ["{port}", "{0}"]', "write '{{0}}'"),
        ('command = ["{port!r}"]', "write '{{port!r}}'"),
        ('command = ["{port:>5}"]', "write '{{port:>5}}'"),
        ('command = ["{port:{workers}}"]', "write '{{port:{workers}}}'"),
        ('command = ["{port.real}"]', "write '{{port.real}}'"),
        (
            'command = ["{port}", "{prot}"]',
            "got '{prot}': write '{{prot}}'; placeholders are {python}, {harness_python}, {host}, {port}, ",
        ),
        (
            "command = \"serve --name 'a b' {port}\"",
            "a list of words, got \"serve --name 'a b' {port}\": write command = ",
        ),
        ('command = "serve {port}"', 'write command = ["serve", "{port}"]'),
        ("port = 1\ncommand = []", "expected a list of words, or [[topology.process]]"),
        ('command = ["{port}"]\nworkers = 4', "workers: expected a list, got 4: write workers = [4]"),
        ('command = ["{port}"]\npass_env = "HOME"', 'write pass_env = ["HOME"]'),
        ('command = ["{port}"]\npass_env = ["A-B"]', "expected the name of a variable: letters, digits and _"),
        ('command = ["{port}"]\nenv = { THREADS = 2 }', 'expected text, in quotes, got 2: write THREADS = "2"'),
        ('command = ["{port}"]\nenv = { DEBUG = true }', 'expected text, in quotes, got true: write DEBUG = "true"'),
        (
            'command = ["{port}"]\nenv = { "A=B" = "c" }',
            "expected the name of a variable, which is not empty and has no =",
        ),
        ('command = ["{port}"]\nenv = "A=b"', "expected a table; what was given is not shown"),
        ('command = ["{port}"]\nport = "80"', "expected a whole number, got '80': write port = 80"),
        ('command = ["{port}"]\nbaseline = "True"', "expected true or false, got 'True': write baseline = true"),
        ('command = ["{port}"]\ncomand = ["a"]', "comand: unknown key; did you mean command?"),
        ('command = ["{port}"]\nduration = "3s"', "duration: unknown key here; it belongs in [load]"),
        (
            'command = ["{port}"]\nrounds = 3',
            "unknown key here; it belongs at the top of the file, before the first table",
        ),
        (
            'command = ["{port}"]\nname = "{port}"',
            "name: expected placeholders, and other braces doubled, got '{port}'",
        ),
    ],
)
def test_what_is_written_otherwise_than_it_is_read_is_told_with_what_to_write(
    tmp_path: Path, line: str, reason: str
) -> None:
    name = "" if "\nname = " in line else 'name = "a"\n'
    (told,) = refusal(tmp_path, f'name = "x"\n[[topology]]\n{name}{line}\n')
    assert told.startswith("topology[0].")
    assert reason in told


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("connections = 4" + SMALLEST, "connections: unknown key here; it belongs in [load]"),
        ("conections = 4" + SMALLEST, "conections: unknown key; expected one of topology, name"),
        ('fail_on = "p99 < 1s"' + SMALLEST, "fail_on: unknown key here; it belongs in [gate]"),
        (
            SMALLEST + '[gate]\nfail_on = ["p99[GET /cart] < 1s"]\n[[load.request]]\n[[load.request]]\npath = "/b"',
            "gate.fail_on: p99[GET /cart] < 1s: no request of the load is called GET /cart; there are: GET /, GET /b",
        ),
        ('rounds = "5"' + SMALLEST, "rounds: expected a number of rounds or 'auto', got '5': write rounds = 5"),
        (
            "precision = 3" + SMALLEST,
            "precision: expected at least 0.0001% and less than 100%, such as '3%', got 3: write '3%'",
        ),
        ('max_time = "8h 700h"' + SMALLEST, "max_time: expected a duration such as"),
        ('max_time = "170h"' + SMALLEST, "max_time: expected at most seven days, got '170h'"),
        ('load = "/cart"' + SMALLEST, "load: expected a table, got '/cart'"),
        (SMALLEST + "[[load]]", "load: expected a table [load], in one pair of brackets, got [{}]"),
        (SMALLEST + "port = http", "not TOML: Invalid value (at line 6, column 8); text stands in quotes"),
        (
            SMALLEST.replace("[[topology]]", "[topology]"),
            "topology: expected [[topology]], a table in two pairs of brackets",
        ),
        (
            SMALLEST + '[load.request]\npath = "/"',
            "load.request: expected [[request]], a table in two pairs of brackets",
        ),
        (SMALLEST + '[load]\npath = "/a b"', "load.path: expected a path that begins with / and has no spaces"),
        (SMALLEST + '[load]\npath = "/käse"', "such as '/k%C3%A4se'; got '/käse'"),
        (
            SMALLEST + '[load]\nmethod = "put"',
            "load.method: expected a method in capitals, such as 'GET' or 'POST'; got 'put'",
        ),
        (SMALLEST + '[load]\nheaders = { "a b" = "c" }', "load.headers.a b: expected the name of a header: letters"),
        (SMALLEST + '[load]\nheaders = { A = "€" }', "load.headers.A: expected the value of a header: one line"),
        (
            SMALLEST + '[load]\nexpect_body_sha256 = "abc"',
            "expected a SHA-256, which has 64 hexadecimal digits; got 'abc'",
        ),
        (SMALLEST + "[load]\nexpect_status = 200", "write expect_status = [200]"),
        (SMALLEST.replace("small", "a" * 81), "name: expected at most 80 characters, got 'aaa"),
        (
            SMALLEST.replace('"small"', '"a b"'),
            "name: expected a name of letters, digits and any of ._+- that begins with",
        ),
    ],
)
def test_the_rule_is_told_in_words(tmp_path: Path, text: str, reason: str) -> None:
    (told,) = refusal(tmp_path, text)
    assert reason in told


def test_bytes_that_editors_put_before_a_text_are_no_matter_and_another_coding_is_told(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_bytes(SMALLEST.encode("utf-8-sig"))
    assert load_scenario(file).name == "small"
    for coding, reason in {"utf-16": "is UTF-16; save it as UTF-8", "latin-1": "line 6: not UTF-8"}.items():
        file.write_bytes((SMALLEST + "# é").encode(coding))
        with pytest.raises(ScenarioError, match=reason):
            load_scenario(file)


@pytest.mark.parametrize(
    "text",
    [
        *("{port!r}", "{workers:>99999999999}", "{port.__class__}", "{port[0]}", "{0}", "{}", "{workers:{port}}", "{"),
        *("}", "{port!}", "{port:}"),
    ],
)
def test_nothing_but_a_name_in_braces_is_filled_wherever_it_is_from(tmp_path: Path, text: str) -> None:
    with pytest.raises(PlaceholderError):
        fill(text, {"port": 1, "workers": 2})
    written = loaded(tmp_path, SMALLEST).model_dump(mode="json", by_alias=True)
    written["topologies"][0]["command"].append(text)
    with pytest.raises(ValueError, match="expected placeholders, and other braces doubled"):
        Scenario.model_validate_json(json.dumps(written))
    fields = {"name": "'a'", "command": "['{port}']", "env": "{ A = 'b' }"}
    for key, value in {"name": f"'{text}'", "command": f"['{{port}}', '{text}']", "env": f"{{ A = '{text}' }}"}.items():
        lines = "\n".join(f"{name} = {value if name == key else usual}" for name, usual in fields.items())
        (told,) = refusal(tmp_path, f"name = 'x'\n[[topology]]\n{lines}\n")
        where = f"topology[0].{key}: {'A: ' if key == 'env' else ''}"
        assert told.startswith(f"{where}expected placeholders, and other braces doubled, got ")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "value",
    [
        *("0x" + "f" * 12000, "[0x" + "f" * 12000 + "]", "1" + "0" * 400, "9" * 5000, "[inf]", "[]"),
        *('"' + "k" * 30000 + '"', '"a\\u001b[31m\\u0000b"'),
    ],
)
def test_what_nobody_would_write_is_told_in_short_lines_that_do_nothing(
    tmp_path: Path, table: tuple[str, ...], value: str
) -> None:
    for key in (*TABLES[table], "k" * 30000, '"a\\u001b[31m\\u0000b"'):
        for line in told(tmp_path, text_with(table, key, value)).split("\n"):
            assert len(line) < 700, key
            assert line.isprintable(), key
            assert key in TABLES[table] or re.search("unknown key|expected|not TOML", line), key


def text_with(table: tuple[str, ...], key: str, value: str) -> str:
    """A scenario with this value in this table."""
    tables = {(): {"name": '"x"'}, ("topology",): {"name": '"a"', "command": '["{port}"]'}}
    tables[table] = tables.get(table, {}) | {key: value}
    brackets = {(): "", ("load",): "[load]", ("gate",): "[gate]"}
    return "".join(
        "\n".join(
            [brackets.get(name, f"[[{'.'.join(name)}]]"), *(f"{key} = {value}" for key, value in lines.items()), ""]
        )
        for name, lines in sorted(tables.items())
    )


def told(tmp_path: Path, text: str) -> str:
    """What is said against it, if anything is."""
    try:
        loaded(tmp_path, text)
    except ScenarioError as error:
        return str(error)
    return ""


def test_the_line_is_told_where_what_is_wrong_begins(tmp_path: Path) -> None:
    text = (
        'name = "x"\n# 2\nrounds = 0\n[load]\nbody = """\n6\n7"""\nheaders = { A = "€" }\n'
        '[[topology]]\nname = "a"\ncommand = [\n "{port}",\n "{prot}",\n]\n[topology.env]\n"A=" = ""\n[[topology]]\n'
        'name = "b c"\n'
    )
    with pytest.raises(ScenarioError) as caught:
        loaded(tmp_path, text)
    told = [line.removeprefix(f"{tmp_path}/").split(": ")[:2] for line in str(caught.value).splitlines()]
    assert told == [
        ["scenario.toml:3", "rounds"],
        ["scenario.toml:8", "load.headers.A"],
        ["scenario.toml:11", "topology[0].command"],
        ["scenario.toml:16", "topology[0].env.A="],
        ["scenario.toml:18", "topology[1].name"],
        ["scenario.toml:17", "topology[1].command"],
    ]
    with pytest.raises(ScenarioError, match=r"scenario\.toml: rounds: "):  # not from the file
        loaded(tmp_path, "rounds = 1" + SMALLEST, rounds=-1)


def test_a_value_without_end_costs_the_line_and_no_time(tmp_path: Path) -> None:
    text = 'name = "x"\nrounds = 0\nprepare = ["""' + "\n" * 30000 + '"""]\n' + SMALLEST.partition('"small"')[2]
    began_s = time.monotonic()
    assert refusal(tmp_path, text)[0].startswith("rounds: ")
    assert time.monotonic() - began_s < 20  # seconds: a reading for each line would take minutes


def test_a_number_of_rounds_of_any_length_is_left_to_the_scenario(tmp_path: Path) -> None:
    assert [rounds("7"), rounds("-3"), rounds("auto"), rounds("9" * 5000)] == [7, -3, "auto", "9" * 5000]
    with pytest.raises(ScenarioError, match="rounds: expected a number of rounds or 'auto', got '999"):
        loaded(tmp_path, SMALLEST, rounds="9" * 5000)


@given(st.text("{}ab!:.0port", max_size=12))
def test_every_text_is_filled_or_refused_with_braces_that_work(text: str) -> None:
    try:
        check_placeholders([text])
    except ValueError:
        text = escape_braces(text)
        assert check_placeholders([text]) <= {"port"}
    filled = text.format_map(dict.fromkeys(PLACEHOLDERS, 1))
    assert fill(text, dict.fromkeys(PLACEHOLDERS, 1)) == filled


def test_a_server_may_listen_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    lines = 'host = "::1"\nscheme = "https"\nca_file = "ca.pem"\n'
    topology = loaded(tmp_path, SMALLEST + lines).topologies[0]
    assert (topology.host, topology.scheme, topology.ca_file) == ("::1", "https", str(tmp_path / "ca.pem"))
    (plain,) = loaded(tmp_path, SMALLEST).topologies
    assert (plain.host, plain.scheme, plain.listens_on_unix_socket) == ("127.0.0.1", "http", False)
    (fresh,) = loaded(tmp_path, SMALLEST.replace("{port}", "{unix_socket}")).topologies
    (fixed,) = loaded(tmp_path, SMALLEST.replace("{port}", "x") + 'unix_socket = "app.sock"\n').topologies
    assert fresh.listens_on_unix_socket
    assert fixed.listens_on_unix_socket


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "0.0.0.0", "::"])
def test_any_address_of_this_machine_alone_is_one_to_listen_on(tmp_path: Path, host: str) -> None:
    assert loaded(tmp_path, SMALLEST + f'host = "{host}"\n').topologies[0].host == host


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ('host = "10.9.9.9"', "topology[0].host: expected an address of this machine such as '127.0.0.1'"),
        ('host = "example.org"', "topology[0].host: expected an address of this machine"),
        ('host = "[::1]"', "topology[0].host: expected an address of this machine"),
        ('scheme = "ftp"', "topology[0].scheme: expected 'http' or 'https'"),
        ('ca_file = "ca.pem"', 'topology[0]: expected scheme = "https", since ca_file is for the certificate'),
        ('scheme = "https"\nca_file = "no.pem"', "topology[0].ca_file: "),
        ('port = 1\nunix_socket = "x"', "topology[0]: expected port or unix_socket, not both"),
        ('unix_socket = ""', "topology[0].unix_socket"),
    ],
)
def test_places_where_no_server_is_measured_are_refused(tmp_path: Path, lines: str, reason: str) -> None:
    (said,) = refusal(tmp_path, SMALLEST + lines + "\n")
    assert said.startswith(reason)


def test_all_files_that_are_not_there_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    tls = 'scheme = "https"\nca_file = "no.pem"\n'
    text = f"""name = "x"
[load]
data = "no.csv"
body_file = "no.bin"
method = "POST"
[[topology]]
name = "one"
command = ["serve", "{{port}}"]
{tls}[[topology]]
name = "two"
command = ["serve", "{{port}}"]
{tls}"""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    places = [line.removeprefix(f"{file}:").split(": ")[:2] for line in str(caught.value).splitlines()]
    assert places == [
        ["10", "topology[0].ca_file"],
        ["15", "topology[1].ca_file"],
        ["4", "load.body_file"],
        ["3", "load.data"],
    ]


def test_the_path_that_tells_when_a_server_is_ready_is_no_part_of_the_load(tmp_path: Path) -> None:
    assert loaded(tmp_path, SMALLEST).load.ready_path is None
    load = loaded(tmp_path, SMALLEST, **{"load.ready_path": "/health"}).load
    assert (load.ready_path, load.as_closed_loop().ready_path, load.as_open_loop(5.0).ready_path) == ("/health",) * 3
    assert [request.path for request in load.at(Target(host="127.0.0.1", port=1), seed=0).requests] == ["/"]
    assert ScenarioLoad.model_validate_json(load.model_dump_json(exclude={"ready_path"})).ready_path is None


def test_rounds_go_on_until_sure_unless_a_number_is_given(tmp_path: Path) -> None:
    assert loaded(tmp_path, SMALLEST).rounds is None
    assert loaded(tmp_path, 'rounds = "auto"' + SMALLEST).rounds is None
    assert loaded(tmp_path, "rounds = 7" + SMALLEST).rounds == 7
    scenario = loaded(tmp_path, 'precision = "1%"\nmargin = "0.5%"\nmax_time = "90s"' + SMALLEST)
    assert (scenario.precision, scenario.margin, scenario.max_time_s) == (0.01, 0.005, 90.0)


@pytest.mark.parametrize("line", ['rounds = "sure"', 'precision = "0%"', 'margin = "100%"', "max_time = 0"])
def test_settings_of_the_rounds_that_make_no_sense_are_refused(tmp_path: Path, line: str) -> None:
    (reason,) = refusal(tmp_path, line + SMALLEST)
    assert reason.startswith(f"{line.split()[0]}: expected")


@pytest.mark.parametrize("text", ["x = " + "[" * 50_000, "[" + "a." * 10_000 + "a]", 'x = "' + "y" * 2**20 + '"'])
def test_files_that_nobody_would_write_are_refused_in_short_lines(tmp_path: Path, text: str) -> None:
    assert all(len(reason) < 300 for reason in refusal(tmp_path, text))


@pytest.mark.parametrize(
    "line",
    [
        'name = "a\\u0000b"',
        'name = "a\\u001b[31m"',
        'name = "../../etc"',
        'name = "/etc/passwd"',
        "rounds = -1",
        "rounds = 1000000000",
        'max_time = "999999999h"',
        "max_time = -3",
        "precision = inf",
        "start_timeout = nan",
        "rounds = 9223372036854775808",
    ],
)
def test_values_that_no_run_could_have_are_refused(tmp_path: Path, line: str) -> None:
    text = SMALLEST.replace('name = "small"', "") if line.startswith("name") else SMALLEST
    (reason,) = refusal(tmp_path, line + text)
    assert reason.startswith(f"{line.split()[0]}: ")
    assert "\x1b" not in reason


@pytest.mark.parametrize("names", ['["A B"]', '["1A"]', '[""]', '"HOME"'])
def test_names_that_no_variable_has_are_refused(tmp_path: Path, names: str) -> None:
    (reason,) = refusal(tmp_path, SMALLEST + f"pass_env = {names}\n")
    assert reason.startswith("topology[0].pass_env")


def test_what_is_not_toml_names_the_line(tmp_path: Path) -> None:
    assert "line 2" in refusal(tmp_path, 'name = "x"\nrounds = = 3\n')[0]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"nowhere\.toml: No such file"):
        load_scenario(tmp_path / "nowhere.toml")


def test_overrides_win_and_are_checked(tmp_path: Path) -> None:
    assert loaded(tmp_path, SMALLEST, **{"load.duration": 0.5, "rounds": 7}).load.duration_s == 0.5
    with pytest.raises(ScenarioError, match="rounds"):
        loaded(tmp_path, SMALLEST, rounds=0)


def test_a_soak_says_how_long_and_so_do_stages(tmp_path: Path) -> None:
    said = "load: expected stages or soak, not both: each says how long"
    assert refusal(tmp_path, f'soak = "9m"\n{SMALLEST}[load]\nstages = ["5m:50"]\n') == [said]


def test_only_keeps_the_named_ones_and_a_baseline(tmp_path: Path) -> None:
    scenario = load_scenario(ROOT / "scenarios/cart.toml")
    assert scenario.only(["raw", "cluster-2"]).baseline.name == "raw"
    assert scenario.only(["cluster-2", "cluster-4"]).baseline.name == "cluster-2"
    with pytest.raises(ScenarioError, match="no topology named cluster-3; there are: raw, cluster-1"):
        scenario.only(["cluster-3"])


@pytest.mark.parametrize("name", ["arrivals", "cart", "documented", "frameworks", "sleep_lock", "sqlite"])
def test_the_scenarios_that_are_shipped_are_sound_and_survive_being_written(name: str) -> None:
    scenario = load_scenario(ROOT / f"scenarios/{name}.toml")
    assert Scenario.model_validate_json(scenario.model_dump_json(by_alias=True)) == scenario


def test_the_documented_figures_are_all_there() -> None:
    scenario = load_scenario(ROOT / "scenarios/documented.toml")
    rates = [(figure.topology, figure.requests_per_s) for figure in scenario.documented]
    assert rates == [
        ("raw", 30.92),
        ("raw", 37.27),
        ("cluster-1", 36.27),
        ("cluster-1", 35.52),
        ("cluster-2", 51.72),
        ("cluster-2", 67.23),
        ("cluster-4", 65.24),
        ("cluster-4", 65.61),
    ]
