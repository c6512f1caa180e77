"""Where and when a run was made, in words."""

from collections.abc import Iterator

from harness.record import Run
from harness.units import size_text


def environment_rows(run: Run) -> Iterator[tuple[str, str]]:
    """What each thing is called, and what it was."""
    found = run.environment
    yield "began", f"{run.info.started_at:%Y-%m-%d %H:%M:%S UTC}"
    quota = "" if found.cpu_quota_cores is None else f", by a CPU quota of {found.cpu_quota_cores:.3g}"
    yield "CPU", f"{found.cpu_model or 'unknown'}, {found.usable_cores} of {found.cores} cores usable{quota}"
    yield "memory", size_text(found.memory_bytes)
    yield "system", f"{found.system}, kernel {found.kernel}"
    for program in run.info.programs:
        yield "program", str(program)
    yield "Python of the harness", found.python
    yield "Node.js", found.node or "not installed"
    yield "packages of the harness", ", ".join(f"{name} {version}" for name, version in found.packages.items())
    changes = " with uncommitted changes" if found.git_dirty else ""
    yield "commit", f"{found.git_commit or 'not in a git repository'}{changes}"
    yield "load average before", ", ".join(f"{load:.2f}" for load in found.load_before)
