"""What of a scenario is secret is used, and stands in no byte of a run folder but in what the server itself logs."""

import json
import os
import re
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints
from urllib.parse import quote

import pytest
import typer
from pydantic import BaseModel
from typer.testing import CliRunner

from harness.analysis.history.alike import find_mismatch
from harness.analysis.history.past_run import PastRun
from harness.cli import app
from harness.cli.usage import UsageError, usage_errors
from harness.load.spec import Target
from harness.machine.environment import Environment
from harness.measure.preparation import prepare
from harness.record import Ending, Run, RunInfo, TrialRecord, read_run
from harness.report.formats import FORMATS
from harness.report.run_report import RunReport
from harness.scenario import Scenario, ScenarioError, Topology, load_scenario
from harness.scenario.secrets import as_written, is_public_header, is_public_variable, redactor_of
from harness.server.launch import read_log_tail
from harness.text import Printable
from tests.made_runs import made_run, record

USUAL = re.findall(
    r"\w+",
    """
    API_KEY API_TOKEN APP_SECRET AUTH_TOKEN AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
    AZURE_CLIENT_SECRET BASIC_AUTH BEARER CELERY_BROKER_URL COOKIE_SECRET CREDENTIALS DATABASE_URL DB_PASS DB_PASSWORD
    DJANGO_SECRET_KEY DSN ENCRYPTION_KEY FERNET_KEY GH_TOKEN GITHUB_TOKEN GITLAB_TOKEN GOOGLE_APPLICATION_CREDENTIALS
    HMAC_KEY JWT_SECRET LDAP_BIND_PW LICENSE_KEY MAIL_PASSWORD MONGODB_URI MYSQL_PWD NPM_TOKEN OPENAI_API_KEY OTP_SEED
    PGPASSWORD PRIVATE_KEY REDIS_URL SECRET_KEY_BASE SENTRY_DSN SESSION_SECRET SLACK_WEBHOOK_URL SMTP_PASSWORD SSH_KEY
    STRIPE_SK TWILIO_SID
    """,
)
UNTHOUGHT_OF = ["GEHEIM", "SESAME", "X", "Kv_42", "my.setting", "MOTDEPASSE", "HALITE", "PEPPER", "HOSTS", "PORTAL"]
TOPOLOGY = '[[topology]]\nname = "raw"\ncommand = ["true", "{port}"]\n'


def loaded(tmp_path: Path, text: str) -> Scenario:
    file = tmp_path / "scenario.toml"
    file.write_text(f'name = "x"\nrounds = 1\n{text}', encoding="utf-8")
    return load_scenario(file)


def written(tmp_path: Path, text: str) -> Scenario:
    """The scenario as it is written down, read again."""
    scenario = loaded(tmp_path, text)
    return Scenario.model_validate_json(
        as_written(scenario, redactor_of(scenario)).model_dump_json(by_alias=True), by_alias=True
    )


def found_in(folder: Path, secrets: Iterable[str]) -> list[str]:
    """Those of the secrets that stand in a byte of a file or in a name, as they are or in the ways of the web."""
    everything = b"\0".join(
        [*map(os.fsencode, folder.rglob("*")), *(p.read_bytes() for p in folder.rglob("*") if p.is_file())]
    )
    forms = {secret: (secret, quote(secret, safe=""), b64encode(secret.encode()).decode()) for secret in secrets}
    return [secret for secret, those in forms.items() if any(form.encode() in everything for form in those)]


@pytest.mark.parametrize("name", [*USUAL, *UNTHOUGHT_OF])
def test_a_value_is_written_only_where_its_name_is_known_to_be_harmless(name: str) -> None:
    assert not is_public_variable(name, "x7-of-its-own")
    assert is_public_variable(name, "x7-of-its-own", public_env=[name])
    assert is_public_variable(name, "x7-{env:OTHER}")


@pytest.mark.parametrize(
    ("name", "value", "is_public"),
    [
        ("CART_COUPONS", "6", True),
        ("CACHE_TTL", "1.5s", True),
        ("LIMIT", "512MiB", True),
        ("DEBUG", "true", True),
        ("WHERE", "http://{host}:{port}/", True),
        ("WHERE", "unix:{unix_socket}", True),
        ("WHERE", "http://db.internal/", False),
        ("MODE", "production", True),
        ("NODE_ENV", "anything", True),
        ("PYTHONPATH", "{root}/src", True),
        ("PATIENCE", "12345678901", False),
        ("PASSWORD", "123456", False),
        ("DB_PIN", "1234", False),
        ("API_TOKEN", "true", False),
        ("ESCAPED", "sesame{{env:X}}", False),
        ("node_env", "anything", False),
    ],
)
def test_numbers_switches_and_addresses_of_this_machine_are_harmless_unless_they_are_called_secret(
    name: str, value: str, is_public: bool
) -> None:
    assert is_public_variable(name, value) is is_public


