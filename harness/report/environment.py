"""The date and the machine of a run, in words."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from harness.record import Run, RunFolderError, read_fingerprint
from harness.units import size_text

LOCK_FILES: Final = {  # files in which package managers keep the versions that they install
    "Cargo.lock", "Gemfile.lock", "Pipfile.lock", "bun.lock", "composer.lock", "go.sum", "npm-shrinkwrap.json",
    "package-lock.json", "packages.lock.json", "pnpm-lock.yaml", "poetry.lock", "pylock.toml", "uv.lock", "yarn.lock",
}  # fmt: skip
DIGITS: Final = 16  # of a digest, enough to be unique


def environment_rows(run: Run) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each property of the environment."""
    found = run.environment
    yield "began", f"{run.info.started_at:%Y-%m-%d %H:%M:%S UTC}"
    quota = "" if found.cpu_quota_cores is None else f", by a CPU quota of {found.cpu_quota_cores:.3g}"
    yield "CPU", f"{found.cpu_model or 'unknown'}, {found.usable_cores} of {found.cores} cores usable{quota}"
    yield "memory", size_text(found.memory_bytes)
    yield "system", f"{found.system}, kernel {found.kernel}"
    for program in run.info.programs:
        yield "program", str(program)
    yield from _lock_files(run)
    yield "Python of the harness", found.python
    if not run.info.programs:  # an older run, which recorded no programs of the servers
        yield "Node.js", found.node or "not installed"
    yield "packages of the harness", ", ".join(f"{name} {version}" for name, version in found.packages.items())
    changes = " with uncommitted changes" if found.git_dirty else ""
    yield "commit", f"{found.git_commit or 'not in a git repository'}{changes}"
    yield "load average before", ", ".join(f"{load:.2f}" for load in found.load_before)


def _lock_files(run: Run) -> Iterator[tuple[str, str]]:
    """Yield the lock files in the directories in which the servers ran, as they were when the run began."""
    try:
        fingerprint = read_fingerprint(run.path)
    except RunFolderError:
        yield "lock files", "not known: fingerprint.json does not belong to this run, or can't be read"
        return
    for name, state in sorted(fingerprint.files.items()) if fingerprint else []:
        path = PurePosixPath(name)
        if path.name in LOCK_FILES and state.sha256 and "node_modules" not in path.parts:
            yield "lock file", f"{name}, SHA-256 {state.sha256[:DIGITS]}"
