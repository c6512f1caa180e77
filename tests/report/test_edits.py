"""Whatever an edit or an odd file makes of a run folder, there is an output or one error. ``make fuzz`` tries 4,500."""

import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from harness.record import RunFolderError, read_run
from harness.report.run_report import RunReport
from tests.report.edited_runs import RUNS
from tests.report.edits import edits_of, make_edited
from tests.report.odd_files import odd_files_of

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.faults


@pytest.mark.compares
def test_no_edit_and_no_odd_file_ends_in_a_traceback_or_a_hang_or_takes_all_memory() -> None:
    command = [sys.executable, "-m", "tests.report.campaign", "8", "6", "1", "measured", "texts"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_whatever_was_edited_a_run_is_read_and_judged_or_refused(tmp_path: Path) -> None:
    sound = RUNS["commits"](tmp_path / "runs")
    dice = random.Random(1)
    edits = [*dice.sample(list(odd_files_of(sound)), k=40), *dice.sample(list(edits_of(sound)), k=100)]
    ends = Counter[str]()
    for number, edit in enumerate(edits):
        results = tmp_path / str(number)
        edited = make_edited(edit, sound, results)
        try:
            run = read_run(edited)
        except RunFolderError:
            ends["refused"] += 1
        else:
            assert RunReport(run).gate_results
            ends["left out" if run.left_out else "read"] += 1
        shutil.rmtree(results, ignore_errors=True)
    assert min(ends[end] for end in ("refused", "left out", "read")) > 10, ends
