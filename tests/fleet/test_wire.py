"""Calls are answered, refused, or given up in time, and are made once."""

import asyncio
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest
from distributed.security import Security

from harness.fleet.address import FleetError, check_address
from harness.fleet.agent import Agent
from harness.fleet.authority import make_keys
from harness.fleet.keys import security_of
from harness.fleet.wire import CallError, Json, Wire

HOST: Final = "127.0.0.1"
NOTHING: Final = Security(require_encryption=False)
LOOP_DESCRIPTORS: Final = 3  # of an event loop: its epoll, and two sockets that wake it


class Listener:
    """Somebody who takes calls: how often each verb was called, by what."""

    def __init__(self) -> None:
        self.calls: list[Json] = []

    async def take(self, message: Json) -> Json:
        self.calls.append(message)
        if message["verb"] == "hang":
            await asyncio.sleep(60)
        if message["verb"] == "refuse":
            raise CallError("not today")
        return {"said": message["arguments"]}


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire(NOTHING) as wire:
        yield wire


def test_a_call_is_answered(wire: Wire, listener: Listener) -> None:
    with Wire(NOTHING) as other:
        address = other.listen(HOST, 0, listener.take)
        assert wire.call(address, "say", "secret", what="déjà vu") == {"said": {"what": "déjà vu"}}
    assert listener.calls == [{"verb": "say", "token": "secret", "arguments": {"what": "déjà vu"}}]


def test_nothing_is_left_open(listener: Listener) -> None:
    """Not even by a call that is under way."""
    with Wire(NOTHING) as other, Wire(NOTHING) as wire:
        address = other.listen(HOST, 0, listener.take)
        wire.call(address, "say", "")
        hanging = wire.start(wire.ask(address, "hang", "", 60.0, {}))
        before = psutil.Process().num_fds()
    assert hanging.done()
    assert psutil.Process().num_fds() <= before - 2 * LOOP_DESCRIPTORS


def test_other_errors_of_tornado_are_told_as_they_are(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("tornado.application").error(
        "Exception in callback %s", "turn", exc_info=(KeyError, KeyError(), None)
    )
    (record,) = caplog.records
    assert (record.getMessage(), record.exc_info is None) == ("Exception in callback turn", False)


def test_a_refusal_says_why(wire: Wire, listener: Listener) -> None:
    address = wire.listen(HOST, 0, listener.take)
    with pytest.raises(CallError, match=r"^not today$"):
        wire.call(address, "refuse", "")


def test_a_call_without_an_answer_is_given_up_and_not_made_again(wire: Wire, listener: Listener) -> None:
    address = wire.listen(HOST, 0, listener.take)
    with pytest.raises(CallError, match=r"^not heard for 0\.3 s$"):
        wire.call(address, "hang", "", 0.3)
    assert wire.call(address, "say", "") == {"said": {}}  # on another connection
    assert [call["verb"] for call in listener.calls] == ["hang", "say"]


def test_who_has_gone_is_lost(wire: Wire, listener: Listener) -> None:
    with Wire(NOTHING) as other:
        address = other.listen(HOST, 0, listener.take)
        wire.call(address, "say", "")
    with pytest.raises(CallError, match=r"^lost: "):
        wire.call(address, "say", "")


def test_nothing_of_a_server_of_distributed_is_offered_but_calls(wire: Wire, listener: Listener) -> None:
    address = wire.listen(HOST, 0, listener.take)
    assert wire.run(wire._pool(address).identity()) is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # distributed leaves the socket open
def test_an_address_that_cannot_be_had_is_named(wire: Wire, listener: Listener) -> None:
    with pytest.raises(CallError, match=r"can't listen on 192\.0\.2\.1: "):
        wire.listen("192.0.2.1", 0, listener.take)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_keys(folder / "ours")
    make_keys(folder / "theirs")
    return folder


def test_the_keys_are_for_nobody_else_to_read(keys: Path) -> None:
    assert (keys / "ours").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (keys / "ours").iterdir()} == {0o600}


def test_keys_are_not_overwritten(keys: Path) -> None:
    with pytest.raises(FleetError, match="can't make keys: File exists"):
        make_keys(keys / "ours")


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"no authority\.pem: harness fleet keys makes it"):
        security_of(tmp_path, "agent")


def test_both_sides_of_one_authority_understand_each_other(keys: Path, listener: Listener) -> None:
    with Wire(security_of(keys / "ours", "leader")) as leader, Wire(security_of(keys / "ours", "agent")) as agent:
        address = agent.listen(HOST, 0, listener.take)
        assert address.startswith("tls://")
        assert leader.call(address, "say", "") == {"said": {}}


