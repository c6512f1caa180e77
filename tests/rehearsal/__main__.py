"""Print every form of the rehearsed runs; with ``--renew``, keep them as the snapshots that tests compare with."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.rehearsal.forms import Texts, make_all

SNAPSHOTS: Final = Path(__file__).parent / "snapshots"


def read_snapshots() -> Texts:
    """Return the texts that are kept, by the names of their files."""
    files = sorted(path for path in SNAPSHOTS.rglob("*") if path.is_file())
    return {path.relative_to(SNAPSHOTS).as_posix(): path.read_text(encoding="utf-8") for path in files}


def renew_snapshots(texts: Texts) -> list[str]:
    """Keep these texts in the place of those before; return the names of the files that changed."""
    before = read_snapshots()
    for name in before.keys() - texts.keys():
        (SNAPSHOTS / name).unlink()
    for name, text in texts.items():
        (SNAPSHOTS / name).parent.mkdir(parents=True, exist_ok=True)
        (SNAPSHOTS / name).write_text(text, encoding="utf-8")
    return sorted(name for name in before.keys() | texts.keys() if before.get(name) != texts.get(name))


def main() -> None:
    """Print or renew."""
    with TemporaryDirectory() as folder:
        texts = make_all(Path(folder))
    if sys.argv[1:] == ["--renew"]:
        changed = renew_snapshots(texts)
        print("\n".join(changed) or "nothing changed")
        return
    for name, text in texts.items():
        print(f"\n──── {name} ────\n\n{text}", end="")


if __name__ == "__main__":
    main()
