"""Every check in each of its states, from made-up machines; and whatever the files hold, no check fails."""

import math
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.doctor.checkup import SAMPLE_S, run_checkup
from harness.machine.host import Host
from harness.scenario import Scenario, load_scenario
from tests.doctor.machines import CPU, GOOD, IPV4, Files, checked, machine, with_cpus

NAMES = (
    "cores governor turbo SMT virtualisation steal CPU quota throttling load average memory ASLR open files ports"
    " TIME_WAIT backlog"
)
ALWAYS_TOLD = {"cores", "open files"}  # by calls, not by files
GUEST = {"proc/cpuinfo": "flags\t\t: fpu hypervisor sse2\n"}


@pytest.fixture
def scenario(tmp_path: Path) -> Any:
    """A scenario with these values in its load, and two topologies of which the larger has so many workers."""

    def written(load: str = "", workers: int = 2) -> Scenario:
        file = tmp_path / "scenario.toml"
        file.write_text(
            f'name = "some"\n[load]\n{load}\n'
            '[[topology]]\nname = "raw"\ncommand = ["server", "{port}"]\n'
            f'[[topology]]\nname = "cluster"\nworkers = [{workers}]\ncommand = ["server", "{{port}}"]\n'
        )
        return load_scenario(file)

    return written


def test_a_machine_that_is_set_up_for_measuring_is_ok(tmp_path: Path) -> None:
    checks = checked(machine(tmp_path))
    assert " ".join(checks) == NAMES
    assert {name: check.status for name, check in checks.items() if check.status != "ok"} == {}


def test_a_machine_that_tells_nothing_is_unknown_and_not_ok(tmp_path: Path) -> None:
    host = machine(tmp_path, dict.fromkeys(GOOD), later={})
    checks = checked(host)
    assert {name for name, check in checks.items() if check.status != "unknown"} == ALWAYS_TOLD


def test_only_warnings_have_advice_and_every_text_is_a_line(tmp_path: Path) -> None:
    bad = checked(machine(tmp_path, {**GUEST, "proc/loadavg": "9.1 1 1", f"{CPU}/intel_pstate/no_turbo": None}))
    assert {check.status for check in bad.values()} == {"ok", "warn", "unknown"}
    for check in bad.values():
        assert (check.advice is not None) == (check.status == "warn")
        assert len(f"{check.what}{check.advice}".splitlines()) == 1


