"""Whom a load may reach. No request is sent here: 192.0.2.0/24 is for documentation alone."""

from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from harness.cli import app
from harness.cli.host_policy import check_reach, is_here, parse_bound, resolve
from harness.cli.usage import UsageError
from harness.load.spec import Arrivals, Load, Request, Stage, Target

ELSEWHERE = "192.0.2.7"


def load(host: str = ELSEWHERE, **changes: Any) -> Load:
    """A small open loop on that host."""
    fields: dict[str, Any] = {
        "connections": 10,
        "threads": 2,
        "duration_s": 1.0,
        "arrivals": Arrivals(rate_per_s=100.0),
    }
    return Load(target=resolve(Target(host=host, port=80)), requests=(Request(),), **(fields | changes))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1", "0.0.0.0", "::"])
def test_this_machine_may_be_loaded_without_bounds(host: str) -> None:
    check_reach(load(host, connections=5000, arrivals=None), [], 1.0, 1)


@pytest.mark.parametrize("host", [ELSEWHERE, "10.0.0.1", "2001:db8::1"])
def test_another_host_has_to_be_named(host: str) -> None:
    assert not is_here(load(host).target)
    with pytest.raises(UsageError, match=f"--allow-host {host}"):
        check_reach(load(host), ["192.0.2.8"], 1000.0, 100)
    check_reach(load(host), [host], 1000.0, 100)


def test_a_unix_socket_is_here() -> None:
    assert is_here(resolve(Target(host=ELSEWHERE, port=80, unix_socket="/run/x")))


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 64 + ".test", "a..b"])
def test_a_host_that_can_not_be_looked_up_is_an_error(host: str) -> None:
    with pytest.raises(
        UsageError, match=f"unable to connect to {host}, which can't be looked up|{host} can be no host's name"
    ):
        resolve(Target(host=host, port=80))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"arrivals": Arrivals(rate_per_s=1001.0)}, "1001 requests/s are more than --max-rate 1000"),
        ({"arrivals": Arrivals(rate_per_s=1.0, stages=(Stage(duration_s=1.0, rate_per_s=2e3),))}, "2000 requests/s"),
        ({"connections": 101}, "101 connections are more than --max-connections 100"),
        ({"arrivals": None}, "a closed loop is as fast as"),
    ],
)
def test_other_hosts_are_loaded_within_bounds_unless_they_are_lifted(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_reach(load(**changes), [ELSEWHERE], 1000.0, 100)
    check_reach(load(**changes), [ELSEWHERE], None, None)


@pytest.mark.parametrize("text", ["0", "-1", "many", "inf", "nan", ""])
def test_a_bound_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="a positive number or 'none'"):
        parse_bound(text)
    assert parse_bound("none") is None


def test_the_command_refuses_before_anything_is_sent() -> None:
    done = CliRunner().invoke(app, ["load", f"http://{ELSEWHERE}/"])
    assert done.exit_code == 2
    assert f"{ELSEWHERE} is not this machine" in done.stderr
