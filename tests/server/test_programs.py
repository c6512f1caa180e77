"""Which programs a topology runs is known by file and version, and nothing is run that might do more than answer."""

import platform
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from harness.record import Program
from harness.scenario import Side, Topology
from harness.scenario.service import Service
from harness.server.programs import describe_programs
from tests.server.family import Family
from tests.server.topologies import topology

HARNESS_PYTHON = Program(
    name=Path(sys.executable).name,
    path=sys.executable,
    real_path=None if str(Path(sys.executable).resolve()) == sys.executable else str(Path(sys.executable).resolve()),
    version=platform.python_version(),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only one on PATH, with nginx as it answers to -v alone, and a program that nobody knows."""
    place = tmp_path / "bin"
    place.mkdir()
    script(place / "nginx", 'test "$*" = -v && echo "nginx version: nginx/9.8.7" >&2')
    script(place / "my-server", f"touch {tmp_path}/was-run; echo 1.2.3")
    monkeypatch.setenv("PATH", str(place))
    return place


def script(file: Path, text: str, interpreter: str = "/bin/sh") -> Path:
    file.write_text(f"#!{interpreter}\n{text}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def programs(*command: str) -> list[Program]:
    return describe_programs([topology(*command)])


def test_a_service_is_asked_as_a_server_is(folder: Path) -> None:
    """Its path is that of its own environment; what is known only when it starts is left as it is written."""
    script(folder / "postgres", "test $1 = --version && echo postgres 15.7")
    database = Service(
        name="db",
        command=("postgres", "-D", "{folder}/data", "-p", "{port}"),
        env={"PATH": str(folder), "SOCKETS": "{folder}"},
    )
    there = Service(name="cache", address="127.0.0.1:6379")
    found = describe_programs([topology("my-server")], [database, there])
    assert [(each.name, each.version) for each in found] == [("my-server", None), ("postgres", "15.7")]


def test_a_module_that_python_runs_is_named_with_its_packages_version() -> None:
    interpreter, module = programs("{harness_python}", "-m", "gunicorn", "app:app", "-b", "{host}:{port}")
    assert interpreter == HARNESS_PYTHON
    assert (module.name, module.version) == ("gunicorn", version("gunicorn"))
    assert Path(module.path, "app").is_dir()


def test_a_module_of_another_name_than_its_package_is_found_by_the_package() -> None:
    _, module = programs("{harness_python}", "-m", "hdrh.histogram")
    assert (module.name, module.version) == ("hdrh", version("hdrhistogram"))


@pytest.mark.parametrize("words", [("-m", "http.server"), ("-m", "tests.server.servers.page"), ("x.py", "-m", "pip")])
def test_what_belongs_to_python_or_the_service_has_no_version_of_its_own(words: tuple[str, ...]) -> None:
    assert programs("{harness_python}", *words) == [HARNESS_PYTHON]


def test_a_script_that_a_package_brought_is_not_run_but_looked_up(folder: Path) -> None:
    gunicorn = script(folder / "gunicorn", f"open({str(folder / 'was-run')!r}, 'w')", interpreter=sys.executable)
    assert programs("gunicorn", "app:app") == [
        Program(name="gunicorn", path=str(gunicorn), version=version("gunicorn")),
        HARNESS_PYTHON,
    ]
    own = script(folder / "serve", "", interpreter=sys.executable)
    assert programs("serve")[0] == Program(name="serve", path=str(own), unknown="of no installed package")
    assert not (folder / "was-run").exists()


def test_a_program_that_is_known_is_asked_in_its_own_way(folder: Path) -> None:
    assert programs("nginx", "-g", "daemon off;") == [
        Program(name="nginx", path=str(folder / "nginx"), version="9.8.7")
    ]


def test_a_program_that_nobody_knows_is_never_run(folder: Path) -> None:
    unknown = Program(name="my-server", path=str(folder / "my-server"), unknown="version not asked")
    assert programs("my-server", "{port}") == [unknown]
    assert not (folder.parent / "was-run").exists()


@pytest.mark.parametrize("answer", ["while :; do :; done", "while :; do echo y; done", "sleep 9 & echo no; sleep 9"])
def test_an_answer_without_end_costs_little_and_leaves_nothing(
    folder: Path, family: Family, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr("harness.server.programs.ANSWER_S", 0.2)
    monkeypatch.setattr("harness.server.supervised.GRACE_S", 0.2)
    node = script(folder / "node", answer)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    assert programs("node", "x.js") == [Program(name="node", path=str(node), unknown="version asked, and not told")]
    assert family.alive() == []


@pytest.mark.parametrize(
    "command",
    [
        ("/usr/bin/env", "A=b", "nginx"),
        ("/bin/sh", "-c", "exec nginx -g 'daemon off;'"),
        ("/usr/bin/nice", "-n", "1", "/usr/bin/env", "nginx"),
    ],
)
def test_what_only_starts_the_server_is_not_the_server(folder: Path, command: tuple[str, ...]) -> None:
    assert [program.name for program in programs(*command)] == ["nginx"]


def test_a_link_is_named_with_what_it_leads_to(folder: Path) -> None:
    (folder / "httpd").symlink_to(folder / "nginx")
    (found,) = programs("httpd")
    assert (found.path, found.real_path) == (str(folder / "httpd"), str(folder / "nginx"))
    assert str(found) == f"httpd 9.8.7: {folder / 'httpd'}, a link to {folder / 'nginx'}"


def test_programs_in_the_checkouts_of_two_commits_are_named_by_side(tmp_path: Path, folder: Path) -> None:
    def on(commit: str) -> Topology:
        root = tmp_path / commit
        (root / "bin").mkdir(parents=True)
        script(root / "bin" / "nginx", f"echo nginx/1.2.{len(commit)}")
        side = Side.model_validate({"commit": commit, "of": "test", "root": str(root)})
        return topology("bin/nginx", "{port}").model_copy(update={"side": side, "requires": ("nginx",)})

    found = describe_programs([on("base"), on("head")])
    assert [(program.side, program.version) for program in found] == [
        ("base", "1.2.4"),
        (None, "9.8.7"),
        ("head", "1.2.4"),
    ]
