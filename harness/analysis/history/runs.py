"""The runs in a folder of results."""

from pathlib import Path

from harness.analysis.history.cache import HistoryCache
from harness.analysis.history.past_run import PastRun
from harness.record import RunFolderError, read_run


def read_runs(results: Path) -> tuple[list[PastRun], list[str]]:
    """Return all runs in the folder, oldest first, and why some can't be read. Raises RunFolderError where there is
    none."""
    runs, unread = [], []
    with HistoryCache(results) as cache:
        for folder in _run_folders(results):
            try:
                if (run := cache.get(folder, _read_past_run)) is not None:
                    runs.append(run.with_report(folder))
            except RunFolderError as error:
                unread.append(str(error))
    if not runs:
        raise RunFolderError("\n".join([f"{results}: no run in it that can be read", *unread]))
    return sorted(runs, key=lambda run: (run.began_at, run.name)), unread


def _read_past_run(folder: Path) -> PastRun | None:
    """Return what the history needs of a run; None of a search, which compares nothing."""
    run = read_run(folder)
    return None if run.is_search else PastRun.of(run)


def _run_folders(results: Path) -> list[Path]:
    """Return each run folder once: a link to one of them, such as ``latest``, is no run of its own."""
    try:
        found = [folder for folder in results.iterdir() if (folder / "run.json").exists()]
    except OSError as error:
        raise RunFolderError(f"{error.filename}: {error.strerror}") from error
    links_first = sorted(found, key=lambda folder: (not folder.is_symlink(), folder))
    return list({folder.resolve(): folder for folder in links_first}.values())
