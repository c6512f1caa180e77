"""The command line on a virtual testbed, in a folder of its own, with all fixed that depends on machine and time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from harness.cli import app
from harness.machine.cores import UsableCores
from harness.report.write import FILES
from tests.rehearsal.testbed import VirtualTestbed

COLUMNS: Final = 80
VARIABLES: Final = {  # of the environment, by which outputs would differ
    "COLUMNS": str(COLUMNS),
    "TERM": "dumb",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "GIT_DEFAULT_HASH": "sha1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    "GIT_AUTHOR_NAME": "Somebody",
    "GIT_AUTHOR_EMAIL": "somebody@localhost",
    "GIT_COMMITTER_NAME": "Somebody",
    "GIT_COMMITTER_EMAIL": "somebody@localhost",
}
UNSET: Final = ("CI", "NO_COLOR", "FORCE_COLOR", "GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS")


class Stage:
    """A place where verbs are called; every run that they make is on the testbed."""

    def __init__(self, folder: Path, testbed: VirtualTestbed) -> None:
        self.folder = folder
        self.testbed = testbed

    def write(self, name: str, text: str) -> Path:
        """Write a file of the folder, and return its path."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def call(self, *arguments: str | Path) -> Result:
        """Call a verb, and return what it prints and how it exits."""
        return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)

    @contextmanager
    def undrawn(self) -> Iterator[None]:
        """Leave out the page, which takes a second to draw, until the context is left."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(FILES, "report.html", lambda _: "")
            yield


@contextmanager
def rehearse(folder: Path, testbed: VirtualTestbed) -> Iterator[Stage]:
    """Yield a stage in this folder, whose environment and clocks are the same on every machine."""
    with pytest.MonkeyPatch.context() as patch:
        put_on_testbed(patch, testbed)
        patch.setattr("harness.report.write.write_charts", lambda *_: [])  # pictures take seconds
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        for name, value in VARIABLES.items():
            patch.setenv(name, value)
        for name in UNSET:
            patch.delenv(name, raising=False)
        yield Stage(folder, testbed)


def put_on_testbed(patch: pytest.MonkeyPatch, testbed: VirtualTestbed) -> None:
    """Make every run on the testbed until the patch is undone. This is for verbs, to which no testbed can be handed."""
    clock = SimpleNamespace(monotonic=testbed.monotonic_s)

    class VirtualDate(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # not of this class
            return testbed.now()

    patch.setattr("harness.measure.testbed.Testbed.here", lambda: testbed)
    patch.setattr("harness.measure.preparation.UsableCores", _Cores(testbed.cores))
    patch.setattr("harness.record.folder.datetime", VirtualDate)
    patch.setattr("harness.machine.environment.describe_environment", testbed.describe_environment)
    patch.setattr("harness.cli.progress.time", clock)


class _Cores:
    """The cores of a testbed, in the place of those of this machine."""

    def __init__(self, number: int) -> None:
        self._number = number

    def here(self) -> UsableCores:
        """Return them."""
        return UsableCores(tuple(range(self._number)))
