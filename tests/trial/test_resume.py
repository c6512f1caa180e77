"""An interrupted run is gone on with by its own plan, or it is said why not."""

import os
import shutil
from pathlib import Path

import pytest

from harness.cli.outcome import exit_code
from harness.machine.environment import Environment
from harness.measure.compare import compare, resume
from harness.measure.preparation import prepare, prepare_again
from harness.measure.testbed import Testbed
from harness.record import PlannedTrial, Program, Run, RunFolderError, read_run
from harness.report.run_report import RunReport
from harness.scenario import Scenario, ScenarioError, Topology
from harness.server.programs import describe_programs
from tests.made_runs import scenario_of, topology
from tests.rehearsal.testbed import VirtualTestbed
from tests.server.servers.serving import listen
from tests.trial.test_compare import Silent

FOUND = {"command": ("true", "{port}")}  # a program that is there, though nobody starts it
RAW, TWO = (
    each.model_copy(update=FOUND) for each in (topology("raw", baseline=True), topology("cluster-2", workers=2))
)


class WithPrograms(VirtualTestbed):
    """A virtual testbed on which the programs are those that are here."""

    def describe_programs(self, scenario: Scenario) -> list[Program]:
        """Return them as they are now."""
        return describe_programs(scenario.topologies, scenario.services)


TESTBED = WithPrograms()
HERE = TESTBED.describe_environment()


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The service is in a folder of its own."""
    (tmp_path / "service").mkdir()
    monkeypatch.chdir(tmp_path / "service")


class Impatient(Silent):
    """Interrupts as a trial begins."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    def on_trial(self, planned: PlannedTrial) -> None:
        """Not any more than so many."""
        if len(self.ended) == self._after:
            raise KeyboardInterrupt
        super().on_trial(planned)


def interrupted(results: Path, after: int, *topologies: Topology, rounds: int | None = 4) -> Run:
    """A run that was cut short after so many trials."""
    scenario = scenario_of(list(topologies) or [RAW, TWO], 1).model_copy(
        update={"rounds": rounds, "interleave": "trials"}
    )
    return read_run(compare(prepare(scenario, 1), results, "harness compare it", Impatient(after), TESTBED))


def gone_on_with(run: Run, now: Environment = HERE) -> Run:
    """The same run when it was resumed."""
    return read_run(resume(run, prepare_again(run, now, Testbed.here()), Silent(), TESTBED))


@pytest.mark.parametrize("after", [0, 1, 2, 3, 7])
def test_the_missing_trials_are_made_in_the_order_of_the_plan(tmp_path: Path, after: int) -> None:
    before = interrupted(tmp_path, after)
    assert (len(before.records), before.is_whole) == (after, False)
    run = gone_on_with(before)
    assert [each.trial for each in run.records] == [planned.id for planned in run.info.trials]
    assert run.records[:after] == before.records
    assert run.is_whole
    assert run.ending is not None
    assert len(run.ending.resumed_at) == 1


def test_it_can_be_interrupted_and_gone_on_with_again(tmp_path: Path) -> None:
    before = interrupted(tmp_path, 2)
    again = read_run(resume(before, prepare_again(before, HERE, Testbed.here()), Impatient(3), TESTBED))
    assert (len(again.records), again.is_whole) == (5, False)
    run = gone_on_with(again)
    assert len(run.records) == 8
    assert run.ending is not None
    assert len(run.ending.resumed_at) == 2


def test_a_run_that_was_killed_in_the_middle_of_a_record_loses_that_one_only(tmp_path: Path) -> None:
    path = interrupted(tmp_path, 3).path
    (path / "ending.json").unlink()
    trials = path / "trials.jsonl"
    trials.write_bytes(trials.read_bytes()[:-40])
    before = read_run(path)
    assert (len(before.records), before.left_out) == (2, ["line 3: no whole record"])
    run = gone_on_with(before)
    assert sorted(each.trial for each in run.records) == [planned.id for planned in run.info.trials]
    assert run.left_out == []
    assert run.is_whole


def test_auto_rounds_go_on_until_sure(tmp_path: Path) -> None:
    run = gone_on_with(interrupted(tmp_path, 3, rounds=None))
    assert run.ending is not None
    assert run.ending.reason in ("sure", "out of time")
    assert len(run.records) >= 10


def refusal(run: Run, now: Environment = HERE) -> str:
    """Why it can't be gone on with; nothing of it is touched."""
    files = {path: path.read_bytes() for path in run.path.rglob("*.json*")}
    with pytest.raises(RunFolderError) as caught:
        prepare_again(run, now, Testbed.here())
    assert {path: path.read_bytes() for path in run.path.rglob("*.json*")} == files
    return str(caught.value)


