"""The places of the port and of the number of workers are found, and nothing else is touched."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.discovery.placeholders import with_port, with_unix_socket, with_workers

PORT = 8000
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
near = st.lists(st.sampled_from(["8000", "80", "127.0.0.1", ":", "=", "-", "p", "--port", ".", " ", "x"]), max_size=6)
words = st.lists(texts | near.map("".join), min_size=1, max_size=5)
variables = st.dictionaries(texts.filter(bool), texts | near.map("".join), max_size=3)


@pytest.mark.parametrize(
    ("command", "opened"),
    [
        ("gunicorn app:app -b 127.0.0.1:8000", "gunicorn app:app -b {host}:{port}"),
        ("gunicorn app:app --bind=0.0.0.0:8000", "gunicorn app:app --bind=0.0.0.0:{port}"),
        ("uvicorn app:app --host 127.0.0.1 --port 8000", "uvicorn app:app --host 127.0.0.1 --port {port}"),
        ("caddy file-server --listen :8000", "caddy file-server --listen :{port}"),
        ("php -S 127.0.0.1:8000 -t 8000", "php -S {host}:{port} -t 8000"),
        ("python -m http.server 8000", "python -m http.server {port}"),
        ("rails server -p8000", "rails server -p{port}"),
        ("java -Dserver.port=8000 -jar app.jar", "java -Dserver.port={port} -jar app.jar"),
        ("serve --httpPort 8000 --max-requests 8000", "serve --httpPort {port} --max-requests 8000"),
        ("serve --export 8000 --bind [::1]:8000", "serve --export 8000 --bind [::1]:{port}"),
        ("serve --url http://127.0.0.1:8000/ --port 8000", "serve --url http://{host}:{port}/ --port {port}"),
        ("env PORT=8000 node server.js", "env PORT={port} node server.js"),
        ("serve 8000 8000", "serve 8000 8000"),  # which of them?
        ("serve 18000 8000.log a8000 8000ms 8000-8010 1.8000", "serve 18000 8000.log a8000 8000ms 8000-8010 1.8000"),
        ("serve 10.127.0.0.1:8000", "serve 10.127.0.0.1:{port}"),
        ("node server.js", "node server.js"),
    ],
)
def test_the_port_is_left_open_where_it_is_named(command: str, opened: str) -> None:
    assert with_port(command.split(), {}, PORT) == (opened.split(), {})


def test_a_variable_may_name_the_port() -> None:
    env = {"PORT": "8000", "LIMIT": "8000", "ORIGIN": "http://127.0.0.1:8000"}
    opened = {"PORT": "{port}", "LIMIT": "8000", "ORIGIN": "http://{host}:{port}"}
    assert with_port(["node", "server.js"], env, PORT) == (["node", "server.js"], opened)


@given(words, variables)
def test_filled_with_the_same_port_they_are_what_they_were(command: list[str], env: dict[str, str]) -> None:
    opened, opened_env = with_port(command, env, PORT)
    closed = [_closed(new, old) for new, old in zip(opened, command, strict=True)]
    assert (closed, {name: _closed(opened_env[name], env[name]) for name in env}) == (command, env)


def _closed(new: str, old: str) -> str:
    """With the port, unless the text was like that before."""
    return new if new == old else new.replace("{host}", "127.0.0.1").replace("{port}", str(PORT))


@pytest.mark.parametrize(
    ("command", "opened", "number"),
    [
        ("gunicorn app:app -w 4", "gunicorn app:app -w {workers}", 4),
        ("gunicorn -w4 app:app", "gunicorn -w{workers} app:app", 4),
        ("/opt/venv/bin/uvicorn app:app --workers=12", "/opt/venv/bin/uvicorn app:app --workers={workers}", 12),
        ("python -m hypercorn app:app --workers 3", "python -m hypercorn app:app --workers {workers}", 3),
        ("granian --workers 2 --port 2 app:app", "granian --workers {workers} --port 2 app:app", 2),
        ("gunicorn app:app -w auto", "gunicorn app:app -w auto", None),
        ("gunicorn app:app", "gunicorn app:app", None),
        ("node server.js --workers 4", "node server.js --workers 4", None),  # who knows what these are?
    ],
)
def test_the_number_of_workers_is_left_open(command: str, opened: str, number: int | None) -> None:
    assert with_workers(command.split()) == (opened.split(), number)


@pytest.mark.parametrize(
    ("command", "opened"),
    [
        ("uvicorn app:app --uds /run/app.sock", "uvicorn app:app --uds {unix_socket}"),
        ("gunicorn -b unix:/run/app.sock", "gunicorn -b unix:{unix_socket}"),
        ("puma -b unix:///run/app.sock", "puma -b unix://{unix_socket}"),
        ("serve --socket=/run/app.sock.d/x /run/app.sock2", "serve --socket=/run/app.sock.d/x /run/app.sock2"),
        ("serve /srv/run/app.sock", "serve /srv/run/app.sock"),
    ],
)
def test_the_unix_socket_is_left_open_where_it_is_named(command: str, opened: str) -> None:
    env = {"SOCKET": "/run/app.sock", "LOG": "/run/app.log"}
    words, variables = with_unix_socket(command.split(), env, "/run/app.sock")
    assert words == opened.split()
    assert variables == {"SOCKET": "{unix_socket}", "LOG": "/run/app.log"}


@pytest.mark.parametrize(
    ("word", "opened"),
    [
        ("unix:app.sock", "unix:{unix_socket}"),
        ("./app.sock", "{unix_socket}"),
        ("/else/app.sock", "/else/app.sock"),
        ("myapp.sock", "myapp.sock"),
    ],
)
def test_a_unix_socket_may_be_named_from_the_working_folder(
    word: str, opened: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert with_unix_socket([word], {}, str(tmp_path / "app.sock")) == ([opened], {})