# The machine ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changed", "status", "words"),
    [
        ("governor", {f"{CPU}/cpu3/cpufreq/scaling_governor": "powersave"}, "warn", "powersave on 1 of 4 cores"),
        ("governor", {f"{CPU}/cpu3/cpufreq/scaling_governor": None}, "unknown", "not told by this kernel"),
        ("governor", {f"{CPU}/cpu4/cpufreq/scaling_governor": "powersave"}, "ok", "4 of 4"),  # not usable by us
        ("turbo", {f"{CPU}/intel_pstate/no_turbo": "0"}, "warn", "on: the fewer cores are busy"),
        ("turbo", {f"{CPU}/intel_pstate/no_turbo": None, f"{CPU}/cpufreq/boost": "0"}, "ok", "off"),
        ("turbo", {f"{CPU}/intel_pstate/no_turbo": None, f"{CPU}/cpufreq/boost": "1"}, "warn", "on"),
        ("turbo", {f"{CPU}/intel_pstate/no_turbo": "2"}, "unknown", "not told"),
        ("SMT", {f"{CPU}/smt/active": "1"}, "ok", "no two of the usable CPUs share a core"),
        ("SMT", {f"{CPU}/smt/active": "1", f"{CPU}/cpu2/topology/thread_siblings_list": None}, "unknown", "not told"),
        ("SMT", GUEST, "unknown", "the hypervisor decides"),  # a guest without SMT may run on a host with it
        ("virtualisation", {".dockerenv": ""}, "ok", "a physical machine, in a container"),
        ("virtualisation", GUEST, "warn", "a virtual machine: "),
        ("virtualisation", GUEST | {"run/.containerenv": ""}, "warn", "a virtual machine, in a container"),
        ("virtualisation", {"proc/cpuinfo": "Features: fp asimd"}, "unknown", "not told"),
        ("virtualisation", {"proc/cpuinfo": None, "sys/class/dmi/id/sys_vendor": "QEMU"}, "warn", "a virtual machine"),
        ("virtualisation", {"proc/cpuinfo": None, "sys/hypervisor/type": "xen"}, "warn", "a virtual machine"),
        ("load average", {"proc/loadavg": "2.00 0 0 1/81 3"}, "ok", "2.00 over the last minute, on 4 cores"),
        ("load average", {"proc/loadavg": "2.01 0 0 1/81 3"}, "warn", "2.01"),
        ("load average", {"proc/loadavg": "nan 0 0 1/81 3"}, "unknown", "not told"),
        ("load average", {"proc/loadavg": "-1 0 0 1/81 3"}, "unknown", "not told"),
        ("memory", {"proc/pressure/memory": "some avg10=1.50 avg60=0.00"}, "warn", "1.5 %"),
        ("memory", {"proc/pressure/memory": "full avg10=1.50 avg60=0.00"}, "unknown", "not told"),
        ("ASLR", {"proc/sys/kernel/randomize_va_space": "1"}, "ok", "on"),
        ("ASLR", {"proc/sys/kernel/randomize_va_space": "0"}, "warn", "off"),
        ("ASLR", {"proc/sys/kernel/randomize_va_space": "3"}, "unknown", "not told"),
        ("TIME_WAIT", {"proc/net/sockstat": "TCP: inuse 1 tw 2823"}, "ok", "2,823"),
        ("TIME_WAIT", {"proc/net/sockstat": "TCP: inuse 1 tw 2824"}, "warn", "on 28,232 ports"),
        ("TIME_WAIT", {f"{IPV4}/ip_local_port_range": "60999 32768"}, "unknown", "not told"),
        ("backlog", {f"{IPV4}/tcp_max_syn_backlog": "499"}, "warn", "499 half-open, for 500 connections"),
        ("backlog", {"proc/sys/net/core/somaxconn": None}, "unknown", "not told"),
    ],
)
def test_what_a_file_tells(tmp_path: Path, name: str, changed: Files, status: str, words: str) -> None:
    check = checked(machine(tmp_path, changed))[name]
    assert (check.status, words in check.what) == (status, True), check


def test_two_cpus_on_a_core(tmp_path: Path) -> None:
    changed = {f"{CPU}/smt/active": "1", f"{CPU}/cpu1/topology/thread_siblings_list": "0,4"}
    host = machine(tmp_path, changed)
    assert checked(host)["SMT"].what == "on: the 4 usable CPUs are 3 cores"
    assert checked(host)["SMT"].status == "warn"
    assert checked(with_cpus(host, 1, 2))["SMT"].status == "ok"


def test_the_advice_on_turbo_writes_what_turns_it_off(tmp_path: Path) -> None:
    intel = checked(machine(tmp_path / "intel", {f"{CPU}/intel_pstate/no_turbo": "0"}))["turbo"]
    amd = {f"{CPU}/intel_pstate/no_turbo": None, f"{CPU}/cpufreq/boost": "1"}
    other = checked(machine(tmp_path / "amd", amd))["turbo"]
    assert intel.advice is not None
    assert intel.advice.startswith("echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo")
    assert other.advice is not None
    assert other.advice.startswith("echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost")