def test_a_run_that_has_ended_is_refused(tmp_path: Path) -> None:
    assert "nothing is missing" in refusal(interrupted(tmp_path, 99))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"git_commit": "f" * 40}, "git commit: "),
        ({"git_changes": "changed"}, "git changes: "),
        ({"cpu_model": "another"}, "cpu model: "),
        ({"usable_cores": 99}, "usable cores: "),
        ({"packages": {"aiohttp": "0.1"}}, "packages: "),
    ],
)
def test_other_code_or_another_machine_is_refused(tmp_path: Path, change: dict[str, object], said: str) -> None:
    message = refusal(interrupted(tmp_path, 2), HERE.model_copy(update=change))
    assert "not what it began with" in message
    assert said in message


def test_another_load_average_is_no_other_machine(tmp_path: Path) -> None:
    assert gone_on_with(interrupted(tmp_path, 2), HERE.model_copy(update={"load_before": (9.0, 9.0, 9.0)})).is_whole


def test_an_edited_scenario_is_refused(tmp_path: Path) -> None:
    run = interrupted(tmp_path, 2)
    file = run.path / "scenario.json"
    file.write_text(file.read_text().replace('"connections": 40', '"connections": 41'))
    assert "scenario.json was changed" in refusal(read_run(run.path))


def test_secrets_that_were_not_recorded_are_named(tmp_path: Path) -> None:
    secret = TWO.model_copy(update={"env": {"API_TOKEN": "hunter2"}})
    run = interrupted(tmp_path, 2, RAW, secret)
    assert "hunter2" not in "".join(path.read_text() for path in run.path.rglob("*.json*"))
    assert "API_TOKEN in env of cluster-2 was not written down" in refusal(run)


def test_variables_of_the_caller_are_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", shutil.which("true") or "")  # which stands in what is compared with what was written
    run = interrupted(tmp_path, 2, RAW, TWO.model_copy(update={"env": {"API_TOKEN": "{env:TOKEN}"}}))
    assert [program.path for program in run.info.programs] == ["(redacted)"]
    assert gone_on_with(run).is_whole


def test_variables_that_are_gone_are_named_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "hunter22")
    run = interrupted(tmp_path, 2, RAW, TWO.model_copy(update={"env": {"API_TOKEN": "{env:TOKEN}"}}))
    monkeypatch.delenv("TOKEN")
    with pytest.raises(ScenarioError, match=r"^cluster-2: the environment does not have what {env:TOKEN} stands for"):
        prepare_again(run, HERE, Testbed.here())


def test_a_program_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = interrupted(tmp_path, 2)
    monkeypatch.setenv("PATH", "")
    assert "true not found on PATH" in refusal(run)


def test_another_version_of_a_program_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = interrupted(tmp_path, 2)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    shutil.copy("/bin/true", tmp_path / "true")
    assert f"and are now true (version not asked): {tmp_path / 'true'}" in refusal(run)
    older = run.model_copy(update={"info": run.info.model_copy(update={"programs": []})})
    assert "an older harness, which did not record the programs" in refusal(older)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def served(tmp_path: Path) -> Topology:
    """A program of the service's own, with files and folders that it is told of; none of them is in a repository."""
    for name in ("service/bin/server", "service/app.py", "service/conf/app.ini", "service/.hidden/x", "lib/own.py"):
        write(tmp_path / name, "#!/bin/sh\n")
    (tmp_path / "service/bin/server").chmod(0o755)
    (tmp_path / "service/linked").symlink_to(write(tmp_path / "away/deep/code.py", "code").parents[1])
    env = {"SETTINGS": f"file:{write(tmp_path / 'etc/settings', 'some')}", "PYTHONPATH": f"{tmp_path / 'lib'}:nowhere"}
    command = ("bin/server", "{port}", "--config=conf/app.ini")
    return RAW.model_copy(update={"command": command, "env": env, "public_env": tuple(env)})


CHANGES: dict[str, str] = {  # file, and how the refusal names it
    "service/bin/server": "bin/server",
    "service/app.py": "app.py",
    "service/conf/app.ini": "conf/app.ini",
    "service/.hidden/x": ".hidden/x",
    "service/linked/deep/code.py": "linked/deep/code.py",
    "service/new.py": "new.py",
    "etc/settings": "{}/etc/settings",
    "lib/own.py": "{}/lib/own.py",
}


