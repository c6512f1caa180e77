"""Runs on hosts of namespaces: what one machine says, several say too, to the last request."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import pytest

from harness.fleet.facts import HostFacts
from harness.record import Run, read_run
from tests.fleet.conftest import REPOSITORY, Site
from tests.fleet.lab import ADDRESSES, CLOCKS_S, HUB, end, harness

pytestmark = pytest.mark.fleet

US_PER_S: Final = 1_000_000


def offer(site: Site, kind: str, duration_s: float = 1.0) -> dict[str, Any]:
    """What came of a load from the hosts of the fleet file."""
    words = [sys.executable, "-m", "tests.fleet.far_load", str(site.folder / "fleet.toml"), kind, str(duration_s)]
    output = site.lab.run(HUB, words, REPOSITORY)
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return found


def compare(site: Site, *words: str) -> Run:
    output = site.run("compare", "scenario.toml", "--fleet", "fleet.toml", *words)
    assert (site.folder / "results" / "latest").exists(), output
    return read_run(site.folder / "results" / "latest")


@pytest.mark.parametrize("hosts", ["a", "ab", "abcd"])
def test_the_server_has_counted_what_the_parts_add_up_to(site: Site, hosts: str) -> None:
    site.write_fleet(*hosts)
    site.start_agents(*hosts)
    found = offer(site, "closed")
    assert found["started"] == found["counted"] > 0
    assert found["started"] == sum(host["started"] for host in found["hosts"])
    assert found["processes"] == 2 * len(hosts)
    assert found["errors"] == 0


@pytest.mark.parametrize("kind", ["constant", "poisson"])
def test_a_rate_is_the_same_however_many_hosts_offer_it(site: Site, kind: str) -> None:
    due = []
    for hosts in ("a", "abc"):
        site.write_fleet(*hosts)
        site.start_agents(*hosts)
        found = offer(site, kind)
        assert found["started"] == found["counted"]
        due.append(found["due"])
        site.collect_agents()
    assert due[0] == due[1]


def test_what_came_due_while_the_server_stood_still_is_late_on_every_host(site: Site) -> None:
    """Of 300 requests a second, those of the first 0.7 of 1.4 seconds wait for 0.7 seconds or longer."""
    site.write_fleet("a", "b", "c")
    site.start_agents("a", "b", "c")
    found = offer(site, "frozen", 4.0)
    assert 1390 <= found["max_ms"] < 1700  # the first of them came due up to 1/300 s after the stop
    assert found["slow"] == pytest.approx(210, abs=20)
    assert found["started"] == found["counted"] == found["due"]


def test_clocks_are_known_within_their_bounds(site: Site) -> None:
    site.write_fleet("a", "b", "c")
    site.start_agents("a", "b", "c")
    for host in offer(site, "closed", 0.3)["hosts"]:
        assert abs(host["offset_us"] - CLOCKS_S[host["name"]] * US_PER_S) <= host["bound_us"]


def test_a_server_alone_on_its_machine(site: Site) -> None:
    site.write_fleet("abc")
    site.write_scenario()
    site.start_agents("a", "b", "c")
    run = compare(site)
    assert [record.status for record in run.records] == ["ok"] * 4
    assert run.info.interleaving.kind == "slices"
    assert [rig.generators for rig in run.info.rigs] == [["b", "c"]]
    for record in run.records:
        assert record.load is not None
        assert [host.name for host in record.load.hosts] == ["b", "c"]
        assert record.load.started == sum(host.started for host in record.load.hosts)
        assert record.rig == "a"
        assert (run.path / record.log).exists()
    assert {topology.host for topology in run.scenario.topologies} == {"127.0.0.1"}
    report = (run.path / "report.md").read_text(encoding="utf-8")
    assert "The server ran on `a`. " in report or "The server ran on `a`." in report
    assert "The load came from `b`" in report
    assert "hold the network in between" in report


def test_whole_trials_with_a_hook_and_a_service_work_there_too(site: Site) -> None:
    text = """