@pytest.mark.parametrize(
    ("name", "value", "is_public"),
    [
        ("Accept", "text/html", True),
        ("If-None-Match", '"abc"', True),
        ("X-Retry", "3", True),
        ("X-Tenant", "blue", False),
        ("Authorization", "Bearer abc", False),
        ("authorization", "Bearer {env:TOKEN}", True),
        ("Proxy-Authorization", "Basic YTpi", False),
        ("Cookie", "a=b", False),
        ("X-Api-Key", "12", False),
        ("Authorization", "Bearer {token}", True),
        ("Authorization", "Bearer {other}", False),
    ],
)
def test_a_header_is_written_only_where_its_name_is_known_to_be_harmless(
    name: str, value: str, is_public: bool
) -> None:
    assert is_public_header(name, value, columns=["token"]) is is_public


def test_what_a_public_variable_holds_is_looked_at_all_the_same(tmp_path: Path) -> None:
    env = {
        "NODE_OPTIONS": "--title=a --password=hunter22",
        "BIND": "http://ann:hunter23@{host}:{port}",
        "DATABASE_URL": "postgres://ann:hunter24@db/x",
        "MINE": "ghp_" + "a1" * 18,
    }
    listed = ", ".join(f'{name} = "{value}"' for name, value in env.items())
    (topology,) = written(tmp_path, f'{TOPOLOGY}env = {{ {listed} }}\npublic_env = ["DATABASE_URL", "MINE"]').topologies
    assert topology.env == {
        "NODE_OPTIONS": "--title=a --password=(redacted)",
        "BIND": "http://(redacted)@{host}:{port}",
        "DATABASE_URL": "postgres://(redacted)@db/x",
        "MINE": "(redacted)",
    }


def test_commands_paths_bodies_and_data_are_written_without_what_looks_like_a_secret(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(
        "id,password,note\n1,hunter22,fine\n2,pw,fine\n3,hunter23,sk-" + "b3" * 12 + "\n"
    )
    scenario = written(
        tmp_path,
        '[load]\npath = "/{id}?q=1&access_token=hunter24"\nmethod = "POST"\ndata = "data.csv"\n'
        "expect_body = 'contains:token=hunter27'\n"
        'body = \'{"user": "ann", "password": "hunt\\"er25", "of": "{password}"}\'\n'
        '[[topology]]\nname = "raw"\n'
        'command = ["s", "--port", "{port}", "--db-password", "hunter26",  "--pin", "12", "--key-file", "k.pem",'
        ' "--api-key=a hunter28"]\n',
    )
    (request,) = scenario.load.requests
    assert request.path == "/{id}?q=1&access_token=(redacted)"
    assert request.body == b'{"user": "ann", "password": "(redacted)", "of": "{password}"}'
    assert scenario.load.expect.body_contains == "token=(redacted)"
    assert scenario.load.data is not None
    assert scenario.load.data.rows == (
        ("1", "(redacted)", "fine"),
        ("2", "(redacted)", "fine"),
        ("3", "(redacted)", "(redacted)"),
    )
    assert scenario.topologies[0].command[3:7] == ("--db-password", "(redacted)", "--pin", "(redacted)")
    assert scenario.topologies[0].command[7:] == ("--key-file", "k.pem", "--api-key=(redacted)")


def test_what_names_no_secret_is_written_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("id\n1\n")
    text = (
        '[load]\npath = "/users/@me?sort_key=a&page={id}"\nmethod = "POST"\nheaders = { Accept = "text/html" }\n'
        'data = "data.csv"\nbody = \'{"a": [1, {"b": "the token"}]}\'\n'
        '[[topology]]\nname = "raw"\nenv = { PORT = "{port}", N = "3" }\n'
        'command = ["s", "--no-auth", "x", "--session-timeout", "30", "--auth=false"]\n'
    )
    assert written(tmp_path, text) == loaded(tmp_path, text)


def test_variables_of_the_caller_are_filled_in_and_written_by_name_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "a b/ü&c")
    monkeypatch.setenv("TOKEN", "hunter22")
    text = (
        '[load]\npath = "/x?key={env:KEY}"\nmethod = "POST"\nheaders = { Authorization = "Bearer {env:TOKEN}" }\n'
        f'body = \'{{"a": {{"key": "{{env:KEY}}"}}}}\'\n{TOPOLOGY}env = {{ URL = "db://ann:{{env:TOKEN}}@h" }}\n'
    )
    scenario = written(tmp_path, text)
    assert scenario == loaded(tmp_path, text)
    (request,) = scenario.load.at(Target(host="127.0.0.1", port=1), seed=0).requests
    assert request.path == "/x?key=a%20b/%C3%BC&c"
    assert request.name == "POST /x?key={env:KEY}"
    assert request.headers == {"Authorization": "Bearer hunter22"}
    assert request.body.decode() == '{"a": {"key": "a b/ü&c"}}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{TOPOLOGY}env = {{ A = '{{env:B C}}' }}", "env: A: expected placeholders"),
        (f"{TOPOLOGY}env = {{ A = '{{env:}}' }}", "env: A: expected placeholders"),
        ("[load]\npath = '/{env:1}'\n" + TOPOLOGY, "expected {env:NAME} with a name of letters, digits and _, got "),
        (TOPOLOGY.replace('"{port}"', '"{port}", "{env:A}"'), "expected no {env:NAME}, since everybody"),
        (TOPOLOGY.replace('"raw"', '"{env:A}"'), "placeholders are {workers}"),
        (f"prepare = ['{{env:A}}']\n{TOPOLOGY}", "placeholders are {python}, {harness_python}, {root}"),
        (f'{TOPOLOGY}public_env = ["A"]', "public_env names A, which env does not have"),
    ],
)
def test_variables_that_nothing_fills_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        loaded(tmp_path, text)
    assert reason in str(caught.value)