@pytest.mark.parametrize("file", CHANGES)
def test_other_code_is_refused_wherever_it_is(tmp_path: Path, file: str) -> None:
    """Where no repository would tell; size and time are as they were."""
    run = interrupted(tmp_path / "results", 2, served(tmp_path), TWO)
    path = tmp_path / file
    times = path.stat() if path.exists() else tmp_path.stat()
    write(path, "#!/bin/SH\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert refusal(run).endswith(f"what its commands run has changed: {CHANGES[file].format(tmp_path)}")


def test_code_whose_path_is_not_written_down_is_known_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = write(tmp_path / "plug-ins/one.py", "one")
    monkeypatch.setenv("PLUG_INS", str(code.parent))
    run = interrupted(tmp_path / "results", 2, RAW.model_copy(update={"pass_env": ("PLUG_INS",)}), TWO)
    assert "plug-ins" not in (run.path / "fingerprint.json").read_text()
    assert len(prepare_again(run, HERE, Testbed.here()).doubts) == 1
    code.write_text("two")
    assert refusal(run).endswith("has changed: (redacted)/one.py")


def test_code_that_is_gone_is_refused(tmp_path: Path) -> None:
    run = interrupted(tmp_path / "results", 2, served(tmp_path), TWO)
    (tmp_path / "service/app.py").unlink()
    assert "has changed: app.py" in refusal(run)


def test_what_runs_and_harness_write_is_no_other_code(tmp_path: Path) -> None:
    """The run folder within the service, caches, what is in version control, other runs and their links."""
    topologies = served(tmp_path), TWO
    run = interrupted(tmp_path / "service" / "results", 2, *topologies)
    other = interrupted(tmp_path / "service" / "other results", 2, *topologies)
    write(tmp_path / "service/__pycache__/app.pyc", "bytes")
    write(tmp_path / "service/.git/index", "bytes")
    write(other.path / "report.md", "text")
    write(tmp_path / "service/venv/pyvenv.cfg", "home = /usr")
    assert prepare_again(run, HERE, Testbed.here()).doubts == ()


def test_what_servers_write_is_told_and_gone_on_with(tmp_path: Path) -> None:
    path = write(tmp_path / "service/shop.db", "one")
    run = interrupted(tmp_path / "results", 2, served(tmp_path), TWO.model_copy(update={"pass_env": ("HOME",)}))
    path.write_text("two")
    write(tmp_path / "service/tmp/pids/server", "1")
    changed, handed_on = prepare_again(run, HERE, Testbed.here()).doubts
    assert changed == "Changed since the run began, as by a server that writes there: shop.db, tmp/pids/server."
    assert handed_on == "Handed on as they are now, which was not recorded when the run began: HOME."


@pytest.mark.parametrize(
    ("name", "old", "new"), [("run.json", '"{port}"', '"{host}"'), ("environment.json", '"cores"', '"cores" ')]
)
def test_an_edited_plan_is_refused(tmp_path: Path, name: str, old: str, new: str) -> None:
    run = interrupted(tmp_path, 2)
    file = run.path / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    assert f"its {name} was changed since it began" in refusal(read_run(run.path))


def test_a_run_without_a_fingerprint_is_refused(tmp_path: Path) -> None:
    run = interrupted(tmp_path, 2)
    (run.path / "fingerprint.json").unlink()
    assert "an older harness, which did not record the state of what its commands run" in refusal(run)


def test_a_whole_record_without_its_line_end_is_kept(tmp_path: Path) -> None:
    path = interrupted(tmp_path, 3).path
    (path / "trials.jsonl").write_bytes((path / "trials.jsonl").read_bytes()[:-1])
    before = read_run(path)
    assert len(before.records) == 3
    run = gone_on_with(before)
    assert run.records[:3] == before.records
    assert run.left_out == []


def test_a_run_whose_records_were_left_out_does_not_end_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = interrupted(tmp_path, 99)
    assert exit_code(run) == 0
    trials = run.path / "trials.jsonl"
    trials.write_text(trials.read_text() + "{}\n")
    assert exit_code(read_run(run.path)) == 1
    assert "records were left out: line 9: no whole record" in capsys.readouterr().err
    trials.write_text("{}\n")
    assert exit_code(read_run(run.path)) == 2
    told = "nothing could be measured: records were left out: line 1: no whole record\n"
    assert capsys.readouterr().err.endswith(told)


def test_a_fixed_port_that_is_taken_is_told_before_anything_is_touched(tmp_path: Path) -> None:
    with listen(0) as free:
        port: int = free.getsockname()[1]
    run = interrupted(tmp_path, 2, RAW.model_copy(update={"port": port}), TWO)
    with listen(port), pytest.raises(Exception, match=f"port {port} of 127.0.0.1"):
        prepare_again(run, HERE, Testbed.here())


@pytest.mark.parametrize("name", ["trials.jsonl", "logs"])
def test_links_are_not_written_through(tmp_path: Path, name: str) -> None:
    run = interrupted(tmp_path / "results", 2)
    elsewhere = (run.path / name).rename(tmp_path / "elsewhere")
    before = elsewhere.read_bytes() if elsewhere.is_file() else b""
    (run.path / name).symlink_to(elsewhere)
    with pytest.raises(RunFolderError, match=f"{name} is a link"):
        gone_on_with(read_run(run.path))
    assert (elsewhere.read_bytes() if elsewhere.is_file() else b"") == before


def test_the_report_says_that_it_was_gone_on_with(tmp_path: Path) -> None:
    run = gone_on_with(interrupted(tmp_path, 3))
    told = [finding.what for finding in RunReport(run).findings]
    assert any(what.startswith("The run was interrupted, and gone on with once, the last time ") for what in told)
