"""The suffixes of files that can be written. This module is light, so that a wrong one is refused before a load
begins."""

from pathlib import Path
from typing import Final

CHART: Final = (".png", ".svg", ".pdf")
SERIES: Final = (".csv", ".json")


def check_suffix(path: Path, known: tuple[str, ...]) -> None:
    """Check that the path ends in one of the known suffixes. Raises ValueError, with what was expected, when it does
    not."""
    if path.suffix not in known:
        raise ValueError(f"expected a file ending in {', '.join(known[:-1])} or {known[-1]}, got '{path}'")