# What passes in the sample ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "later", "status", "words"),
    [
        ("cpu 0 0 0 10000 0 0 0 0 0 0", "cpu 90 0 0 10009 0 0 0 1 0 0", "ok", "1.0 % in the last 0.5 s, 0.0 % since"),
        ("cpu 0 0 0 10000 0 0 0 0 0 0", "cpu 80 0 0 10018 0 0 0 2 0 0", "warn", "2.0 % in the last 0.5 s"),
        ("cpu 0 0 0 9800 0 0 0 200 9 9", "cpu 0 0 0 9900 0 0 0 200 9 9", "warn", "0.0 % in the last 0.5 s, 2.0 %"),
        ("cpu 0 0 0 9800 0 0 0 200 9 9", "cpu 0 0 0 9800 0 0 0 200 9 9", "unknown", "not told"),  # time stood still
        ("cpu 0 0 0 9800 0 0 0 200 9 9", "cpu 0 0 0 9700 0 0 0 200 9 9", "unknown", "not told"),
        ("cpu 0 0 0 9800", "cpu 0 0 0 9900", "unknown", "not told"),  # Linux before 2.6.11
        ("intr 0 0 0 9800 0 0 0 200 9 9", "intr 0 0 0 9900 0 0 0 200 9 9", "unknown", "not told"),
    ],
)
def test_steal(tmp_path: Path, before: str, later: str, status: str, words: str) -> None:
    check = checked(machine(tmp_path, {"proc/stat": before}, {"proc/stat": later}))["steal"]
    assert (check.status, words in check.what) == (status, True), check


def test_the_sample_lasts_half_a_second(tmp_path: Path) -> None:
    pauses: list[float] = []
    machine(tmp_path)
    run_checkup(Host(tmp_path, (0,), (1024, 1024), pauses.append), None)
    assert pauses == [SAMPLE_S] == [0.5]


# The control group ------------------------------------------------------------------------------------------

SLICE = "sys/fs/cgroup/user.slice"
SCOPE = f"{SLICE}/session-1.scope"
V1 = {"proc/self/cgroup": "9:name=systemd:/\n2:cpu,cpuacct:/docker/12ab\n1:cpuset:/\n0::/\n"}
V1_MOUNT = "sys/fs/cgroup/cpu,cpuacct"


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        ({f"{SLICE}/cpu.max": "150000 100000"}, "warn", "1.5 cores' worth of 4"),
        ({f"{SLICE}/cpu.max": "400000 100000"}, "ok", "4 cores' worth, with 4 usable"),
        ({f"{SCOPE}/cpu.max": "300000 100000", f"{SLICE}/cpu.max": "50000 100000"}, "warn", "0.5 cores' worth"),
        ({f"{SLICE}/cpu.max": "lots 100000"}, "unknown", "not told"),
        ({f"{SLICE}/cpu.max": "100000 0"}, "unknown", "not told"),
        ({f"{SLICE}/cpu.max": "9" * 400 + " 1"}, "unknown", "not told"),
        ({f"{SLICE}/cpu.max": None}, "ok", "none"),  # the CPU controller is switched on for no group
        ({"sys/fs/cgroup/cgroup.controllers": None}, "unknown", "not told"),
        ({"proc/self/cgroup": None}, "unknown", "not told"),
        ({"proc/self/cgroup": "0::/../outside\n", "sys/fs/cgroup/cpu.max": "100000 100000"}, "warn", "1 cores' worth"),
        (V1, "unknown", "not told"),
        (
            V1 | {f"{V1_MOUNT}/cpu.cfs_quota_us": "-1\n", f"{V1_MOUNT}/cpu.cfs_period_us": "100000\n"},
            "ok",  # within the container its own group is the mount
            "none",
        ),
        (
            V1
            | {f"{V1_MOUNT}{group}/cpu.cfs_period_us": "100000\n" for group in ("", "/docker/12ab")}
            | {f"{V1_MOUNT}/cpu.cfs_quota_us": "-1\n", f"{V1_MOUNT}/docker/12ab/cpu.cfs_quota_us": "250000\n"},
            "warn",
            "2.5 cores' worth of 4",
        ),
    ],
)
def test_the_quota(tmp_path: Path, changed: Files, status: str, words: str) -> None:
    check = checked(machine(tmp_path, changed))["CPU quota"]
    assert (check.status, words in check.what) == (status, True), check


