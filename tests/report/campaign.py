"""Edit run folders, and make every output of each: ``python -m tests.report.campaign [EDITS] [ODD] [SEED] [WORDS]``.

So many edits and odd files are drawn at random. The words name the runs to be edited, all without one; with ``texts``
neither pages nor pictures are made, which take long. Each edit has a process of its own, which may grow by 500 MB and,
for one output, use 5 s of CPU and wait for 30 s.
"""

import gc
import json
import os
import random
import resource
import selectors
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Final, NoReturn

from tests.report.edited_runs import RUNS
from tests.report.edits import Edit, edits_of, make_edited
from tests.report.odd_files import odd_files_of
from tests.report.outputs import Output, make_all, make_pictures, make_texts

MOST_GROWTH_BYTES: Final = 500_000_000
MOST_TOLD: Final = 500  # characters of what went wrong
AT_ONCE: Final = 2
USUAL: Final = (4000, 500, 1)
FINE: Final = ("an output", "an error", "as another")


@dataclass(frozen=True)
class Outcome:
    """What came of an edit: its ``end`` is an output, an error of the harness's own, the same run as another edit made,
    or what went wrong, of which ``trace`` tells."""

    edit: str
    end: str
    trace: str
    cpu_s: float
    growth_bytes: int

    @property
    def is_fine(self) -> bool:
        """Return whether it is as promised."""
        return self.end in FINE


@dataclass(frozen=True)
class _Attempt:
    edit: Edit
    pid: int
    room: Path
    said: bytearray = field(default_factory=bytearray)


@dataclass
class Campaign:
    """Edits of one sound run folder. ``known`` are the digests of what was read and tried before."""

    sound: Path
    outputs: Sequence[Output]
    rooms: Path
    known: set[str] = field(default_factory=set)

    def outcomes(self, edits: Iterable[Edit]) -> Iterator[Outcome]:
        """Make them, some at once, and yield what came of each."""
        waiting, running = iter(edits), 0
        with selectors.DefaultSelector() as selector:
            while True:
                while running < AT_ONCE and (edit := next(waiting, None)) is not None:
                    pipe, attempt = self._begin(edit)
                    selector.register(pipe, selectors.EVENT_READ, attempt)
                    running += 1
                if not running:
                    return
                for key, _ in selector.select():
                    if data := os.read(key.fd, 2**16):
                        key.data.said.extend(data)
                        continue
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    running -= 1
                    yield self._end(key.data)

    def _begin(self, edit: Edit) -> tuple[int, _Attempt]:
        room = Path(tempfile.mkdtemp(dir=self.rooms))
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ours)
            _alone(edit, self.sound, room, frozenset(self.known), self.outputs, theirs)  # which does not return
        os.close(theirs)
        return ours, _Attempt(edit, pid, room)

    def _end(self, attempt: _Attempt) -> Outcome:
        _, status, usage = os.wait4(attempt.pid, 0)
        shutil.rmtree(attempt.room, ignore_errors=True)
        cpu_s = usage.ru_utime + usage.ru_stime
        if os.WIFSIGNALED(status) or not attempt.said:
            return Outcome(attempt.edit.name, f"ended by signal {os.WTERMSIG(status)}", "", cpu_s, 0)
        said = json.loads(attempt.said)
        if said["digest"] in self.known:
            said["end"] = "as another"
        elif said["digest"]:
            self.known.add(said["digest"])
        return Outcome(attempt.edit.name, said["end"], said["trace"], cpu_s, said["growth_bytes"])


def _alone(
    edit: Edit, sound: Path, room: Path, known: frozenset[str], outputs: Sequence[Output], answer: int
) -> NoReturn:
    """Make it, and say into the pipe what came of it; this is the child."""
    before_bytes = _status_bytes("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (before_bytes + MOST_GROWTH_BYTES, resource.RLIM_INFINITY))
    warnings.simplefilter("error", RuntimeWarning)  # as NumPy has it where a figure overflows
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    digest, trace = None, ""
    try:
        edited = make_edited(edit, sound, room / "results")
        digest = make_all(edited, room / "results" / "sound", known, outputs)
        end = "an output" if digest else "an error"
    except BaseException as error:  # whatever it is, it is told
        end, trace = f"{type(error).__name__}: {error}"[:MOST_TOLD], traceback.format_exc()[-10 * MOST_TOLD :]
    growth_bytes = max(0, _status_bytes("VmPeak") - before_bytes)
    said = json.dumps({"digest": digest, "end": end, "trace": trace, "growth_bytes": growth_bytes}).encode()
    while said:
        said = said[os.write(answer, said) :]
    os._exit(0)


def _status_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def campaign(sound: Path, edits: Iterable[Edit], outputs: Sequence[Output], rooms: Path) -> Iterator[Outcome]:
    """Yield what came of each edit of a run folder."""
    warm = Path(tempfile.mkdtemp(dir=rooms))
    edited = make_edited(Edit("nothing", lambda _: None), sound, warm)
    digest = make_all(edited, warm / "sound", frozenset(), outputs)  # also brings what else each process would import
    assert digest, f"{sound} is no run"
    gc.freeze()
    yield from Campaign(sound, outputs, rooms, {digest}).outcomes(edits)


def main(edits: int, odd_files: int, seed: int, words: Sequence[str]) -> int:
    """Say what came of it, and return 1 where anything was not as promised."""
    dice, began_s, outcomes = random.Random(seed), time.monotonic(), list[Outcome]()
    names = [name for name in RUNS if name in words] or list(RUNS)
    outputs = (make_texts,) if "texts" in words else (make_texts, make_pictures)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            rooms = Path(folder, name)
            run = RUNS[name](rooms / "runs")
            some = [
                *_drawn(dice, list(odd_files_of(run)), ceil(odd_files / len(names))),
                *_drawn(dice, list(edits_of(run)), ceil(edits / len(names))),
            ]
            for outcome in campaign(run, some, outputs, rooms):
                outcomes.append(outcome)
                if not outcome.is_fine:
                    print(f"{name}, {outcome.edit}: {outcome.end}\n{outcome.trace}", flush=True)
            print(f"{name}: {len(some)} of {sum(1 for _ in edits_of(run))} edits", flush=True)
    ends = Counter(outcome.end if outcome.is_fine else "not as promised" for outcome in outcomes)
    print(f"{len(outcomes)} edits and odd files: {dict(ends.most_common())}")
    print(f"{time.monotonic() - began_s:.0f} s, {sum(outcome.cpu_s for outcome in outcomes):.0f} s of CPU")
    print(f"at the most {max(outcome.cpu_s for outcome in outcomes):.1f} s of CPU for one of them")
    print(f"at the most {max(outcome.growth_bytes for outcome in outcomes) / 1e6:.0f} MB more for one of them")
    return int("not as promised" in ends)


def _drawn(dice: random.Random, edits: list[Edit], most: int) -> list[Edit]:
    return dice.sample(edits, k=min(len(edits), most))


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    asked_edits, asked_odd_files, asked_seed = [*numbers, *USUAL[len(numbers) :]]
    sys.exit(main(asked_edits, asked_odd_files, asked_seed, sys.argv[1:]))