def test_a_value_that_does_not_fit_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data.csv").write_text("id\n1\n")
    here = Target(host="127.0.0.1", port=1)
    load = loaded(tmp_path, f'[load]\nheaders = {{ X-Key = "{{env:KEY}}" }}\ndata = "data.csv"\n{TOPOLOGY}').load
    for value in ("hunter\n22", "hunter€", "hunter{id}"):
        with pytest.raises(ValueError, match=r"^(header X-Key|KEY): expected ") as caught:
            load.at(here, 0, {"KEY": value})
        assert "hunter" not in str(caught.value)


def test_a_secret_in_the_wrong_place_is_not_told(tmp_path: Path) -> None:
    lines = (
        "env = { API_TOKEN = 48213377 }",
        "env = { API_TOKEN = 'hunter{22' }",
        "env = { API_TOKEN = ['hunter22'] }",
        "env = 'API_TOKEN=hunter22'",
        "pass_env = 'API_TOKEN=hunter22'",
        "[load]\nheaders = { Authorization = 'Bearer hunter€22' }",
        "[load]\nheaders = { X-Key = ['hunter22'] }",
        "[load]\nheaders = { X-Key = 48213377 }",
        "[load]\nbody = ['hunter22']",
        "[load]\npath = 'x?token=hunter22'",
    )
    for line in lines:
        with pytest.raises(ScenarioError) as caught:
            loaded(tmp_path, TOPOLOGY + line)
        assert not any(part in str(caught.value) for part in ("hunter", "48213377")), line


