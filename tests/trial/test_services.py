"""A comparison beside services: each lives as long as its scope, hooks stand around trials, and failures are named."""

import os
import re
import shutil
import socket
from pathlib import Path
from typing import Any, Final

import pytest

from harness.analysis.run import RunAnalysis
from harness.cli.outcome import exit_code
from harness.measure.compare import compare
from harness.measure.interleaving import Tried, choose_interleaving
from harness.measure.observer import Observer
from harness.measure.preparation import prepare
from harness.record import PlannedTrial, Run, RunFolderError, TrialRecord, read_run
from harness.report.findings import collect_findings
from harness.scenario import Scenario, ScenarioError, Topology, load_scenario
from harness.scenario.service import Hook, Hooks, Service
from tests.server.topologies import small
from tests.trial.trials import scenario

pytestmark = pytest.mark.compares

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = ("{harness_python}", "-c")
LISTENS: Final = """
import socket, sys, time
print("began", sys.argv[1], flush=True)
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
time.sleep(600)
"""
DIES: Final = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
listener.accept()
sys.exit(7)
"""
SAYS: Final = "import sys; print(*sys.argv[1:])"


def service(name: str, **settings: Any) -> Service:
    """One that listens and says that it began."""
    return Service(name=name, command=(*PYTHON, LISTENS, name, "{port}"), **settings)


def hook(*words: str, code: str = SAYS) -> Hook:
    """One that says these words."""
    return Hook(command=(*PYTHON, code, *words))


def named(name: str) -> Topology:
    return small("page").model_copy(update={"name": name})


NO_HOOKS: Final = Hooks()


def beside(services: tuple[Service, ...], hooks: Hooks = NO_HOOKS, rounds: int = 2) -> Scenario:
    """Two topologies beside the services."""
    around = scenario(named("one"), named("two"), rounds=rounds)
    return around.model_copy(update={"services": services, "hooks": hooks})


def made(around: Scenario, folder: Path) -> Run:
    return read_run(compare(prepare(around, 1), folder, "test", Observer()))


def used_in(run: Run) -> list[str]:
    """The services that were measured beside the first trial."""
    usage = run.records[0].usage
    assert usage is not None
    return [each.name for each in usage.services]


def log_of(run: Run, name: str) -> list[str]:
    return (run.path / "logs" / f"{name}.log").read_text().splitlines()


def test_each_service_lives_as_long_as_its_scope_and_hooks_stand_where_they_belong(tmp_path: Path) -> None:
    hooks = Hooks(
        setup=hook("setup", "{service.db.port}"),
        cleanup=hook("cleanup", "{service.db.port}"),
        before_trial=hook("before", "{topology}", "{service.cache.port}"),
        after_trial=hook("after", "{topology}", "{service.cache.port}"),
    )
    services = (service("db"), service("queue", scope="round"), service("cache", scope="trial"))
    run = made(beside(services, hooks), tmp_path)
    assert [record.status for record in run.records] == ["ok"] * 4
    began = {name: len(log_of(run, f"service-{name}")) for name in ("db", "queue", "cache")}
    assert began == {"db": 1, "queue": 2, "cache": 4}
    before, after = (log_of(run, f"hook-{name}_trial") for name in ("before", "after"))
    assert [line.split()[1] for line in before] == [record.topology for record in run.records]
    assert [line.split()[1:] for line in before] == [line.split()[1:] for line in after]
    assert log_of(run, "hook-setup")[0].split()[1] == log_of(run, "hook-cleanup")[0].split()[1]
    assert used_in(run) == ["db", "queue", "cache"]


WAITS: Final = "import sys, time; print(time.monotonic()); time.sleep(0.2); print(time.monotonic(), *sys.argv[1:])"


def stamping(name: str, file: Path) -> Topology:
    """One that writes down when each request comes."""
    return small("stamps").model_copy(update={"name": name, "env": {"PYTHONPATH": str(ROOT), "STAMPS": str(file)}})


@pytest.mark.parametrize("load", ["trials", "slices", "rate"])
def test_between_warm_up_and_window_a_hook_is_run_while_nothing_is_asked(tmp_path: Path, load: str) -> None:
    files = [tmp_path / "one.txt", tmp_path / "two.txt"]
    around = scenario(stamping("one", files[0]), stamping("two", files[1]))
    hooks = Hooks(after_warmup=hook("{topology}", code=WAITS))
    kind: dict[str, Any] = {"interleave": "slices" if load == "slices" else "trials", "slice_s": 0.1, "hooks": hooks}
    if load == "rate":
        kind["load"] = around.load.as_open_loop(200.0)
    run = made(around.model_copy(update=kind), tmp_path / "results")
    assert [(record.status, record.reason) for record in run.records] == [("ok", None)] * 2
    lines = log_of(run, "hook-after_warmup")
    for began, ended in zip(lines[::2], lines[1::2], strict=True):
        ended_s, name = ended.split()
        asked = [float(line) for line in (tmp_path / f"{name}.txt").read_text().splitlines()]
        assert not [at for at in asked if float(began) <= at <= float(ended_s)]
        assert len([at for at in asked if at < float(began)]) > 10, "the warm-up"
        assert len([at for at in asked if at > float(ended_s)]) > 10, "the window"


def test_a_trial_whose_hook_after_the_warm_up_fails_has_failed(tmp_path: Path) -> None:
    around = beside((), Hooks(after_warmup=hook(code="exit('no statistics')")), rounds=1)
    for kind in ("trials", "slices"):
        run = made(around.model_copy(update={"interleave": kind, "slice_s": 0.1}), tmp_path / kind)
        assert [record.status for record in run.records] == ["failed"] * 2
        assert all("hook after_warmup: " in (each.reason or "") for each in run.records)


def test_where_topologies_share_a_service_they_do_not_take_turns_unless_they_are_told_to(tmp_path: Path) -> None:
    run = made(beside((service("db"),), rounds=1), tmp_path)
    assert run.info.interleaving.why == "all topologies use db, which may still be busy for one while another is asked"
    told = beside((service("db"), service("queue", scope="round")), rounds=1)
    told = told.model_copy(update={"interleave": "slices", "slice_s": 0.1})
    run = made(told, tmp_path)
    assert all(record.slices for record in run.records)
    assert used_in(run) == ["db", "queue"]


@pytest.mark.parametrize(
    "around",
    [beside((service("db"),)), beside((), Hooks(setup=hook("setup")))],
    ids=["service", "setup"],
)
def test_no_server_is_tried_before_what_it_needs_is_there(around: Scenario) -> None:
    def attempt() -> Tried:
        pytest.fail("tried without it")

    assert choose_interleaving(around, attempt).why is not None
    found = choose_interleaving(around.model_copy(update={"interleave": "slices"}), attempt)
    assert (found.kind, found.slice_s) == ("slices", 0.5)


@pytest.mark.parametrize(
    ("services", "hooks", "why"),
    [
        ((service("db", scope="trial"),), NO_HOOKS, "each trial has db of its own"),
        ((), Hooks(before_trial=hook("before")), "hooks are run around each trial (before_trial)"),
    ],
)
def test_slices_are_refused_where_there_is_something_of_each_trial(
    services: tuple[Service, ...], hooks: Hooks, why: str
) -> None:
    told = beside(services, hooks).model_copy(update={"interleave": "slices"})
    with pytest.raises(ScenarioError, match=re.escape(why)):
        prepare(told, 1)


@pytest.mark.parametrize(
    ("services", "hooks", "reason"),
    [
        ((service("db", scope="trial", ready_log="never", start_timeout=0.2),), NO_HOOKS, "service db: was not"),
        ((service("db", scope="round", ready_log="never", start_timeout=0.2),), NO_HOOKS, "service db: was not"),
        ((), Hooks(before_trial=hook(code="exit('no rows')")), "hook before_trial: .* exit code 1: no rows"),
    ],
)
def test_a_trial_whose_service_or_hook_fails_has_failed_with_that_reason(
    tmp_path: Path, services: tuple[Service, ...], hooks: Hooks, reason: str
) -> None:
    run = made(beside(services, hooks, rounds=1), tmp_path)
    assert [record.status for record in run.records] == ["failed"] * 2
    for record in run.records:
        assert record.reason is not None
        assert re.search(reason, record.reason)


def test_a_trial_whose_hook_fails_afterwards_is_kept_and_does_not_count(tmp_path: Path) -> None:
    run = made(beside((), Hooks(after_trial=hook(code="exit(5)")), rounds=1), tmp_path)
    assert [record.status for record in run.records] == ["invalid"] * 2
    assert all("hook after_trial" in (record.reason or "") and record.load for record in run.records)


@pytest.mark.parametrize(
    "words",
    [
        {"command": ("no-such-db", "{port}")},
        {"prepare": ("no-such-db",)},
        {"ready_command": ("no-such-db", "{port}")},
    ],
)
def test_a_service_that_is_not_installed_is_told_before_anything_is_measured(words: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError, match="service db: no-such-db not found on PATH; install no-such-db"):
        prepare(beside((service("db").model_copy(update=words),)), 1)


@pytest.mark.parametrize("interleave", ["trials", "slices"])
def test_where_a_service_ends_no_trial_counts_from_then_on_and_the_reason_names_it(
    tmp_path: Path, interleave: str
) -> None:
    dies = Service(name="db", command=(*PYTHON, DIES, "{port}"))
    around = beside((dies,), rounds=2).model_copy(update={"interleave": interleave, "slice_s": 0.1})
    run = made(around, tmp_path)
    assert {record.status for record in run.records} == {"invalid"}
    assert {record.reason for record in run.records} == {"service db: has ended, with exit code 7"}


def test_a_hook_that_is_not_installed_is_told_before_anything_is_measured() -> None:
    with pytest.raises(ScenarioError, match=r"hooks\.after_trial: no-such-client not found on PATH"):
        prepare(beside((), Hooks(after_trial=Hook(command=("no-such-client",)))), 1)


def test_what_a_failed_setup_left_is_cleaned_up_and_its_secret_is_not_shown(tmp_path: Path) -> None:
    fails = "import os; exit(os.environ['DB_PASSWORD'])"
    setup = Hook(command=(*PYTHON, fails), env={"DB_PASSWORD": "a-very-secret-word"})
    with pytest.raises(RunFolderError, match="hook setup") as caught:
        made(beside((), Hooks(setup=setup, cleanup=hook("cleaned"))), tmp_path)
    assert "a-very-secret-word" not in str(caught.value)
    assert (tmp_path / "latest" / "logs" / "hook-cleanup.log").read_text() == "cleaned\n"


def test_a_service_that_was_there_and_is_gone_makes_the_trial_invalid(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        around = beside((Service(name="db", address=f"127.0.0.1:{port}"),), rounds=1)
        prepared = prepare(around, 1)

        class Closing(Observer):
            def on_trial(self, planned: PlannedTrial) -> None:
                """Close it before the first trial."""
                there.close()

        run = read_run(compare(prepared, tmp_path, "test", Closing()))
    assert {record.status for record in run.records} == {"invalid"}
    assert all(f"service db: 127.0.0.1:{port} is not there any more" in (each.reason or "") for each in run.records)


FAILS: Final = hook(code="exit('no schema')")


def test_a_run_whose_setup_fails_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"hook setup: .* exit code 1: no schema$"):
        made(beside((), Hooks(setup=FAILS), rounds=1), tmp_path)
    run = read_run(tmp_path / "latest")
    assert run.ending is not None
    assert run.records == []


def test_a_run_whose_cleanup_fails_says_so_and_has_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = made(beside((), Hooks(cleanup=FAILS), rounds=1), tmp_path)
    assert run.ending is not None
    assert run.ending.failure is not None
    assert "hook cleanup: " in run.ending.failure
    assert [record.status for record in run.records] == ["ok", "ok"]
    assert any("there was a failure: hook cleanup: " in each.what for each in collect_findings(RunAnalysis(run)))
    assert exit_code(run) == 1
    assert "exit code 1: no schema" in capsys.readouterr().err


def test_ctrl_c_stays_one_where_the_cleanup_then_fails(tmp_path: Path) -> None:
    class Interrupting(Observer):
        def on_record(self, record: TrialRecord) -> None:
            """Interrupt it after the first trial."""
            raise KeyboardInterrupt

    run = read_run(compare(prepare(beside((), Hooks(cleanup=FAILS), rounds=2), 1), tmp_path, "test", Interrupting()))
    assert run.ending is not None
    assert run.ending.reason == "interrupted"
    assert "hook cleanup: " in (run.ending.failure or "")
    assert exit_code(run) == 130


SHOP: Final = """
name = "visits"
rounds = 1

