"""``harness init`` as people call it."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.cli import app
from harness.scenario import load_scenario
from harness.server.launch import find_free_port


def init(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["init", *arguments])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own."""
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path / "shop")


def test_a_scenario_is_written_and_the_next_command_is_told() -> None:
    port = str(find_free_port())
    done = init("--", "python", "-m", "http.server", port, "--bind", "127.0.0.1")
    assert done.exit_code == 0, done.output
    assert re.search(rf"^port +{port}, any free one works", done.stdout)
    assert done.stdout.endswith("where one is outlined, and harness compare scenario.toml\n")
    assert [path.name for path in Path.cwd().iterdir()] == ["scenario.toml"]
    scenario = load_scenario(Path("scenario.toml"))
    assert (scenario.name, scenario.load.requests[0].path) == ("shop", "/")
    assert scenario.topologies[0].command == ("python", "-m", "http.server", "{port}", "--bind", "127.0.0.1")


def test_how_it_is_asked_is_written() -> None:
    server = ("python", "-m", "http.server", "{port}")
    asked = ("-m", "HEAD", "-H", "X-Mood: good", "-b", '{"a": 1}', "--path", "/none", "--expect-status", "404")
    done = init(*asked, "--", *server)
    assert done.exit_code == 0, done.output
    load = load_scenario(Path("scenario.toml")).load
    (request,) = load.requests
    assert (request.method, request.path, request.headers) == ("HEAD", "/none", {"X-Mood": "good"})
    assert request.body == b'{"a": 1}'
    assert load.expect.statuses == (404,)


def test_where_it_listens_is_told() -> None:
    app = ("wsgiref.simple_server:demo_app", "--no-control-socket", "-b", "unix:./app.sock")
    done = init("--", "{harness_python}", "-m", "gunicorn", *app)
    assert done.exit_code == 0, done.output
    assert f"socket{Path.cwd()}/app.sock,afreshonedoes" in "".join(done.stdout.split())
    assert load_scenario(Path("scenario.toml")).topologies[0].command[-1] == "unix:{unix_socket}"


def test_no_file_is_written_over() -> None:
    Path("mine.toml").write_text("mine")
    done = init("--out", "mine.toml", "--", "no-such-program")
    assert (done.exit_code, done.stderr) == (
        2,
        "harness: mine.toml: exists already; name another file with --out FILE\n",
    )
    assert Path("mine.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-program"], "no-such-program not found on PATH"),
        (["--out", "no/where.toml", "x"], "no/where.toml: there is no folder"),
        (["--path", "cart", "x"], "--path: expected a path that begins with /"),
        (["--env", "NAME", "x"], "--env: expected NAME=VALUE, got 'NAME'"),
        (["--env", "API_TOKEN=x", "x"], "give --env API_TOKEN={env:API_TOKEN} or --pass-env API_TOKEN"),
        (["--env", "DB=postgres://a:b@c/d", "x"], "DB sounds like a secret, which the scenario would show"),
        (["--env", "DB={env:NO_SUCH_NAME}", "x"], "--env: NO_SUCH_NAME is not in the environment"),
        (["--header", "X-Api-Key: x", "x"], "give --header 'X-Api-Key: {env:NAME}'"),
        (["--pass-env", "NO_SUCH_NAME", "x"], "--pass-env: NO_SUCH_NAME is not in the environment"),
        (["--port", "80", "x", "{port}"], "--port: the command has {port}"),
        (["--method", "POST", "x"], "--method POST: is not sent to one path after the other: name it with --path"),
        (["--method", "get", "x"], "method: "),
        (["--header", "X-Mood", "x"], "expected headers as 'Name: value', got 'X-Mood'"),
        (["--expect-status", "99", "x"], "--expect-status: expected statuses such as '200,204', got '99'"),
        (["--start-timeout", "soon", "x"], "expected a duration"),
        (["x", "\udcff"], "is not UTF-8"),
        ([], "Missing argument"),
    ],
)
def test_what_can_not_be_used_is_one_message_and_exit_code_2(arguments: list[str], said: str) -> None:
    done = init(*arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert list(Path.cwd().iterdir()) == []
