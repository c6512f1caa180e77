"""A commit checked out into a folder of its own and made ready, which is done once for each commit.

The folders lie in the cache of the user, by repository, commit and the command that prepares them. While one is made it
is a git worktree. Without a preparation it goes away again afterwards; with one, what was built stays there, a plain
folder that git knows nothing of, for the next time that the commit is measured.
"""

import contextlib
import fcntl
import hashlib
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from harness.machine.git import RevisionError, git
from harness.measure.revisions.submodules import fill_submodules
from harness.measure.revisions.withheld import what_was_withheld
from harness.record import Revision
from harness.scenario.placeholders import fill
from harness.server.launch import environment_with, log_tail, python_on_path
from harness.server.supervised import ServerError, SupervisedProcess

KEPT: Final = 8  # prepared checkouts of a repository: those that were used last
TREE: Final = "tree"
READY: Final = "ready"
PREPARE_S: Final = 3600.0  # what takes longer waits for something that does not come


@contextlib.contextmanager
def checked_out(
    repository: Path, revision: Revision, prepare: Sequence[str], pass_env: Sequence[str] = ()
) -> Iterator[Path]:
    """The folder of the commit, ready to run, until the context is left. Raises RevisionError, and nothing is left."""
    place = _cache(repository) / f"{revision.short}-{_digest(*_what_prepares(prepare, pass_env))}"
    with _held(place):
        if not (place / READY).exists():
            _check_out(repository, revision, place)
        try:
            if prepare and not (place / READY).exists():
                _prepare(prepare, pass_env, place, revision)
            os.utime(place)
            yield place / TREE
        finally:
            _let_go(repository, place)
    _tidy(repository, place.parent)


@contextlib.contextmanager
def checkouts(
    repository: Path, base: Revision, head: Revision, prepare: Sequence[str], pass_env: Sequence[str] = ()
) -> Iterator[tuple[Path, Path]]:
    """The folders of both commits that correspond to this one of the repository; ``prepare`` is given the caller's
    variables that ``pass_env`` names. Raises RevisionError."""
    here = git(repository, "rev-parse", "--show-prefix")
    with contextlib.ExitStack() as stack:
        before = stack.enter_context(checked_out(repository, base, prepare, pass_env))
        is_same = base.commit == head.commit
        after = before if is_same else stack.enter_context(checked_out(repository, head, prepare, pass_env))
        for folder, revision in ((before, base), (after, head)):
            if not (folder / here).is_dir():
                raise RevisionError(f"{revision.ref}: does not have the folder {here}")
        yield before / here, after / here


def _cache(repository: Path) -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "harness" / "checkouts" / _digest(str(_common_folder(repository)))


def _common_folder(repository: Path) -> Path:
    """That of git itself, which all worktrees of a repository share."""
    return (repository / git(repository, "rev-parse", "--git-common-dir")).resolve()


def _digest(*words: str) -> str:
    return hashlib.sha256(os.fsencode("\0".join(words))).hexdigest()[:12]  # variables need not be UTF-8


@contextlib.contextmanager
def _held(place: Path) -> Iterator[None]:
    """For this process alone. Raises RevisionError while another has it."""
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


def _what_prepares(command: Sequence[str], pass_env: Sequence[str]) -> list[str]:
    """The command, the Python that it finds and its environment: what another one built must not be compared with what
    this one does."""
    if not command:
        return []
    variables = (f"{name}={value}" for name, value in environment_with(pass_env).items())
    return [*command, os.path.realpath(python_on_path()), sys.executable, *variables]


def _check_out(repository: Path, revision: Revision, place: Path) -> None:
    shutil.rmtree(place / TREE, ignore_errors=True)  # of one that was killed
    git(repository, "worktree", "prune")
    git(repository, "worktree", "add", "--quiet", "--detach", "--force", str(place / TREE), revision.commit)
    fill_submodules(repository, revision.commit, place / TREE)


def _prepare(command: Sequence[str], pass_env: Sequence[str], place: Path, revision: Revision) -> None:
    """Run the command there, in a server's environment. Raises RevisionError with its last lines."""
    values = {"python": python_on_path(), "harness_python": sys.executable, "root": str(place / TREE)}
    words = [fill(word, values) for word in command]
    log = place / "prepare.log"
    try:
        with SupervisedProcess(words, environment_with(pass_env), str(place / TREE), log) as running:
            code = running.wait(PREPARE_S)
    except ServerError as error:
        raise RevisionError(f"{revision.ref}: prepare {error}") from error
    if code:
        said = [f"{revision.ref}: prepare: {shlex.join(words)} ended with {code}:", *log_tail(log)]
        raise RevisionError("\n".join([*said, what_was_withheld(pass_env)]))
    (place / READY).touch()


def _let_go(repository: Path, place: Path) -> None:
    """Git forgets it; what was prepared is kept, and everything else is gone."""
    if (place / READY).exists():
        (place / TREE / ".git").unlink(missing_ok=True)
    else:
        shutil.rmtree(place, ignore_errors=True)
    git(repository, "worktree", "prune")


def _tidy(repository: Path, cache: Path) -> None:
    """Keep the newest, and nothing of those that were killed."""
    places = sorted((path for path in cache.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for place in [*(each for each in places if not (each / READY).exists()), *places[:-KEPT]]:
        with contextlib.suppress(RevisionError), _held(place):  # another may be at it
            shutil.rmtree(place, ignore_errors=True)
    git(repository, "worktree", "prune")