interleave = "trials"
[[service]]
name = "beside"
command = ["python3", "-m", "http.server", "{port}", "--bind", "127.0.0.1"]
[hooks]
before_trial = { command = ["sh", "-c", "echo {topology} >> hooks.txt"] }
"""
    site.write_fleet("ab")
    site.write_scenario(text)
    site.start_agents("a", "b")
    run = compare(site)
    assert [record.status for record in run.records] == ["ok"] * 4, [record.reason for record in run.records]
    assert sorted((site.folder / "hooks.txt").read_text(encoding="utf-8").split()) == ["one", "one", "two", "two"]
    assert (run.path / "logs" / "a-service-beside.log").exists()


def test_rounds_are_made_on_several_machines_at_once_and_judged_in_order(site: Site) -> None:
    site.write_fleet("a", "b", "c")
    site.write_scenario(rounds=6)
    site.start_agents("a", "b", "c")
    run = compare(site)
    assert [record.block for record in run.records] == [block for block in range(1, 7) for _ in range(2)]
    assert {record.rig for record in run.records} == {"a", "b", "c"}
    assert all(len({each.rig for each in run.records if each.block == block}) == 1 for block in range(1, 7))
    report = (run.path / "report.md").read_text(encoding="utf-8")
    assert "Rounds were made on 3 machines at once" in report
    assert "the verdicts hold on these machines" in report


def test_an_agent_of_another_version_is_refused_by_name(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write_fleet("a")
    site.write_scenario()
    program = (
        "import harness.fleet.facts as facts; facts._digest_code = lambda: 'other'; import sys;"
        " from harness.fleet.__main__ import main; main(*sys.argv[1:])"
    )
    words = ["a", f"tls://{ADDRESSES[HUB]}:8786", ADDRESSES["a"], str(site.folder), str(site.keys)]
    site.agents["a"] = site.lab.start("a", [sys.executable, "-c", program, *words], REPOSITORY)
    output = site.run("compare", "scenario.toml", "--fleet", "fleet.toml")
    assert "a was refused: another version of the harness" in output
    assert not (site.folder / "results").exists()
    assert "refused: another version of the harness" in site.agents["a"].communicate(timeout=20)[0]


def test_an_agent_belongs_to_one_leader(site: Site) -> None:
    site.write_fleet("a")
    site.write_scenario(duration="3s")
    site.start_agents("a")
    first = site.start("compare", "scenario.toml", "--fleet", "fleet.toml")
    site.lab.find("a", "counting_server")
    listed = "import psutil; print(*[c.laddr.port for c in psutil.net_connections() if c.status == 'LISTEN'])"
    ports = site.lab.run("a", [sys.executable, "-c", listed]).split()
    program = f"""
import sys
from pathlib import Path
from harness.fleet.keys import security_of
from harness.fleet.wire import CallError, Wire
with Wire(security_of(Path({str(site.keys)!r}), "leader")) as wire:
    for port in {ports}:
        try:
            wire.call(f"tls://{ADDRESSES["a"]}:{{port}}", "start", "guessed", job="prepare", order="")
        except CallError as error:
            print(error)
