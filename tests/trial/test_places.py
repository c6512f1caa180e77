"""Trials of servers that listen elsewhere than on a port of 127.0.0.1, and of bodies that differ rightly."""

import sys
from pathlib import Path
from typing import Final

import pytest
import trustme

from harness.record import TrialRecord
from harness.scenario import Topology
from harness.server import probing
from tests.generator.accounting import assert_adds_up
from tests.server.topologies import SERVERS, small, topology
from tests.trial.trials import try_out

APART_S: Final = probing.APART_S
PAGE: Final = ("{harness_python}", "-m", "uvicorn", f"{SERVERS}.asgi_page:app", "--lifespan", "off")


def assert_measured(record: TrialRecord) -> None:
    """Nothing was wrong with it."""
    assert (record.status, record.reason) == ("ok", None)
    assert record.load is not None
    assert_adds_up(record.load)
    assert record.load.errors.total == 0
    assert record.load.ok > 0


def test_a_server_behind_tls_is_measured(log: Path, tmp_path: Path) -> None:
    pem = tmp_path / "tls.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    words = (*PAGE, "--port", "{port}", "--ssl-keyfile", str(pem), "--ssl-certfile", str(pem))
    record = try_out(topology(*words).model_copy(update={"scheme": "https"}), log)
    assert_measured(record)
    assert record.load is not None
    assert record.load.url.startswith("https://127.0.0.1:")


def test_a_server_runs_in_the_folder_that_it_is_given(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "index.html").write_text("a shop")
    monkeypatch.chdir(tmp_path)
    words = (sys.executable, "-m", "http.server", "{port}", "--bind", "{host}", "--protocol", "HTTP/1.1")
    record = try_out(topology(*words).model_copy(update={"cwd": "shop"}), log)
    assert_measured(record)
    assert record.body_bytes == len("a shop")


def test_a_server_on_another_address_is_measured(log: Path) -> None:
    words = (*PAGE, "--host", "{host}", "--port", "{port}")
    assert_measured(try_out(topology(*words).model_copy(update={"host": "localhost"}), log))


@pytest.mark.parametrize(
    "server",
    [
        small("odd", "--kind", "time"),
        small("odd", "--kind", "pid", "--workers", "{workers}", workers=2),
    ],
    ids=["time", "pid"],
)
def test_bodies_that_differ_rightly_are_no_objection(
    server: Topology, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "APART_S", APART_S)
    record = try_out(server, log)
    assert_measured(record)
    assert record.body_sha256 is None


def test_a_server_without_the_tls_that_is_wanted_fails_the_trial(log: Path) -> None:
    record = try_out(
        topology(sys.executable, "-m", "http.server", "{port}").model_copy(update={"scheme": "https"}), log
    )
    assert record.status == "failed"
    assert "speaks plain HTTP, not TLS" in str(record.reason)


@pytest.mark.parametrize(
    ("words", "host"),
    [(("--uds", "{unix_socket}"), "127.0.0.1"), (("--host", "{host}", "--port", "{port}"), "::1")],
    ids=["Unix socket", "IPv6"],
)
def test_the_workers_of_a_cluster_that_listens_elsewhere_are_found(
    words: tuple[str, ...], host: str, log: Path
) -> None:
    cluster = topology(*PAGE, *words, "--workers", "{workers}", workers=2).model_copy(update={"host": host})
    record = try_out(cluster, log)
    assert_measured(record)
    assert sorted(process.role for process in record.processes) == ["helper", "supervisor", "worker", "worker"]
