"""Should this HTTP service run as one process or as a cluster, and with how many workers?

    import harness

    run = harness.compare("scenario.toml")
    run.verdict("cluster-2").ratio  # an Estimate: value, low, high

:func:`compare` measures a scenario, :func:`ab` measures two commits of it, and :func:`read` reads a run folder. Each of
them returns a :class:`Result`. ``__version__`` is the version of the installed package.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.api import Result, ab, compare, read

    __version__: str

__all__ = ["Result", "__version__", "ab", "compare", "read"]


def __getattr__(name: str) -> object:
    """Import what the library offers when it is first asked for. It takes SciPy and pandas, for which the processes of
    the load generator need not wait. Raises AttributeError for any other name."""
    if name == "__version__":
        from importlib.metadata import version

        return version("harness")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from harness import api

    return getattr(api, name)