def test_throttling_is_told_for_the_groups_life_and_for_the_sample(tmp_path: Path) -> None:
    host = machine(tmp_path, {f"{SLICE}/cpu.stat": "nr_throttled 1200"}, {f"{SCOPE}/cpu.stat": "nr_throttled 3"})
    check = checked(host)["throttling"]
    assert (check.status, check.what) == ("warn", "CPU quota used up 1,203 times, 3 in the last 0.5 s")


def test_nothing_is_throttled_without_a_quota(tmp_path: Path) -> None:
    untold = {f"{SLICE}/cpu.stat": "usage_usec 5"}
    assert checked(machine(tmp_path / "without", untold))["throttling"].status == "ok"
    limited = machine(tmp_path / "with", untold | {f"{SLICE}/cpu.max": "50000 100000"})
    assert checked(limited)["throttling"].status == "unknown"


# What the scenario asks -------------------------------------------------------------------------------------


def test_cores_are_counted_against_the_largest_topology(tmp_path: Path, scenario: Any) -> None:
    host = machine(tmp_path)
    assert checked(host, scenario("processes = 2", workers=2))["cores"].status == "ok"
    check = checked(host, scenario("processes = 2", workers=3))["cores"]
    assert (check.status, check.what) == ("warn", "4 usable, 5 needed: workers 3, generator 2")
    crowded = checked(host, scenario("processes = 2", workers=5))["cores"]
    assert ["fewer workers" in (each.advice or "") for each in (check, crowded)] == [False, True]
    assert checked(host, scenario('processes = "auto"', workers=3))["cores"].status == "ok"
    assert checked(with_cpus(host, 2))["cores"].status == "warn"  # a server and a generator, whatever they are


@pytest.mark.parametrize(
    ("limits", "status", "advice"),
    [
        ((1064, 1064), "ok", ""),
        ((1063, 1064), "warn", "ulimit -n 1064 "),
        ((1063, math.inf), "warn", "ulimit -n 1064 "),
        ((1063, 1063), "warn", "Raise the hard limit to 1064 "),
        ((math.inf, math.inf), "ok", ""),
    ],
)
def test_open_files(tmp_path: Path, scenario: Any, limits: tuple[float, float], status: str, advice: str) -> None:
    check = checked(machine(tmp_path, open_files=limits), scenario("connections = 1000"))["open files"]
    assert (check.status, (check.advice or "").startswith(advice)) == (status, True), check


@pytest.mark.parametrize(
    ("load", "changed", "status", "words"),
    [
        ("connections = 60000", {}, "ok", "28,232 for each of as many addresses as 60,000 connections need"),
        ("connections = 100\nrate = 50000", {f"{IPV4}/tcp_tw_reuse": None}, "ok", "as 100 connections need"),
        ("keepalive = false", {}, "ok", "each held for 1 s: about 28,232 new connections/s"),
        ("keepalive = false", {f"{IPV4}/tcp_tw_reuse": "0"}, "warn", "each held for 60 s: about 471 new connections/s"),
        ("keepalive = false", {f"{IPV4}/tcp_timestamps": "0"}, "warn", "each held for 60 s"),
        ("keepalive = false", {f"{IPV4}/tcp_tw_reuse": None}, "unknown", "not told"),
        ("keepalive = false\nrate = 27732", {}, "ok", "28,232, about 28,232 needed with 27,732/s each held for 1 s"),
        ("keepalive = false\nrate = 27733", {}, "warn", "about 28,233 needed"),
        ('keepalive = false\nstages = ["1s:500", "1s:100"]', {f"{IPV4}/tcp_tw_reuse": "0"}, "warn", "with 500/s"),
        ("", {f"{IPV4}/ip_local_port_range": "32768"}, "unknown", "not told"),
    ],
)
def test_ports(tmp_path: Path, scenario: Any, load: str, changed: Files, status: str, words: str) -> None:
    check = checked(machine(tmp_path, changed), scenario(load))["ports"]
    assert (check.status, words in check.what) == (status, True), check