[load]
path = "/"
connections = 16
warmup = "200ms"
duration = "1s"
expect_body = "contains:It costs 42."

[[service]]
name = "redis"
command = ["redis-server", "--port", "{{port}}", "--bind", "{{host}}", "--save", "", "--dir", "{{folder}}"]
ready_log = "Ready to accept connections"

[[service]]
name = "postgres"
prepare = ["sh", "-c", "{owned}{as_user} initdb --pgdata {{folder}}/data --username shop --auth trust"]
command = ["sh", "-c", "exec {as_user} postgres -D {{folder}}/data -h {{host}} -p {{port}} -k {{folder}}"]
ready_command = ["pg_isready", "--host", "{{host}}", "--port", "{{port}}"]
env = {{ LC_ALL = "C" }}

[hooks.setup]
command = ["psql", "{url}", "--command", "CREATE TABLE stock AS SELECT 1 AS id, 42 AS price"]

[hooks.before_trial]
command = ["redis-cli", "-p", "{{service.redis.port}}", "SET", "visits", "0"]

[hooks.after_trial]
command = ["redis-cli", "-p", "{{service.redis.port}}", "GET", "visits"]

[[topology]]
name = "raw"
command = [
    "{{harness_python}}", "-m", "servers.visits", "--port", "{{port}}",
    "--redis", "{{service.redis.host}}:{{service.redis.port}}", "--postgres", "{url}",
]
"""


def test_a_page_with_redis_and_postgresql_is_measured_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [str(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin")]  # where Debian keeps them
    monkeypatch.setenv("PATH", os.pathsep.join([os.environ["PATH"], *folders]))
    monkeypatch.chdir(ROOT)
    assert shutil.which("postgres"), "apt install postgresql"
    assert shutil.which("redis-server"), "apt install redis-server"
    is_root = os.geteuid() == 0  # whom PostgreSQL refuses
    text = SHOP.format(
        owned="chown postgres {folder} && " if is_root else "exec ",
        as_user="setpriv --reuid postgres --regid postgres --clear-groups" if is_root else "",
        url="postgresql://shop@127.0.0.1:{service.postgres.port}/postgres",
    )
    (tmp_path / "scenario.toml").write_text(text)
    run = made(load_scenario(tmp_path / "scenario.toml"), tmp_path / "results")
    (record,) = run.records
    assert (record.status, record.reason) == ("ok", None)
    assert record.load is not None
    assert record.usage is not None
    assert record.load.errors.total == 0
    visits = int(log_of(run, "hook-after_trial")[-1])
    assert record.load.started <= visits  # and those of the warm-up, and before the load
    used = {each.name: each for each in record.usage.services}
    assert used["redis"].cpu_s > 0.01
    assert used["postgres"].cpu_s > 0.01
    (finding,) = (each for each in collect_findings(RunAnalysis(run)) if "Services beside" in each.what)
    assert re.search(r"redis 0\.\d\d cores and .+, postgres 0\.\d\d cores and .+ beside `raw`", finding.what)
