"""The checkout of a commit into a folder of its own, and its preparation, which is done once for each commit.

The folders lie in the user's cache, by repository, commit and the command that prepares them. While a folder is made it
is a git worktree. Without a preparation it is removed afterwards. With one, the folder stays for the next time that the
commit is measured: as a plain folder, which is no worktree of the repository any more.
"""

import contextlib
import fcntl
import hashlib
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.machine.cache import cache_folder
from harness.machine.git import RevisionError, run_git
from harness.measure.revisions.submodules import fill_submodules
from harness.measure.revisions.withheld import describe_withheld_variables
from harness.record import Revision
from harness.scenario.placeholders import fill
from harness.server.launch import build_environment, find_python, read_log_tail
from harness.server.supervised import CommandLine, ServerError, SupervisedProcess

MAX_KEPT: Final = 8  # prepared checkouts of a repository, the last used ones
TREE: Final = "tree"
READY: Final = "ready"
PREPARE_S: Final = 3600.0  # a preparation that takes longer is taken for hung


@dataclass(frozen=True)
class Edit:
    """A change that is made to the files of a checkout before it is prepared. The ``name`` tells it from others."""

    name: str
    make: Callable[[Path], None]


@contextlib.contextmanager
def checkout(
    repository: Path,
    revision: Revision,
    prepare: Sequence[str],
    pass_env: Sequence[str] = (),
    edit: Edit | None = None,
) -> Iterator[Path]:
    """Yield the folder of the commit, edited and prepared, which is valid within the context. The paths of all
    checkouts of a repository are of one length, since paths are a part of what a process holds in memory, and its
    layout changes its speed. Raises RevisionError, and leaves no folder behind then."""
    made_by = [*_describe_preparation(prepare, pass_env), *([edit.name] if edit else [])]
    place = _cache_folder(repository) / f"{revision.short}-{_digest(*made_by)}"
    with _lock(place):
        if not (place / READY).exists():
            _check_out(repository, revision, place)
            if edit:
                edit.make(place / TREE)
        try:
            if prepare and not (place / READY).exists():
                _prepare(prepare, pass_env, place, revision)
            os.utime(place)
            yield place / TREE
        finally:
            _release(repository, place)
    _remove_old_checkouts(repository, place.parent)


@contextlib.contextmanager
def checkouts(
    repository: Path, base: Revision, head: Revision, prepare: Sequence[str], pass_env: Sequence[str] = ()
) -> Iterator[tuple[Path, Path]]:
    """Yield, for both commits, the folder that corresponds to this folder of the repository. The command ``prepare`` is
    given the caller's variables that ``pass_env`` names. Raises RevisionError."""
    here = run_git(repository, "rev-parse", "--show-prefix")
    with contextlib.ExitStack() as stack:
        before = stack.enter_context(checkout(repository, base, prepare, pass_env))
        is_same = base.commit == head.commit
        after = before if is_same else stack.enter_context(checkout(repository, head, prepare, pass_env))
        for folder, revision in ((before, base), (after, head)):
            if not (folder / here).is_dir():
                raise RevisionError(f"{revision.ref}: does not have the folder {here}")
        yield before / here, after / here


def _cache_folder(repository: Path) -> Path:
    return cache_folder() / "checkouts" / _digest(str(_common_folder(repository)))


def _common_folder(repository: Path) -> Path:
    """Return the folder of git's data, which all worktrees of a repository share."""
    return (repository / run_git(repository, "rev-parse", "--git-common-dir")).resolve()


def _digest(*words: str) -> str:
    return hashlib.sha256(os.fsencode("\0".join(words))).hexdigest()[:12]  # variables need not be UTF-8


@contextlib.contextmanager
def _lock(place: Path) -> Iterator[None]:
    """Hold the folder for this process alone. Raises RevisionError while another process holds it."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        with place.with_suffix(".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RevisionError(f"{place.name}: another harness has it checked out") from error
            try:
                yield
            finally:
                if not place.exists():
                    os.unlink(lock.name)
    except OSError as error:
        raise RevisionError(f"{place}: {error.strerror}") from error


def _describe_preparation(command: Sequence[str], pass_env: Sequence[str]) -> list[str]:
    """Return the words that identify a preparation: the command, the Python that it finds and its environment. What
    different preparations built must not be compared."""
    if not command:
        return []
    variables = (f"{name}={value}" for name, value in build_environment(pass_env).items())
    return [*command, os.path.realpath(find_python()), sys.executable, *variables]


def _check_out(repository: Path, revision: Revision, place: Path) -> None:
    shutil.rmtree(place / TREE, ignore_errors=True)  # what a killed harness left
    run_git(repository, "worktree", "prune")
    run_git(repository, "worktree", "add", "--quiet", "--detach", "--force", str(place / TREE), revision.commit)
    fill_submodules(repository, revision.commit, place / TREE)


def _prepare(command: Sequence[str], pass_env: Sequence[str], place: Path, revision: Revision) -> None:
    """Run the command in the checkout, in a server's environment. Raises RevisionError with its last lines."""
    values = {"python": find_python(), "harness_python": sys.executable, "root": str(place / TREE)}
    words = [fill(word, values) for word in command]
    log = place / "prepare.log"
    try:
        with SupervisedProcess([CommandLine(words, build_environment(pass_env))], str(place / TREE), log) as running:
            code = running.wait(PREPARE_S)
    except ServerError as error:
        raise RevisionError(f"{revision.ref}: prepare {error}") from error
    if code:
        lines = [f"{revision.ref}: prepare: {shlex.join(words)} ended with {code}:", *read_log_tail(log)]
        raise RevisionError("\n".join([*lines, describe_withheld_variables(pass_env)]))
    (place / READY).touch()


def _release(repository: Path, place: Path) -> None:
    """End the worktree. A prepared checkout stays as a plain folder; any other is removed."""
    if (place / READY).exists():
        (place / TREE / ".git").unlink(missing_ok=True)
    else:
        shutil.rmtree(place, ignore_errors=True)
    run_git(repository, "worktree", "prune")


def _remove_old_checkouts(repository: Path, cache: Path) -> None:
    """Remove all but the newest prepared checkouts, and those that a killed harness left unprepared."""
    places = sorted((path for path in cache.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for place in [*(each for each in places if not (each / READY).exists()), *places[:-MAX_KEPT]]:
        with contextlib.suppress(RevisionError), _lock(place):  # another process may hold it
            shutil.rmtree(place, ignore_errors=True)
    run_git(repository, "worktree", "prune")
