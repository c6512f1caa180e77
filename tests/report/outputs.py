"""Every output that can be made of a run folder, as the command line makes it."""

import hashlib
import io
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure
from rich.console import Console
from typer.testing import CliRunner

from harness.cli import app
from harness.cli.options import Format
from harness.cli.outcome import exit_code
from harness.machine.environment import Environment, describe_environment
from harness.measure.preparation import prepare_again
from harness.measure.testbed import Testbed
from harness.record import Run, RunFolder, RunFolderError, read_run
from harness.report.capacity.document import render_capacity_json
from harness.report.capacity.note import render_capacity_markdown, render_capacity_terminal
from harness.report.charts.pictures import CHARTS
from harness.report.charts.pictures import capacity as capacity_picture
from harness.report.charts.pictures.style import house_style
from harness.report.formats import FORMATS
from harness.report.html.page import render_html
from harness.report.markdown import render_markdown
from harness.report.run_report import RunReport
from harness.report.tables import render_summary_csv, render_trials_csv
from harness.report.terminal import render_terminal
from harness.report.wrk import render_wrk
from harness.scenario import ScenarioError

EXIT_CODES: Final = (0, 1, 2, 3, 4, 5, 130)
MOST_BYTES: Final = 3_000_000  # of one output, whatever is in the folder
WRITTEN: Final = (Format.MARKDOWN, Format.HTML)  # which are read from the folder that they were written into

MOST_CPU_S: Final = 5
MOST_WAIT_S: Final = 30

Output = Callable[[Run], None]


@contextmanager
def in_time() -> Iterator[None]:
    """Have this process killed where what it does meanwhile takes too long."""
    signal.setitimer(signal.ITIMER_PROF, MOST_CPU_S)
    signal.setitimer(signal.ITIMER_REAL, MOST_WAIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def make_texts(run: Run) -> None:
    """Render all that a run comes to in words and figures."""
    said, report = Console(file=io.StringIO()), RunReport(run)
    if run.is_search:
        texts = [render_capacity_markdown(report), render_capacity_json(report)]
        said.print(render_capacity_terminal(report))
        exit_code(run)
    else:
        forms = [FORMATS[form](report) for form in FORMATS.keys() - {*WRITTEN}]
        tables = [render_trials_csv(report), render_summary_csv(report)]
        texts = [render_markdown(report), render_wrk(report), *forms, *tables]
        said.print(render_terminal(report))
        exit_code(run, report.gate_results)
    for text in texts:
        _check_size(text)


def make_pictures(run: Run) -> None:
    """Draw the page and the charts, these without the pixels, which take longest."""
    report = RunReport(run)
    _check_size(render_html(report))
    with house_style():
        if run.is_search:
            _lay_out(capacity_picture.draw(report))
        else:
            for draw in CHARTS.values() if report.measured_summaries else ():
                _lay_out(draw(report))


def _lay_out(drawn: Figure) -> None:
    drawn.set_layout_engine("none")
    drawn.draw_without_rendering()


def resume(run: Run, here: Environment) -> None:
    """Go on with a run as far as nothing is measured."""
    try:
        prepare_again(run, here, Testbed.here())
    except (RunFolderError, ScenarioError):
        return
    RunFolder.reopen(run).end("interrupted")


def say(arguments: Sequence[str | Path]) -> None:
    """Call a verb, which ends with one of its exit codes and, where that is 2, says why."""
    with in_time():
        result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code in EXIT_CODES, f"exit code {result.exit_code}"
    assert result.exit_code != 2 or "harness: " in result.output, f"no reason: {result.output[-200:]}"
    _check_size(result.output)


def make_all(edited: Path, sound: Path, known: frozenset[str], outputs: Sequence[Output]) -> str | None:
    """Make everything of an edited folder, beside a sound one; return the digest of what was read of it. Where that is
    ``known``, nothing is made, and where it can't be read, None is returned and the message is checked."""
    try:
        with in_time():
            run = read_run(edited)
    except RunFolderError:
        say(["report", edited])
        say(["history", edited.parent])
        return None
    digest = _digest(run)
    if digest in known:
        return digest
    for make in outputs:
        with in_time():
            make(run)
    if _has_odd_places(edited):
        say(["report", edited, "--format", "html"])
    for form in ("text", "html"):
        say(["history", edited.parent, "--format", form])
    for form in ("text", "json"):
        say(["diff", edited, sound, "--lenient", "--format", form])
        say(["plan", edited, "--target", "100/s", "--format", form])
    say(["diff", sound, edited, "--lenient", "--format", "markdown"])
    if run.is_whole:
        say(["resume", edited])
    else:
        resume(run, describe_environment())
    return digest


def _has_odd_places(edited: Path) -> bool:
    """Whether something stands where reports are written."""
    return any((edited / name).exists() or (edited / name).is_symlink() for name in ("report.md", "report.html"))


def _digest(run: Run) -> str:
    read = run.model_dump_json(exclude={"path"})
    fingerprint = run.path / "fingerprint.json"
    state = fingerprint.lstat() if fingerprint.exists() else None
    more = fingerprint.read_bytes() if state and state.st_size < MOST_BYTES and fingerprint.is_file() else b""
    return hashlib.sha256(read.encode(errors="replace") + more).hexdigest()


def _check_size(text: str) -> None:
    assert len(text) < MOST_BYTES, f"{len(text)} characters"
    text.encode()  # what can't be written is no output
