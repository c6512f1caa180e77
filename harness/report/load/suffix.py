"""Which files can be written: light to import, so that a wrong name can be refused before a load is begun."""

from pathlib import Path
from typing import Final

CHART: Final = (".png", ".svg", ".pdf")
SERIES: Final = (".csv", ".json")


def check_suffix(path: Path, known: tuple[str, ...]) -> None:
    """Raises ValueError, with what was expected, when the path ends in none of the known suffixes."""
    if path.suffix not in known:
        raise ValueError(f"expected a file ending in {', '.join(known[:-1])} or {known[-1]}, got '{path}'")
