"""``harness load`` as people call it: every option shows in what the server gets or in what comes out, and options that
can't be used end in one message before anything is sent or written."""

import base64
import hashlib
import json
import os
import re
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import trustme
from PIL import Image
from typer.testing import CliRunner

from harness.cli import app
from harness.cli.load_options import with_user
from harness.load.arrivals import arrival_times_ns
from harness.load.result import LoadResult
from harness.load.spec import Arrivals, Load, Request, parse_url
from tests.generator.answers import SMALL, broken, whole
from tests.generator.scripted_server import ScriptedServer
from tests.generator.transport_server import TransportServer, tcp_listener

BODY = b"hello world\n"
SHORT = ("-d", "100ms")
OPEN = ("-R", "200", "-d", "300ms")
POISSON = Arrivals(kind="poisson", rate_per_s=200)


@dataclass
class Served:
    """Where a server listens, and what it was sent, connection by connection."""

    url: str
    requests: list["Got"] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Got:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@pytest.fixture
def served() -> Iterator[Served]:
    """A server that is not ours: twelve bytes, status 201 for what was posted, 404 below /missing."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            came.requests.append(Got(self.command, self.path, dict(self.headers), body))
            came.connections.add(self.client_address[1])
            self.send_response(404 if self.path.startswith("/missing") else 201 if self.command == "POST" else 200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

        do_POST = do_PUT = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            """A connection that is closed as the load ends is no error."""

    server = Server(("127.0.0.1", 0), Handler)
    came = Served(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield came
    server.shutdown()
    server.server_close()
    thread.join()


def load(url: str, *arguments: str | Path) -> dict[str, Any]:
    """The result of a load that ends well, as JSON."""
    done = CliRunner().invoke(app, ["load", url, *map(str, arguments), "--json"])
    assert done.exit_code == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    errors = result["errors"]
    assert result["started"] == result["ok"] + sum(errors.values()) + result["unfinished"]
    return result


def loaded_with(served: Served, result: dict[str, Any], before: int = 1) -> list[Got]:
    """What was sent less the requests before the load; the server may come to the last of it after the end."""
    deadline_s = time.monotonic() + 10
    while len(served.requests) < before + result["started"] and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert len(served.requests) == before + result["started"]
    return served.requests[before:]


# How it is offered ------------------------------------------------------------------------------------------


def test_a_rate_makes_an_open_loop(served: Served) -> None:
    result = load(f"{served.url}/", "-R", "200", "-d", "200ms")
    offered = result["offered"]
    assert (result["loop"], offered["kind"], result["connections"]) == ("open", "constant", 500)
    assert offered["due"] == offered["begun"] + offered["dropped"] == 40
    assert offered["rate_per_s"] == pytest.approx(offered["due"] / result["duration_s"])


def test_poisson_arrivals_are_drawn_from_the_seed(served: Served) -> None:
    target, _ = parse_url(served.url)
    drawn, other = (
        len(list(arrival_times_ns(Load(target=target, arrivals=POISSON, duration_s=0.2, seed=seed)))) for seed in (7, 0)
    )
    assert drawn != other
    offered = load(f"{served.url}/", "-R", "200", "--arrivals", "poisson", "-d", "200ms", "--seed", "7")["offered"]
    assert (offered["kind"], offered["due"]) == ("poisson", drawn)


def test_stages_say_how_long_and_how_many(served: Served) -> None:
    result = load(f"{served.url}/", "--stage", "100ms:400", "--stage", "100ms:400", "--stage", "100ms:0")
    assert result["asked_duration_s"] == pytest.approx(0.3)
    assert result["offered"]["due"] == 80


def test_stages_begin_at_the_rate(served: Served) -> None:
    assert load(f"{served.url}/", "-R", "400", "--stage", "200ms:0")["offered"]["due"] == 40


def test_several_processes_carry_one_load(served: Served) -> None:
    result = load(f"{served.url}/", *OPEN, "--processes", "2", "-c", "8")
    assert (result["processes"], result["connections"], result["offered"]["due"]) == (2, 8, 60)
    assert loaded_with(served, result)


def test_processes_are_pinned_in_turn(served: Served) -> None:
    cpu = min(os.sched_getaffinity(0))
    assert load(f"{served.url}/", *SHORT, "--cpus", str(cpu), "--processes", "2")["cpus"] == [cpu, cpu]


def test_as_many_processes_as_cpus_are_given(served: Served) -> None:
    cpus = sorted(os.sched_getaffinity(0))[-2:]
    result = load(f"{served.url}/", *SHORT, "--cpus", ",".join(map(str, cpus)), "--processes", "auto")
    assert (result["processes"], result["cpus"]) == (len(cpus), cpus)


# What is sent -----------------------------------------------------------------------------------------------


def test_requests_are_taken_from_a_file_by_weight(served: Served, tmp_path: Path) -> None:
    (tmp_path / "body.bin").write_bytes(bytes(range(256)))
    file = tmp_path / "requests.toml"
    file.write_text(
        '[[request]]\npath = "/often?x=1"\nweight = 3\n'
        '[[request]]\npath = "/rarely"\nmethod = "POST"\nbody_file = "body.bin"\nheaders = { X-Kind = "b" }\n'
    )
    result = load(served.url, "--requests", file, "-R", "400", "-d", "300ms")
    got = Counter((request.method, request.path) for request in loaded_with(served, result, before=2))
    assert set(got) == {("GET", "/often?x=1"), ("POST", "/rarely")}
    assert got["GET", "/often?x=1"] > got["POST", "/rarely"]
    assert set(result["statuses"]) == {"200", "201"}
    posted = next(request for request in served.requests if request.method == "POST")
    assert (posted.body, posted.headers["X-Kind"]) == (bytes(range(256)), "b")


def test_a_request_of_a_mix_that_is_answered_badly_is_named_before_the_load(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "requests.toml"
    file.write_text('[[request]]\npath = "/there"\n[[request]]\npath = "/missing/1"\n')
    done = CliRunner().invoke(app, ["load", served.url, "--requests", str(file), "-d", "300ms"])
    assert done.exit_code == 2
    assert "before the load, GET /missing/1 is answered with status 404" in done.stderr
    assert [request.path for request in served.requests] == ["/there", "/missing/1"]
    result = load(served.url, "--requests", file, "-d", "300ms", "--expect-status", "200,404")
    assert result["errors"]["status"] == 0


def test_data_fills_path_header_and_body_row_by_row(served: Served, tmp_path: Path) -> None:
    rows = [("1", "Ann & co"), ("2", "Bé"), ("3", "c, d")]
    data = tmp_path / "data.csv"
    data.write_text("id,name\n" + "".join(f'{number},"{name}"\n' for number, name in rows), encoding="utf-8")
    result = load(
        f"{served.url}/items/{{id}}?name={{name}}",
        *("--data", data, *OPEN, "-m", "POST", "-H", "X-Name: <{name}>", "-b", '{"id": {id}, "name": "{name}"}'),
    )
    got = loaded_with(served, result)
    times = Counter(request.headers["X-Name"] for request in got)
    assert set(times) == {f"<{name}>" for _, name in rows}
    assert max(times.values()) - min(times.values()) <= 1
    for request in got:
        sent = json.loads(request.body)
        name = dict(rows)[str(sent["id"])]
        assert sent["name"] == name
        assert request.headers["X-Name"] == f"<{name}>"
        assert request.path.startswith(f"/items/{sent['id']}?name=")
        assert int(request.headers["Content-Length"]) == len(request.body)
    assert any("B%C3%A9" in request.path for request in got)


def test_without_data_braces_are_sent_as_they_are(served: Served) -> None:
    load(f"{served.url}/{{id}}", *OPEN)
    assert {request.path for request in served.requests} == {"/{id}"}


def test_a_body_from_a_file_is_sent_byte_for_byte(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"\x00\xff{id}\r\n\r\n" * 1000)
    load(f"{served.url}/", *OPEN, "-m", "PUT", "--body-file", file)
    assert {(request.method, request.body) for request in served.requests} == {("PUT", file.read_bytes())}


def test_a_user_is_sent_as_basic_authentication(served: Served) -> None:
    load(f"{served.url}/", *OPEN, "--user", "ann:pass:word")
    value = f"Basic {base64.b64encode(b'ann:pass:word').decode()}"
    assert {request.headers["Authorization"] for request in served.requests} == {value}


def test_a_header_of_ones_own_wins_over_the_user() -> None:
    own = Request(headers={"authorization": "Bearer y"})
    assert with_user((own, Request()), "ann:x") == (own, Request(headers={"Authorization": "Basic YW5uOng="}))
    assert with_user((own, Request()), None) == (own, Request())


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_host_is_looked_up_once_and_keeps_its_name(
    served: Served, monkeypatch: pytest.MonkeyPatch, processes: str
) -> None:
    """No process of the generator can look this name up; a second answer here would be another machine."""
    answers, really = iter(["127.0.0.1", "192.0.2.7"]), socket.getaddrinfo

    def look_up(host: str, *rest: Any, **options: Any) -> Any:
        return really(next(answers) if host == "name.test" else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    result = load(served.url.replace("127.0.0.1", "name.test"), *SHORT, "--processes", processes)
    assert result["ok"] > 0
    port = served.url.rpartition(":")[2]
    assert {request.headers["Host"] for request in loaded_with(served, result)} == {f"name.test:{port}"}


def test_without_keepalive_each_request_has_a_connection(served: Served) -> None:
    result = load(f"{served.url}/", *OPEN, "--no-keepalive")
    assert len(served.connections) == 1 + len(loaded_with(served, result))
    assert {request.headers["Connection"] for request in served.requests} == {"close"}


def test_with_keepalive_connections_are_used_again(served: Served) -> None:
    assert len(loaded_with(served, load(f"{served.url}/", *OPEN))) > len(served.connections)


# What a good response is ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "expected", "is_good"),
    [
        ("/", "201, 204", False),
        ("/missing", "200,404", True),
    ],
)
def test_an_expected_status(served: Served, path: str, expected: str | None, is_good: bool) -> None:
    result = load(served.url + path, *OPEN, *(() if expected is None else ("--expect-status", expected)))
    assert result["requests"] > 0
    assert result["errors"]["status"] == (0 if is_good else result["requests"])


def test_an_expected_body(served: Served) -> None:
    digest = hashlib.sha256(BODY).hexdigest().upper()
    result = load(f"{served.url}/", *OPEN, "--expect-length", str(len(BODY)), "--expect-body-sha256", digest)
    assert result["checked"] == result["ok"] == result["requests"] > 0
    assert result["errors"]["body"] == 0


@pytest.mark.parametrize("what", ["same", hashlib.sha256(BODY).hexdigest(), "contains:o w", "matches:^.+$"])
def test_what_is_expected_of_every_body(served: Served, what: str) -> None:
    result = load(f"{served.url}/", *OPEN, "--expect-body", what)
    assert result["checked"] == result["to_check"] == result["ok"] == result["requests"] > 0


@pytest.mark.parametrize("options", [(), ("--expect-body", "any")])
def test_any_body_is_good(served: Served, options: tuple[str, ...]) -> None:
    result = load(f"{served.url}/", *OPEN, *options)
    assert (result["checked"], result["to_check"]) == (0, 0)
    assert result["ok"] == result["requests"]


def test_the_same_body_can_be_expected_of_one_good_answer_only(served: Served, files: Path) -> None:
    assert "expected a good answer before the load, got status 404" in refusal(
        f"{served.url}/missing", *OPEN, "--expect-body", "same"
    )


@pytest.mark.parametrize(
    "expected",
    [
        ("--expect-length", "13"),
        ("--expect-body-sha256", "0" * 64),
        ("--expect-body", "contains:nowhere"),
        ("--expect-body", "matches:^$"),
    ],
)
def test_a_body_that_is_not_as_expected(served: Served, expected: tuple[str, str]) -> None:
    result = load(f"{served.url}/", *OPEN, *expected)
    assert result["errors"]["body"] == result["requests"] > 0
    assert result["ok"] == 0


# TLS ---------------------------------------------------------------------------------------------------------


def test_a_certificate_of_this_machine_is_checked_against_a_file_alone(tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    with TransportServer(repeat(whole(SMALL)), tcp_listener(), context) as server:
        loads = [
            ("load", f"https://127.0.0.1:{server.port}/", "-d", "500ms", "-c", "2", *more) for more in CERTIFICATES
        ]
        done = [CliRunner().invoke(app, [str(word).format(tmp_path) for word in load]) for load in loads]
    assert [each.exit_code for each in done] == [0, 0, 0, 2]
    assert ["is not checked" in each.stderr for each in done] == [True, False, False, False]
    assert "its certificate is not accepted: unable to get local issuer" in done[3].stderr


CERTIFICATES = [(), ("--insecure",), ("--cacert", "{}/ca.pem"), ("--cacert", "{}/other.pem")]


# What comes out ---------------------------------------------------------------------------------------------


def test_json_holds_what_an_open_loop_adds(served: Served) -> None:
    result = load(f"{served.url}/", *OPEN)
    fields = {
        "kind",
        "is_ramp",
        "asked_per_s",
        "rate_per_s",
        "due",
        "begun",
        "dropped",
        "late",
        "queued",
        "send_lag_us",
    }
    assert set(result["offered"]) == fields
    assert set(result["offered"]["send_lag_us"]) == {"p50", "p90", "p99", "p99_9", "max"}
    assert result["service_ms"]["p50"] <= result["latency_ms"]["p50"]
    assert result["checked"] == 0
    assert isinstance(result["doubts"], list)
    assert result["generator_bound"] == any(doubt["kind"] != "miscounted" for doubt in result["doubts"])
    assert result["busy"] is None or 0 <= result["busy"] <= 1
    assert LoadResult.model_validate(result).offered is not None


def test_json_of_a_closed_loop_has_no_offer(served: Served) -> None:
    result = load(f"{served.url}/", *SHORT, "-c", "2")
    assert (result["loop"], result["offered"], result["connections"]) == ("closed", None, 2)
    assert result["cpus"] == []
    assert result["service_ms"] is not None


def test_files_are_written_beside_what_is_printed(served: Served, tmp_path: Path) -> None:
    csv, chart, hlog = tmp_path / "a.csv", tmp_path / "a.png", tmp_path / "a.hlog"
    result = load(f"{served.url}/", *OPEN, "--series", csv, "--chart", chart, "--hlog", hlog)
    assert pd.read_csv(csv)["requests"].sum() == result["requests"]
    with Image.open(chart) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 400
    lines = hlog.read_text(encoding="ascii").splitlines()
    assert lines[0].startswith("#[")
    assert '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"' in lines
    assert "HISTF" in lines[-1]


def test_the_series_can_be_json(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    result = load(f"{served.url}/", *OPEN, "--series", file)
    rows = json.loads(file.read_text(encoding="utf-8"))
    assert sum(row["requests"] for row in rows) == result["requests"]


def test_what_was_measured_is_printed_even_if_a_file_can_not_be_written(served: Served, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    done = CliRunner().invoke(app, ["load", f"{served.url}/", *OPEN, "--hlog", str(tmp_path / "loop")])
    assert done.exit_code == 2
    assert "Requests/sec:" in done.stdout
    assert "Open loop, evenly spaced: " in done.stdout
    assert "loop: Too many levels of symbolic links" in done.stderr


def test_a_load_without_an_answer_ends_with_the_reason_and_1() -> None:
    with ScriptedServer(chain([whole(SMALL)], repeat(broken(b"SSH-2.0\r\n\r\n")))) as server:
        done = CliRunner().invoke(app, ["load", f"http://127.0.0.1:{server.port}/", "-d", "100ms"])
    assert done.exit_code == 1
    assert "Requests/sec:      0.00" in done.stdout
    assert re.search(r"^harness: no request got an answer: [\d,]+ got what is not HTTP/1.1 \(\w.*: \d+\)", done.stderr)


# What can't be used -----------------------------------------------------------------------------------------

FILES = {
    "data.csv": "id,name\n1,a\n2,b\n",
    "ragged.csv": "id,name\n1\n",
    "header.csv": "id\n",
    "names.csv": "1d,name\n1,2\n",
    "control.csv": 'id,name\n1,"a\nb"\n',
    "requests.toml": '[[request]]\npath = "/a"\n',
    "typo.toml": '[[request]]\npth = "/a"\nweight = 0\n',
    "no_toml.toml": "[[request]\n",
    "empty.toml": "",
    "no_body.toml": '[[request]]\nbody_file = "nowhere"\n[[request]]\nbody_file = "never"\n',
}
MISUSES: list[tuple[list[str], list[str]]] = [
    (["--chart", "x.gif"], ["expected a file ending in .png, .svg or .pdf, got 'x.gif'"]),
    (["--series", "x.xml"], ["expected a file ending in .csv or .json, got 'x.xml'"]),
    (["--chart", "nowhere/x.png"], ["nowhere/x.png: there is no folder"]),
    (["--series", "nowhere/x.csv"], ["nowhere/x.csv: there is no folder"]),
    (["--hlog", "nowhere/x"], ["nowhere/x: there is no folder"]),
    (["--hlog", "."], [".: is a folder"]),
    (["--stage", "1s:5", "-d", "1s"], ["--duration and --stage are one or the other"]),
    (["--stage", "5"], ["expected a stage such as '30s:500' (duration:requests/s), got '5'"]),
    (["--stage", "1s:-5"], ["expected a stage", "'1s:-5'"]),
    (["--stage", "1s:0"], ["expected a rate above 0"]),
    (["--arrivals", "poisson"], ["--arrivals is for an open loop"]),
    (["--arrivals", "often", "-R", "5"], ["'constant' or 'poisson'", "'often'"]),
    (["--rate", "0"], ["expected a rate above 0"]),
    (["--rate", "-1"], ["--rate"]),
    (["--rate", "nan"], ["--rate"]),
    (["--rate", "many"], ["--rate", "valid"]),
    (["--cpus", "999"], ["expected CPUs among", "got 999"]),
    (["--cpus", "0-99999999999"], ["expected CPUs such as '2,3'"]),
    (["--cpus", "one"], ["expected CPUs such as '2,3' or '0-3', got 'one'"]),
    (["--processes", "0"], ["--processes: expected a number or 'auto', got '0'"]),
    (["--processes", "many"], ["--processes: expected a number or 'auto', got 'many'"]),
    (["--processes", "3", "-c", "2"], ["got 2 connections and 3 processes"]),
    (["--insecure"], ["--insecure and --cacert are for https://"]),
    (["--cacert", "data.csv"], ["--insecure and --cacert are for https://"]),
    (["--body", "a", "--body-file", "data.csv"], ["--body and --body-file are one or the other"]),
    (["--body-file", "nowhere"], ["nowhere: No such file or directory"]),
    (["--requests", "requests.toml", "--body", "a"], ["--requests", "leave out --body"]),
    (["--requests", "requests.toml", "--body", ""], ["--requests", "leave out --body"]),
    (["--requests", "requests.toml", "-H", "A: b"], ["--requests", "leave out -H"]),
    (["--requests", "requests.toml", "-m", "POST"], ["--requests", "leave out --method"]),
    (["--requests", "nowhere.toml"], ["nowhere.toml: No such file or directory"]),
    (["--requests", "no_toml.toml"], ["no_toml.toml: not TOML"]),
    (["--requests", "empty.toml"], ["empty.toml: request: expected, but missing"]),
    (["--requests", "typo.toml"], ["request[0].pth: unknown key; did you mean path?", "request[0].weight"]),
    (["--requests", "no_body.toml"], ["request[0].body_file: ", "request[1].body_file: "]),
    (["--data", "nowhere.csv"], ["nowhere.csv: No such file or directory"]),
    (["--data", "ragged.csv"], ["ragged.csv, line 2: expected 2 fields, got 1"]),
    (["--data", "header.csv"], ["header.csv: expected a row below the names of the columns"]),
    (["--data", "names.csv"], ["names.csv, line 1: expected names of letters, digits and _, got '1d'"]),
    (["--data", "data.csv", "-H", "X: {nme}"], ["header X: {nme} is no column; there are {id}, {name}"]),
    (["--data", "control.csv", "-H", "X: {name}"], ["header X: row 1, column name: expected a value that a header"]),
    (["--user", "ann"], ["expected NAME:PASSWORD, got no colon"]),
    (["--expect-status", "99"], ["--expect-status: expected statuses such as '200,204', got '99'"]),
    (["--expect-status", "200,"], ["--expect-status", "got ''"]),
    (["--expect-body-sha256", "abc"], ["body_sha256", "'abc'"]),
    (["--expect-body", "some"], ["expected 'any', 'same', a SHA-256 of 64 hex digits", "got 'some'"]),
    (["--expect-body", "matches:("], ["expected a regular expression, got '('"]),
    (["--expect-body", "any", "--expect-body-sha256", "0" * 64], ["--expect-body-sha256 are one or the other"]),
    (["--expect-body", "same", "--data", "data.csv"], ["--expect-body same is for one request"]),
    (["--expect-length", "-1"], ["--expect-length"]),
    (["-m", "get it"], ["method"]),
    (["-H", "A B: c"], ["headers"]),
    (["-c", "0"], ["--connections"]),
    (["--seed", "-1"], ["--seed"]),
    (["--unix-socket", "s" * 108], ["unix_socket"]),
]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with files that can and can't be used."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(url: str, *arguments: str) -> str:
    """What is said on stderr, as one line without the box that Typer draws; nothing else is said."""
    done = CliRunner().invoke(app, ["load", url, *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 2, (done.stdout, done.exception)
    assert done.stdout == ""
    return " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize(("arguments", "words"), MISUSES, ids=[" ".join(misuse[0])[:40] for misuse in MISUSES])
def test_what_can_not_be_used_is_one_message(
    served: Served, files: Path, arguments: list[str], words: list[str]
) -> None:
    said = refusal(f"{served.url}/", *arguments)
    for word in words:
        assert word in said
    assert "Traceback" not in said
    assert said.count("harness: ") + said.count("Error") == 1
    assert served.requests == []
    assert {path.name for path in files.iterdir()} == set(FILES)


@pytest.mark.parametrize(
    ("path", "arguments", "words"),
    [
        ("/{typo}", ["--data", "data.csv"], "path: {typo} is no column; there are {id}, {name}"),
        ("/a", ["--requests", "requests.toml"], "leave out the URL's path"),
        ("/a b", [], "path"),
    ],
)
def test_a_path_that_can_not_be_used(served: Served, files: Path, path: str, arguments: list[str], words: str) -> None:
    assert words in refusal(served.url + path, *arguments)
    assert served.requests == []


@pytest.mark.parametrize(
    "url", ["127.0.0.1", "ftp://h/", "http://", "http://user@h/", "http://h:0/", "http://h:65536/"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    assert refusal(url).startswith("harness: ")


# What the help says -----------------------------------------------------------------------------------------


def test_the_help_names_every_option_in_full_at_100_columns() -> None:
    done = CliRunner().invoke(app, ["load", "--help"], env={"COLUMNS": "100", "TERM": "xterm"})
    assert done.exit_code == 0
    words = set(done.stdout.split())
    options = {option for parameter in _load_parameters() for option in parameter if option.startswith("-")}
    assert len(options) > 35
    assert options <= words
    assert "…" not in done.stdout.replace("GET, POST, …", "")
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "[[request]]" in done.stdout


def _load_parameters() -> Iterator[list[str]]:
    import typer.main

    command = typer.main.get_command(app)
    for parameter in command.commands["load"].params:  # type: ignore[attr-defined]
        yield [*parameter.opts, *parameter.secondary_opts]
