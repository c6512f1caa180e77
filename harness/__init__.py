"""Should this HTTP service run as one process or as a cluster, and with how many workers?

    import harness

    run = harness.compare("scenario.toml")
    run.verdict("cluster-2").ratio  # an Estimate: value, low, high

:func:`compare` measures a scenario, :func:`ab` two commits of it, :func:`read` takes a run folder; all of them give a
:class:`Result`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.api import Result, ab, compare, read

__all__ = ["Result", "ab", "compare", "read"]


def __getattr__(name: str) -> object:
    """What the library offers takes SciPy and pandas, for which the load generator's processes need not wait."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from harness import api

    return getattr(api, name)
