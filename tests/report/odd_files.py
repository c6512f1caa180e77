"""What may stand in a run folder where a file of it is expected, and beside these."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from tests.report.edits import FILES, Edit

DEEP: Final = 100_000
MANY: Final = 1_000_000
HUGE_BYTES: Final = 2**31
WRITTEN: Final = ("report.md", "report.html", "trials.csv", "charts", "plan.md", "plan.json", "noise.json", "logs")
NAMES: Final = ("a\nb", "\x1b[31mred\x1b[0m", "\u202egnp", "<img src=x>", "-rf", "a" * 250, "%s%n{0}{{x}}", "$(id)`id`")


def odd_files_of(run: Path) -> Iterator[Edit]:
    """Yield an edit for each oddity in the place of each file, then those that stand beside them."""
    for file in FILES:
        if (run / file).exists():
            yield from (_instead(kind, file, put) for kind, put in KINDS.items())
    yield from (_instead(kind, file, NO_FILES[kind]) for kind in NO_FILES for file in WRITTEN)
    yield from (Edit(f"a folder named {name!r:.40}", partial(_rename, name)) for name in NAMES)
    yield from (Edit(f"a log named {name!r:.40}", partial(_add_log, name)) for name in NAMES)
    yield from (Edit(f"beside it, {kind}", partial(_put_beside, put)) for kind, put in NO_FILES.items())


def _instead(kind: str, file: str, put: Callable[[Path], None]) -> Edit:
    return Edit(f"{file}: {kind}", lambda run: put(run / file))


def _rename(name: str, run: Path) -> None:
    run.rename(run.with_name(name))


def _add_log(name: str, run: Path) -> None:
    (run / "logs").mkdir(exist_ok=True)
    (run / "logs" / name).write_text("a log", encoding="utf-8")


def _put_beside(put: Callable[[Path], None], run: Path) -> None:
    put(run.parent / "another" / "run.json")


def _room(path: Path) -> Path:
    """Return the path, where nothing is any more."""
    path.parent.mkdir(exist_ok=True)
    if path.is_dir():
        path.rename(path.with_name(f"was-{path.name}"))
    path.unlink(missing_ok=True)
    return path


def _put_fifo(path: Path) -> None:
    os.mkfifo(_room(path))


def _put_socket(path: Path) -> None:
    place = _room(path)
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(place.parent, os.O_PATH)
        try:
            listener.bind(f"/proc/self/fd/{folder}/{place.name}")  # whose path may be longer than a socket's
        finally:
            os.close(folder)


def _put_folder(path: Path) -> None:
    _room(path).mkdir()


def _link(to: str) -> Callable[[Path], None]:
    return lambda path: _room(path).symlink_to(to)


def _link_out(path: Path) -> None:
    """To the same file, but elsewhere."""
    elsewhere = path.parent.parent / "sound" / path.name
    _room(path).symlink_to(elsewhere)


def _put_sparse(path: Path) -> None:
    _room(path).touch()
    os.truncate(path, HUGE_BYTES)


def _cut(part: float) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        os.truncate(path, int(part * path.stat().st_size))

    return cut


def _change(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def made(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))

    return made


def _twice_each_key(data: bytes) -> bytes:
    """A key of another value first."""
    return b"\n".join(b'{"schema_version": 3, "seed": [], ' + line[1:] for line in data.split(b"\n") if line)


NO_FILES: Final[dict[str, Callable[[Path], None]]] = {
    "a FIFO": _put_fifo,
    "a socket": _put_socket,
    "a folder": _put_folder,
    "a link to a device": _link("/dev/zero"),
    "a link to a terminal": _link("/dev/tty"),
    "a link to a file of the system": _link("/etc/passwd"),
    "a link out of the folder": _link_out,
    "a link to nothing": _link("nothing"),
    "a link to itself": _link("run.json"),
}
KINDS: Final[dict[str, Callable[[Path], None]]] = {
    **NO_FILES,
    "missing": lambda path: path.unlink(),
    "empty": lambda path: _room(path).touch(),
    "2 GiB of nothing": _put_sparse,
    "cut at a quarter": _cut(0.25),
    "cut in the middle": _cut(0.5),
    "cut at three quarters": _cut(0.75),
    "cut before its end": _cut(0.999),
    "not UTF-8": _change(lambda data: data.replace(b"e", b"\xff", 7)),
    "UTF-16": _change(lambda data: data.decode().encode("utf-16")),
    "a byte order mark": _change(lambda data: b"\xef\xbb\xbf" + data),
    "zeros at its end": _change(lambda data: data + bytes(1000)),
    "twice": _change(lambda data: data + data),
    "keys twice": _change(_twice_each_key),
    "deep lists": _change(lambda data: b"[" * DEEP),
    "deep lists that end": _change(lambda data: b"[" * DEEP + b"]" * DEEP),
    "deep tables": _change(lambda data: b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "a list of a million": _change(lambda data: json.dumps([0] * MANY).encode()),
    "a million texts": _change(lambda data: json.dumps(["x"] * MANY).encode()),
    "a million lines": _change(lambda data: b"{}\n" * MANY),
    "a number of a million digits": _change(lambda data: b"1" * MANY),
    "a line of 80 MB": _change(lambda data: b'"' + b"x" * 80_000_000 + b'"'),
    "unreadable": lambda path: path.chmod(0),
}
