"""The server that sleeps and locks, under gunicorn, keeps to its law."""

from pathlib import Path

import pytest

from servers.cart.settings import WORKER_CANNOT_START
from servers.machine_repairman import throughput_per_s
from servers.sleep_lock import configured, create_app
from tests.generator.forked import forked_loop
from tests.generator.loads import short_load
from tests.servers.processes import Entry, python, serving

SLEEP_LOCK = Entry(
    "sleep-lock",
    python(
        "gunicorn",
        "servers.sleep_lock:create_app() -c servers/shared_folder.py -w 2 -b 127.0.0.1:{port} --no-control-socket",
    ),
    workers=2,
)


@pytest.fixture(autouse=True)
def temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Servers that are killed leave the folder of their lock behind."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("LOCK_FILE", raising=False)


@pytest.mark.alone  # it measures
def test_two_workers_keep_to_the_law(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As much time with the lock as asleep: were it held by both at once, they would be a quarter faster."""
    monkeypatch.setenv("SLEEP_MS", "6")
    monkeypatch.setenv("LOCK_MS", "6")
    with forked_loop() as offer, serving(SLEEP_LOCK, 0, tmp_path / "log") as server:
        server.workers(2)
        result = offer(short_load(server.port, connections=8, keepalive=False, warmup_s=0.2, duration_s=1.5))

    assert result.errors.total == 0
    assert result.requests_per_s == pytest.approx(throughput_per_s(2, sleep_s=0.006, lock_s=0.006), rel=0.15)


@pytest.mark.parametrize("name", ["SLEEP_MS", "LOCK_MS"])
@pytest.mark.parametrize("text", ["", "long", "0", "-1", "nan", "inf"])
def test_bad_times_are_refused(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be a number of milliseconds above 0, not "):
        configured({"LOCK_FILE": str(tmp_path / "lock"), name: text}, seed=1)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "LOCK_FILE must name a file that the workers share\n"),
        ({"LOCK_FILE": "nowhere/lock"}, "[Errno 2] No such file or directory: 'nowhere/lock'\n"),
    ],
    ids=["no lock", "a wrong one"],
)
def test_a_worker_gives_up_without_a_lock(
    environment: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in environment.items():
        monkeypatch.setenv(name, text)

    with pytest.raises(SystemExit) as stop:
        create_app()

    assert stop.value.code == WORKER_CANNOT_START
    assert capsys.readouterr().err == reason