SERVER = """
import ctypes, json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        print(self.path, self.headers, body, flush=True)
        good = self.headers["Authorization"] == "Bearer " + os.environ["TOKEN"] and os.environ["CALLERS"] in body
        self.send_response(200 if good else 401)
        self.send_header("X-Worker", os.environ["GEHEIM"])
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    do_GET = do_POST
    def log_message(self, *_):
        pass

print(json.dumps(dict(os.environ)), *sys.argv, flush=True)
if "--fail" in sys.argv:
    sys.exit("can't connect to postgres://ann:" + os.environ["DB_PASSWORD"] + "@db")
ctypes.CDLL(None).prctl(15, os.environ["GEHEIM"].encode())  # its name, of fifteen characters
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
CALLERS = {"TOKEN": "caller-tok/en 1", "CALLERS": "caller's own", "PASSED": "passed-on-7"}
SECRETS = {
    "GEHEIM": "sesame-open-1",
    "DB_PASSWORD": 'pa"ss word',
    "REDIS_URL": "redis://ann:redis-pw-9@{host}:1/0",
    "MULTILINE": "-----BEGIN KEY-----\\nline-of-a-key-1\\n-----END KEY-----",
}
IN_PLACES = [
    "sesame-open-1",
    'pa"ss word',
    "redis-pw-9",
    "line-of-a-key-1",
    "body-pw-33",
    "of-a-cookie-4",
    "word-of-cmd-5",
]


def full_of_secrets(folder: Path) -> Path:
    """A scenario with a secret wherever one can stand: one topology works, and one says them all as it ends."""
    (folder / "server.py").write_text(SERVER)
    env = ", ".join(f"{name} = {json.dumps(value)}" for name, value in SECRETS.items())
    env += ', PORT = "{port}", TOKEN = "{env:TOKEN}", CALLERS = "{env:CALLERS}"'
    command = json.dumps([sys.executable, str(folder / "server.py"), "--db-token", "word-of-cmd-5"])
    file = folder / "scenario.toml"
    file.write_text(
        'name = "x"\nrounds = 1\n'
        '[load]\npath = "/a?key={env:TOKEN}"\nmethod = "POST"\nduration = "200ms"\nwarmup = "0s"\nconnections = 2\n'
        'body = \'{"password": "body-pw-33", "x": "{env:CALLERS}"}\'\n'
        'headers = { Authorization = "Bearer {env:TOKEN}", Cookie = "sid=of-a-cookie-4" }\n'
        f'[[topology]]\nname = "good"\ncommand = {command}\npass_env = ["PASSED"]\nenv = {{ {env} }}\n'
        f'[[topology]]\nname = "bad"\ncommand = {command[:-1]}, "--fail"]\nenv = {{ {env} }}\n'
    )
    return file


@pytest.mark.compares
def test_no_byte_of_a_run_and_no_form_of_its_report_holds_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CALLERS.items():
        monkeypatch.setenv(name, value)
    secrets = [*IN_PLACES, *CALLERS.values()]
    made = CliRunner().invoke(app, ["compare", str(full_of_secrets(tmp_path)), "--out", str(tmp_path / "results")])
    assert made.exit_code == 1, made.output
    run = (tmp_path / "results/latest").resolve()
    logs = "".join(log.read_text() for log in (run / "logs").iterdir())
    assert "redis-pw-9" in logs  # which are the server's own
    for log in (run / "logs").iterdir():
        log.unlink()
    (good, bad) = [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]
    if good["topology"] == "bad":
        good, bad = bad, good
    assert (good["status"], bad["status"]) == ("ok", "failed"), good["reason"]
    assert good["load"]["errors"] == dict.fromkeys(good["load"]["errors"], 0)
    assert good["load"]["workers"] == {"(redacted)": good["load"]["requests"]}
    assert good["load"]["url"].endswith("/a?key=(redacted)")
    assert bad["log_tail"][-1] == "can't connect to postgres://ann:(redacted)@db"
    assert found_in(run, secrets) == []
    report = RunReport(read_run(run))
    told = [made.output, *(render(report) for render in FORMATS.values())]
    assert [secret for secret in secrets for text in told if secret in text] == []
    scenario = json.loads((run / "scenario.json").read_text())
    (request,) = scenario["load"]["requests"]
    assert b64decode(request["body"]) == b'{"password": "(redacted)", "x": "{env:CALLERS}"}'
    assert request["headers"] == {"Authorization": "Bearer {env:TOKEN}", "Cookie": "(redacted)"}
    assert scenario["topologies"][0]["env"] == {
        **dict.fromkeys(SECRETS, "(redacted)"),
        "PORT": "{port}",
        "TOKEN": "{env:TOKEN}",
        "CALLERS": "{env:CALLERS}",
    }


def test_names_that_files_have_hold_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter22")
    for text in (
        TOPOLOGY.replace('"raw"', '"raw-hunter22"') + "env = { A = '{env:TOKEN}' }",
        TOPOLOGY.replace('"raw"', '"raw-sesame1"') + "env = { GEHEIM = 'sesame1' }",
        TOPOLOGY.replace('"raw"', '"raw-opensesame"') + "env = { A_KEY = '', PASSWORD = 'opensesame' }",
        TOPOLOGY.replace('"raw"', '"ghp_' + "a1" * 18 + '"'),
    ):
        with pytest.raises(ScenarioError, match=r"^topology (raw-)?\(redacted\): expected a name without what is not"):
            prepare(loaded(tmp_path, text), 1)
    short = TOPOLOGY.replace('"raw"', '"server-8080"') + 'env = { A = "server", SECRET = "8080", PIN = "raw" }'
    assert prepare(loaded(tmp_path, short), 1).scenario.baseline.name == "server-8080"


def test_a_word_that_a_topology_is_called_by_is_no_secret(tmp_path: Path) -> None:
    text = (
        TOPOLOGY.replace('"raw"', '"by-least_connections"') + 'env = { BALANCE = "least_connections", B = "otherwise" }'
    )
    scenario = prepare(loaded(tmp_path, text), 1).scenario
    redacted = redactor_of(scenario).redact("least_connections or otherwise, leastwise")
    assert redacted == "least_connections or (redacted), leastwise"


def test_all_missing_variables_are_told_before_anything_is_started(tmp_path: Path) -> None:
    text = f"[load]\npath = '/{{env:NO_C}}'\n{TOPOLOGY}env = {{ A = '{{env:NO_B}}', B = '{{env:NO_A}}' }}"
    with pytest.raises(ScenarioError, match=r"^raw: the environment does not have what {env:NO_A}, {env:NO_B} stand"):
        prepare(loaded(tmp_path, text), 1)


def test_half_a_secret_at_the_beginning_of_a_tail_is_not_told(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("hunter22" * 1000 + "\nthe end\n")
    assert read_log_tail(log) == ["the end"]
    log.write_text("whole\nthe end\n")
    assert read_log_tail(log) == ["whole", "the end"]


def test_what_looks_like_a_secret_is_in_no_message_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), usage_errors():
        raise UsageError("prepare ended with 1:\nno postgres://ann:hunter22@db")
    assert capsys.readouterr().err == "harness: prepare ended with 1:\nno postgres://(redacted)@db\n"


STRUCTURE = {  # made by the harness, or bound to a pattern: nothing of a server or of the caller's environment
    *("TrialRecord.trial", "TrialRecord.topology", "TrialRecord.body_sha256", "SkippedTopology.name"),
    *("RunInfo.scenario_sha256", "NoiseFloor.scatter", "NoiseFloor.scatter_at_equal_pace", "Objective.text"),
    *("PlannedTrial.id", "PlannedTrial.topology", "Second.histogram", "LoadResult.histogram"),
    *("LoadResult.service_histogram", "LoadResult.unfinished_histogram", "RequestResult.histogram"),
}


@pytest.mark.parametrize("model", [TrialRecord, RunInfo, Environment, Ending])
def test_every_text_of_a_run_that_the_harness_did_not_make_passes_the_redactor(model: type[BaseModel]) -> None:
    assert dict.fromkeys(plain_texts(model) - STRUCTURE, "is a str: make it Printable") == {}


def plain_texts(model: type[BaseModel]) -> set[str]:
    """The fields that can hold text and are written as it is."""
    found = set()
    for name in model.model_fields:
        hints = get_type_hints(model, include_extras=True)
        for part in parts_of(hints[name]):
            if part is str:
                found.add(f"{model.__name__}.{name}")
            elif isinstance(part, type) and issubclass(part, BaseModel) and part is not Topology:
                found |= plain_texts(part)
    return found


def parts_of(hint: object) -> Iterator[object]:
    """The types that an annotation is made of; Printable counts as one."""
    if hint == Printable:
        return
    arguments = get_args(hint) if get_origin(hint) is not Literal else ()
    yield from (part for argument in arguments for part in parts_of(argument))
    if not arguments:
        yield hint


def run_of(tmp_path: Path, text: str) -> Run:
    scenario = loaded(tmp_path, text)
    return made_run(tmp_path, scenario, [record(1, scenario.baseline, 100)])


def test_runs_of_which_something_was_not_written_down_are_not_compared(tmp_path: Path) -> None:
    texts = {
        "env = { MODE_OF = 'fast' }": "what was not written down",
        "[load]\nheaders = { X-Tenant = 'blue' }": "what was not written down",
        "env = { MODE_OF = 'fast' }\npublic_env = ['MODE_OF']": None,
        "[load]\nheaders = { X-Tenant = '{env:TENANT}' }": None,
    }
    for text, apart in texts.items():
        past = PastRun.of(run_of(tmp_path, TOPOLOGY + text))
        assert find_mismatch(past, past, "raw") == apart