@pytest.mark.parametrize(
    ("topology", "connections", "status"),
    [
        ('host = "::1"', 28232, "ok"),
        ('host = "::1"', 28233, "warn"),
        ('host = "127.0.0.5"', 28233, "ok"),
        ('unix_socket = "app.sock"', 28233, "ok"),
    ],
)
def test_from_one_address_ports_run_out(tmp_path: Path, topology: str, connections: int, status: str) -> None:
    place = "" if "unix_socket" in topology else "{port}"
    file = tmp_path / "scenario.toml"
    file.write_text(
        f'name = "some"\n[load]\nconnections = {connections}\n'
        '[[topology]]\nname = "plain"\ncommand = ["server", "{port}"]\n'
        f'[[topology]]\nname = "other"\n{topology}\ncommand = ["server", "{place}"]\n'
    )
    check = checked(machine(tmp_path), load_scenario(file))["ports"]
    assert (check.status, "28,232" in check.what) == (status, True), check


def test_the_advice_on_ports_mends_what_is_short(tmp_path: Path, scenario: Any) -> None:
    many = scenario("keepalive = false\nrate = 90000")
    few = checked(machine(tmp_path / "reused"), many)["ports"].advice
    held = checked(machine(tmp_path / "held", {f"{IPV4}/tcp_tw_reuse": "0"}), many)["ports"].advice
    assert few is not None
    assert "ip_local_port_range" in few
    assert held is not None
    assert "tcp_tw_reuse=2" in held


def test_the_advice_on_the_backlog_names_what_is_short(tmp_path: Path, scenario: Any) -> None:
    advice = checked(machine(tmp_path), scenario("connections = 3000"))["backlog"].advice
    assert advice is not None
    assert "net.ipv4.tcp_max_syn_backlog=3000" in advice
    assert "somaxconn" not in advice


# Whatever the files hold ------------------------------------------------------------------------------------

UNREADABLE = st.text(st.characters(codec="utf-8", exclude_categories=["N", "L"])).map(str.encode)


@settings(max_examples=25, deadline=None)
@given(UNREADABLE, UNREADABLE)
def test_garbage_is_unknown(content: bytes, later: bytes) -> None:
    files, changes = dict.fromkeys(GOOD, content), dict.fromkeys(GOOD, later)
    with TemporaryDirectory() as folder:
        checks = checked(machine(Path(folder), files, changes))
    assert {name for name, check in checks.items() if check.status != "unknown"} == ALWAYS_TOLD


NUMBERS = st.sampled_from(
    ["0", "1", "-1", "1e999", "9" * 400, "9" * 5000, "nan", "cpu", "max", "some", "tw", "nr_throttled"]
)
WORDS = st.lists(NUMBERS | st.text(max_size=5), max_size=12).map(" ".join).map(lambda text: text.encode())
PATHS = st.sampled_from([b"0::/\0", b"0::/" + b"a" * 300, b"0::" + b"/.." * 9, b"3:cpu:/\n0::/x", b"::::", b"0::/\xff"])
CONTENT = WORDS | PATHS | st.binary(max_size=30)
FILES = st.dictionaries(st.sampled_from(sorted(GOOD)), CONTENT, max_size=8)


@settings(max_examples=60, deadline=None)
@given(FILES, FILES)
def test_nothing_that_a_file_holds_makes_a_check_fail(files: Files, later: Files) -> None:
    with TemporaryDirectory() as folder:
        assert " ".join(checked(machine(Path(folder), files, later))) == NAMES


def test_folders_in_place_of_files_are_unknown(tmp_path: Path) -> None:
    for path in GOOD:
        (tmp_path / path).mkdir(parents=True)
    checks = checked(Host(tmp_path, (0, 1), (1024, 1024), lambda seconds: None))
    assert {name for name, check in checks.items() if check.status != "unknown"} == ALWAYS_TOLD


def test_this_machine_can_be_looked_at() -> None:
    assert " ".join(checked(replace(Host.here(), pause=lambda seconds: None))) == NAMES
