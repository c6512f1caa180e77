"""One load from the command line: its files, its warnings, and Ctrl-C."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import typer

from harness.cli.usage import UsageError
from harness.doctor.connections import check_ports
from harness.doctor.demand import LoadDemand
from harness.generator.crew import GeneratorError
from harness.generator.process import Generator
from harness.generator.spreading import can_spread
from harness.load.result import LoadResult, WindowBegan
from harness.load.spec import Load
from harness.machine.host import Host
from harness.report.load.hlog import hlog_text
from harness.report.load.suffix import CHART, SERIES, check_suffix


@dataclass(frozen=True)
class Outputs:
    """The files to be written when the load has ended."""

    chart: Path | None
    series: Path | None
    hlog: Path | None

    def check(self) -> None:
        """Raise UsageError for what could not be written, before there is anything to write."""
        try:
            for path, suffixes in ((self.chart, CHART), (self.series, SERIES)):
                if path is not None:
                    check_suffix(path, suffixes)
        except ValueError as error:
            raise UsageError(str(error)) from error
        for path in (self.chart, self.series, self.hlog):
            if path is not None and not path.absolute().parent.is_dir():
                raise UsageError(f"{path}: there is no folder {path.absolute().parent}")
            if path is not None and path.is_dir():
                raise UsageError(f"{path}: is a folder")

    def write(self, result: LoadResult, began_at: datetime) -> None:
        """Write them. Raises UsageError when a file can't be written."""
        # These bring pandas and Matplotlib, a second of imports that most loads need not wait for.
        try:
            if self.hlog is not None:
                self.hlog.write_text(hlog_text(result, began_at), encoding="ascii")
            if self.series is not None:
                from harness.report.load.series import write_series

                write_series(result, self.series)
            if self.chart is not None:
                from harness.report.load.chart import write_chart

                write_chart(result, self.chart)
        except OSError as error:
            raise UsageError(f"{error.filename}: {error.strerror}") from error


def warn_of_ports(offered: Load) -> None:
    """Say so where there are fewer ports than connections: those that get none are counted as errors."""
    target = offered.target
    is_spread = target.unix_socket is not None or can_spread(target.host)
    check = check_ports(Host.here(), LoadDemand(connections=offered.connections, is_spread=is_spread))
    if check.status == "warn":
        typer.echo(f"ports: {check.what}. {check.advice}", err=True)


def run_load(offered: Load, generators: Generator) -> tuple[LoadResult, datetime, bool]:
    """Make the load; return its result, when its window began, and whether it was cut short by Ctrl-C."""
    began_at = datetime.now(UTC)
    with generators as generator:
        generator.begin(offered)
        with _stopped_by_ctrl_c(generator) as interrupts:
            for event in generator.events():
                if isinstance(event, WindowBegan):
                    began_at = datetime.now(UTC)
                if isinstance(event, LoadResult):
                    return event, began_at, bool(interrupts)
    raise GeneratorError("the generator ended without a result")


@contextmanager
def _stopped_by_ctrl_c(generator: Generator) -> Iterator[list[int]]:
    """Let the first Ctrl-C end the window, and note it; a second one ends the program."""
    interrupts: list[int] = []

    def stop(signum: int, frame: FrameType | None) -> None:
        interrupts.append(signum)
        generator.stop()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