def test_what_is_said_between_them_is_tls_1_3(keys: Path, listener: Listener) -> None:
    with Wire(security_of(keys / "ours", "agent")) as agent:
        address = agent.listen(HOST, 0, listener.take)
        command = ["openssl", "s_client", "-connect", address.removeprefix("tls://"), "-tls1_2"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert "protocol version" in done.stdout + done.stderr
    assert listener.calls == []


@pytest.mark.parametrize("has_keys", [True, False])
def test_keys_on_one_side_only_are_told_in_a_line_on_both(
    keys: Path,
    listener: Listener,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    has_keys: bool,
) -> None:
    ours, logger = security_of(keys / "ours", "leader"), logging.getLogger("tornado.application")
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    with Wire(ours if has_keys else NOTHING) as leader, Wire(NOTHING if has_keys else ours) as agent:
        address = leader.listen(HOST, 0, listener.take)
        for _ in range(20):  # who speaks first depends on chance
            with pytest.raises(CallError, match=r"^lost: "):
                agent.call(address.replace(leader.scheme, agent.scheme), "join", "")
    assert has_keys or caplog.records
    assert all("are keys given on both sides?" in record.getMessage() for record in caplog.records)
    assert not any(record.exc_info for record in caplog.records)
    assert listener.calls == []


STRANGERS: Final = {
    "without a certificate": "context = ssl.create_default_context(); context.check_hostname = False;"
    " context.verify_mode = ssl.CERT_NONE",
    "over plain TCP": "context = None",
}


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS)
def test_strangers_are_refused(keys: Path, listener: Listener, stranger: str) -> None:
    program = f"""
import socket, ssl, sys
{stranger}
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
sock.settimeout(5)
try:
    sock = context.wrap_socket(sock) if context else sock
    sock.sendall(b"x" * 64)
    print("answered" if sock.recv(1) else "closed")
except (OSError, ssl.SSLError) as error:
    print("refused")
"""
    with Wire(security_of(keys / "ours", "agent")) as agent:
        host, port = agent.listen(HOST, 0, listener.take).removeprefix("tls://").split(":")
        done = subprocess.run([sys.executable, "-c", program, host, port], capture_output=True, text=True)
    assert done.stdout.strip() in ("refused", "closed"), done.stderr
    assert listener.calls == []


def test_who_has_keys_of_another_fleet_is_refused(keys: Path, listener: Listener) -> None:
    with Wire(security_of(keys / "ours", "agent")) as agent, Wire(security_of(keys / "theirs", "leader")) as stranger:
        address = agent.listen(HOST, 0, listener.take)
        with pytest.raises(CallError, match=r"lost: "):
            stranger.call(address, "say", "")
    assert listener.calls == []


def test_who_has_no_keys_is_refused(keys: Path, wire: Wire, listener: Listener) -> None:
    with Wire(security_of(keys / "ours", "agent")) as agent:
        address = agent.listen(HOST, 0, listener.take).replace("tls://", "tcp://")
        with pytest.raises(CallError):
            wire.call(address, "say", "", 2.0)
    assert listener.calls == []


@pytest.mark.parametrize(
    ("address", "is_encrypted", "said"),
    [
        ("tls://127.0.0.1", True, "expected an address such as tls://10.0.0.5:8786, got 'tls://127.0.0.1'"),
        ("127.0.0.1:8786", False, "expected an address such as tcp://10.0.0.5:8786, got '127.0.0.1:8786'"),
        ("tls://[::1", True, "expected an address such as"),
        ("tls://127.0.0.1:8786", False, "expected tcp://, since no --keys are given, got 'tls://127.0.0.1:8786'"),
        ("tcp://127.0.0.1:8786", True, "expected tls://, since --keys are given, got 'tcp://127.0.0.1:8786'"),
    ],
)
def test_an_address_that_cannot_be_a_leaders_is_refused_at_once(address: str, is_encrypted: bool, said: str) -> None:
    with pytest.raises(FleetError, match=re.escape(said)):
        check_address(address, is_encrypted)
    check_address("tls://10.0.0.5:8786", is_encrypted=True)


def test_without_keys_an_agent_belongs_to_this_machine(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"expected --keys, since 10\.0\.0\.5 is not this machine"):
        Agent("a", "tcp://10.0.0.5:8786", "127.0.0.1", None)
    with pytest.raises(CallError, match=r"expected --keys, since 0\.0\.0\.0 is not this machine"):
        Agent("a", "tcp://127.0.0.1:8786", "0.0.0.0", None)


def test_a_fault_of_the_other_side_is_told_in_words(wire: Wire) -> None:
    async def take(message: Json) -> Json:
        raise KeyError("nothing here")

    address = wire.listen(HOST, 0, take)
    with pytest.raises(CallError, match="KeyError: 'nothing here'"):
        wire.call(address, "say", "")