"""
    said = site.lab.run(HUB, [sys.executable, "-c", program], REPOSITORY)
    assert "a belongs to another leader" in said.splitlines()
    first.kill()
    first.communicate()


def test_unlike_machines_are_refused_unless_the_file_allows_them(site: Site) -> None:
    path = site.write_fleet("a", "b")
    path.write_text(path.read_text(encoding="utf-8").replace("unlike = true", ""), encoding="utf-8")
    site.write_scenario()
    site.start_agents("a", "b")
    output = site.run("compare", "scenario.toml", "--fleet", "fleet.toml")
    assert "a and b: both are one machine, and would disturb each other" in " ".join(output.split())
    assert "unlike = true" in output


def test_a_command_that_others_cannot_reach_is_told_before_the_run(site: Site) -> None:
    site.write_fleet("ab")
    path = site.write_scenario()
    path.write_text(path.read_text(encoding="utf-8").replace('"{host}"', '"127.0.0.1"'), encoding="utf-8")
    site.start_agents("a", "b")
    output = " ".join(site.run("compare", "scenario.toml", "--fleet", "fleet.toml").split())
    assert "one: its command has 127.0.0.1, where generators on other machines can't reach it: write {host}" in output


def test_the_capacity_of_a_server_elsewhere(site: Site) -> None:
    site.write_fleet("ab")
    site.write_scenario()
    site.start_agents("a", "b")
    words = ["--slo", "p99 < 500ms", "--only", "one", "--max-time", "20s", "--precision", "30%"]
    output = site.run("capacity", "scenario.toml", "--fleet", "fleet.toml", *words)
    run = read_run(site.folder / "results" / "latest")
    assert any(record.status == "ok" for record in run.records), output
    loads = [record.load for record in run.records if record.load]
    assert {host.name for load in loads for host in load.hosts} == {"b"}


def test_facts_name_every_difference() -> None:
    here = HostFacts.gather("here")
    assert list(here.find_other_software(here)) == []
    other = here.model_copy(update={"code": "x", "python": "3.99", "packages": {**here.packages, "pydantic": "0"}})
    assert [said.split()[0] for said in other.find_other_software(here)] == ["another", "Python", "pydantic"]


def test_two_commits_are_compared_on_other_machines(site: Site, tmp_path: Path) -> None:
    """Each in its checkout there; the repository is on the leader's machine alone."""
    site.write_fleet("ab")
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "server.py").write_bytes((REPOSITORY / "tests" / "fleet" / "counting_server.py").read_bytes())
    (repository / "scenario.toml").write_text(
        'name = "far"\nrounds = 1\n[load]\nconnections = 4\nwarmup = "200ms"\nduration = "500ms"\n[[topology]]\n'
        'name = "raw"\ncommand = ["{harness_python}", "server.py", "{host}", "{port}"]\n',
        encoding="utf-8",
    )
    (repository / ".gitignore").write_text(".env\nresults/\n", encoding="utf-8")
    (repository / ".env").write_text("SECRET=1", encoding="utf-8")
    for text in ("one", "two"):
        (repository / "note.txt").write_text(text, encoding="utf-8")
        for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", text]):
            by = ["-c", "user.name=Somebody", "-c", "user.email=somebody@localhost"]
            subprocess.run(["git", "-C", str(repository), *by, *words], check=True)
    site.start_agents("a", "b", XDG_CACHE_HOME=str(tmp_path / "cache"))
    words = ["ab", "scenario.toml", "--base", "HEAD~", "--head", "HEAD", "--fleet", str(site.folder / "fleet.toml")]
    output = site.lab.run(HUB, harness(*words), repository)
    run = read_run(repository / "results" / "latest")
    assert [record.status for record in run.records] == ["ok", "ok"], output
    assert "The checkouts lack what git ignores: .env." in output
    assert [revision.subject for revision in run.info.revisions] == ["one", "two"]
    assert (
        str(tmp_path / "cache") in {topology.side.root for topology in run.scenario.topologies if topology.side}.pop()
    )
    assert not list((tmp_path / "cache" / "harness" / "checkouts").glob("*/*/tree"))


def test_an_interrupted_run_is_gone_on_with_on_the_same_machines_alone(site: Site) -> None:
    site.write_fleet("ab")
    site.write_scenario(rounds=3, duration="1s")
    site.start_agents("a", "b")
    first = site.start("compare", "scenario.toml", "--fleet", "fleet.toml")
    trials = site.folder / "results" / "latest" / "trials.jsonl"
    deadline_s = time.monotonic() + 60
    while not trials.exists() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    site.lab.find(HUB, "compare").send_signal(signal.SIGINT)
    first.communicate(timeout=30)
    assert "it was made on the fleet's a with b" in " ".join(site.run("resume", "results/latest").split())
    site.collect_agents()
    site.start_agents("a", "b")
    output = site.run("resume", "results/latest", "--fleet", "fleet.toml")
    run = read_run(site.folder / "results" / "latest")
    assert run.is_whole, output
    assert len(run.records) == 6


