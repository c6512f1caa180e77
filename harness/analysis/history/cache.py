"""The cache of what a history needs of each run, kept beside the runs: to read hundreds of them anew takes seconds.

What is kept holds as long as the files that it was read from, and the code that read them, are the same to the byte.
"""

import contextlib
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self

from pydantic import BaseModel, ValidationError

from harness.analysis.history.past_run import PastRun
from harness.record.files import FileError, open_bounded

NAME: Final = ".history-cache.json"
FILES: Final = ("run.json", "scenario.json", "environment.json", "ending.json", "trials.jsonl")
MAX_BYTES: Final = 100 * 2**20


class CachedRun(BaseModel):
    """A run, None for a search, and the digest of the files that it was read from."""

    sha256: str
    run: PastRun | None


class CacheFile(BaseModel):
    """All runs of a folder by the names of their folders, as the code with this digest read them."""

    code_sha256: str
    runs: dict[str, CachedRun] = {}


class HistoryCache:
    """The cache of a folder of results. It is written when the context is left, if it can be and anything changed."""

    def __init__(self, results: Path) -> None:
        self._path = results / NAME
        self._known = _read(self._path)
        self._used = CacheFile(code_sha256=_code_sha256())

    def get(self, folder: Path, read: Callable[[Path], PastRun | None]) -> PastRun | None:
        """Return the run as it is known, or else as it is read. Raises what ``read`` raises."""
        digest = _digest_of(folder)
        known = self._known.runs.get(folder.name)
        if known is None or digest is None or known.sha256 != digest:
            known = CachedRun(sha256=digest or "", run=read(folder))
        if digest is not None:
            self._used.runs[folder.name] = known
        return known.run

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._used != self._known:
            with contextlib.suppress(OSError):  # results of somebody else, or a full disk: it is only slower next time
                _write(self._path, self._used)


def _read(path: Path) -> CacheFile:
    """Return what is cached; nothing where it can't be read, or is another version's."""
    with contextlib.suppress(FileError, OSError, ValidationError), open_bounded(path, MAX_BYTES) as file:
        found = CacheFile.model_validate_json(file.read(MAX_BYTES))
        if found.code_sha256 == _code_sha256():
            return found
    return CacheFile(code_sha256=_code_sha256())


def _write(path: Path, cached: CacheFile) -> None:
    """Put a new file in the place of the old one. Raises OSError."""
    with TemporaryDirectory(dir=path.parent, prefix=NAME) as folder:
        made = Path(folder) / NAME
        made.write_text(cached.model_dump_json(by_alias=True), encoding="utf-8")
        made.replace(path)


def _digest_of(folder: Path) -> str | None:
    """Return the digest of the files that a run is read from; None where one of them can't be read at once."""
    digest = hashlib.sha256()
    for name in FILES:
        try:
            with open_bounded(folder / name, MAX_BYTES) as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except FileNotFoundError:
            digest.update(b"none")
        except (FileError, OSError):
            return None
    return digest.hexdigest()


@cache
def _code_sha256() -> str:
    """Return the digest of the harness's own modules."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[2]
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