def test_a_load_from_the_machines_of_a_fleet(site: Site) -> None:
    site.write_fleet("ab")
    site.start_agents("a", "b")
    words = [sys.executable, str(REPOSITORY / "tests" / "fleet" / "counting_server.py"), ADDRESSES["a"], "80"]
    server = site.lab.start("a", words, REPOSITORY)
    url = f"http://{ADDRESSES['a']}:80/"
    output = site.run("load", url, "-c", "4", "-d", "1s", "--max-rate", "none", "--fleet", "fleet.toml", "--json")
    end(site.lab.find("a", "counting_server"))
    server.communicate()
    result = json.loads(output[output.index("{") :])
    assert [host["name"] for host in result["hosts"]] == ["b"]
    assert result["requests"] > 0


def test_the_doctor_looks_at_every_machine(site: Site) -> None:
    site.write_fleet("ab")
    site.start_agents("a", "b")
    output = site.run("doctor", "--fleet", "fleet.toml", "--json")
    checks = {check["name"]: check for check in json.loads(output[output.index("[") :])}
    assert checks["a: part"]["what"] == "runs the servers; their load comes from b"
    assert checks["b: part"]["what"] == "generates load for the servers on a"
    for host in ("a", "b"):
        assert checks[f"{host}: clock"]["status"] == "ok"
        ahead = re.search(r"([\d,.]+) s ahead of the leader's", checks[f"{host}: clock"]["what"])
        assert ahead
        assert float(ahead[1].replace(",", "")) == pytest.approx(CLOCKS_S[host], abs=0.01)
        assert f"{host}: cores" in checks


def test_agents_that_are_started_by_ssh_end_with_their_leader(site: Site, tmp_path: Path) -> None:
    """A stand-in for ssh runs the command on the host, with the words that ssh would get."""
    stand_in = tmp_path / "bin" / "ssh"
    stand_in.parent.mkdir()
    enter = "\n".join(f'bench@{host}) set -- {" ".join(site.lab.enter_from_hub(host))} "$@";;' for host in ("a", "b"))
    stand_in.write_text(
        '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do [ "$1" = -o ] && shift; shift; done\n'
        f'to=$1; shift; command=$*; set -- sh -c "cd {REPOSITORY} && exec $command"\n'
        f'case $to in\n{enter}\nesac\nexec "$@"\n',
        encoding="utf-8",
    )
    stand_in.chmod(0o755)
    path = site.write_fleet("ab")
    text = path.read_text(encoding="utf-8")
    for host in ("a", "b"):
        own = f'ssh = "bench@{host}"\npython = "{sys.executable}"\nroot = "{site.folder}"\nkeys = "{site.keys}"\n'
        text = text.replace(f'name = "{host}"\n', f'name = "{host}"\n{own}')
    path.write_text(text.replace("port = 8786", ""), encoding="utf-8")
    site.write_scenario()
    words = harness("compare", "scenario.toml", "--fleet", "fleet.toml")
    found = f"{stand_in.parent}:{os.environ['PATH']}"
    with site.lab.start(HUB, words, site.folder, {"PATH": found}) as process:
        output, _ = process.communicate(timeout=90)
    run = read_run(site.folder / "results" / "latest")
    assert [record.status for record in run.records] == ["ok"] * 4, output
    assert site.lab.processes() == []
    stand_in.write_text("#!/bin/sh\necho 'Host key verification failed.' >&2\nexit 255\n", encoding="utf-8")
    with site.lab.start(HUB, words, site.folder, {"PATH": found}) as process:
        output, _ = process.communicate(timeout=90)
    assert "a: ssh bench@a ended with exit code 255: Host key verification failed." in " ".join(output.split())
