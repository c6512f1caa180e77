"""``python -m bench.validity.slices``: what slices and a malloc that keeps its memory bring, on real servers.

Two commits of a scratch repository are compared by ``harness ab``: of the cart on aiohttp, or of a small page. ``same``
adds a function that nobody calls, and lets rounds in slices and rounds of whole trials take turns. The other checks add
calibrated work to each request, and ask how often the change is called slower in so much time; the last two, how often
a function that nobody calls is called a change. Most of a day for all.
"""

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer

from bench.checking import Row, run_checks
from bench.validity.commits import Said, git, said_of
from harness.analysis.metrics import CPU, THROUGHPUT
from harness.analysis.rotations import rotation_logs
from harness.analysis.slices import find_agreement
from harness.analysis.trials import Trial, trials_of
from harness.record import read_run
from harness.report.figures import change_text, ratio_text
from harness.report.run_report import RunReport
from harness.stats.estimate import Estimate
from harness.stats.variance import estimate_variances
from harness.stats.verdict import FAMILY_LEVEL

ROOT: Final = Path(__file__).parents[2]
HANDLER: Final = "    body = render_cart("
UNRELATED: Final = "\n\ndef nobody_calls_this(number: int) -> int:\n    return sum(range(number)) % 7\n"
# A step has to take as long among few as among many: it took 17.0 ns among 20 and 16.3 among 18,000, where 64 are there
# without any work. Those of pow(3, 1 << 64 + steps, prime) took a quarter less among six than among 300.
WORK: Final = "    sum(range(1000, 1064 + {steps}))\n"
COMPARED: Final = ("aiohttp", "aiohttp-gunicorn-1", "aiohttp-gunicorn-2", "aiohttp-gunicorn-4", "node")
SMALL_PAGE: Final = '    return web.Response(text="a page")\n'
SCENARIO: Final = """
name = "{subject}"

[load]
path = "/cart"
connections = 16
warmup = "300ms"

[[topology]]
name = "raw"
command = ["{{harness_python}}", "-m", "servers.aiohttp_cart", "--port", "{{port}}"]
"""


@dataclass(frozen=True)
class Subject:
    """A server to change: the cart, or the same with a page of a few bytes. So many steps for each request are
    ``calibrating``: a tenth of the cart's CPU time, a fifth of the small page's. By two thirds of it, what was to be
    2 % was 1.76 % (the mean of ten comparisons)."""

    name: str
    is_small: bool
    calibrating: int

    def make(self, folder: Path, before: int, after: int) -> Path:
        """Make a repository of two commits, whose requests take so many steps of work, and return it. Commits of equal
        work differ by a function that nobody calls."""
        repository = folder / "repository"
        shutil.copytree(ROOT / "servers", repository / "servers", ignore=shutil.ignore_patterns("__pycache__", "node*"))
        (repository / "scenario.toml").write_text(SCENARIO.format(subject=self.name), encoding="utf-8")
        git(folder, "init", "--quiet", str(repository))
        for steps in (before, after):
            self._change(repository / "servers" / "aiohttp_cart.py", steps)
            git(repository, "add", "--all")
            git(repository, "commit", "--quiet", "--allow-empty", "--message", f"Work {steps} steps")
            if before == after:
                with (repository / "servers" / "cart" / "render.py").open("a", encoding="utf-8") as file:
                    file.write(UNRELATED)
        return repository

    def _change(self, file: Path, steps: int) -> None:
        text = (ROOT / "servers" / file.name).read_text(encoding="utf-8")
        assert text.count(HANDLER) == 1
        answer = SMALL_PAGE if self.is_small else ""
        file.write_text(text.replace(HANDLER, f"{WORK.format(steps=steps)}{answer}{HANDLER}"), encoding="utf-8")


CART: Final = Subject("cart", is_small=False, calibrating=18_000)
SMALL: Final = Subject("small", is_small=True, calibrating=700)


def compare_commits(subject: Subject, folder: Path, before: int, after: int, *options: str) -> Said:
    """Return what ``harness ab`` says of the change; the repository and the run stay in the folder."""
    folder.mkdir(parents=True)
    repository = subject.make(folder, before, after)
    words = ["ab", "scenario.toml", "--base", "HEAD~", "--head", "HEAD", "--out", str(folder), *options]
    done = subprocess.run([sys.executable, "-m", "harness", *words], cwd=repository, capture_output=True, text=True)
    (folder / "output.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    return said_of(folder / "latest", done.returncode)


def calibrate(subject: Subject, folder: Path) -> Estimate:
    """Return the ratio in CPU per request that the calibrating steps make; a run that is there already is read."""
    if not (folder / "latest").exists():
        compare_commits(subject, folder, 0, subject.calibrating, "--rounds", "16", "--malloc", "keep")
    return cpu_ratio(folder / "latest")


def cpu_ratio(run: Path) -> Estimate:
    """Return the ratio in CPU per request that the run found."""
    (ratio,) = (row.ratio for row in RunReport(read_run(run)).rows if row.metric is CPU)
    assert ratio is not None, f"{run} measured no CPU time"
    return ratio


def same(subject: Subject, malloc: str, rounds: int, folder: Path) -> Iterator[Row]:
    """Compare equal commits, and hold the scatter of rounds in slices against that of whole trials."""
    place = folder / f"same-{subject.name}-{malloc}"
    if not place.exists():
        compare_commits(subject, place, 0, 0, "--rounds", str(2 * rounds), "--interleave", "both", "--malloc", malloc)
    run = read_run(place / "latest")
    trials = trials_of(run.records, ["raw-base", "raw-head"])
    for name in ("requests/s", "CPU/request"):
        scatter = {
            is_sliced: float(np.std(_logs(trials["raw-base"], trials["raw-head"], name, is_sliced), ddof=1))
            for is_sliced in (True, False)
        }
        said = f"slices {scatter[True]:.2%}, whole trials {scatter[False]:.2%}: {scatter[True] / scatter[False]:.2f}"
        yield Row(f"{subject.name}, malloc {malloc}, {name}", said, "≤ 0.40", scatter[True] <= 0.4 * scatter[False])
    parts = estimate_variances(rotation_logs(trials["raw-base"], trials["raw-head"], THROUGHPUT))
    if parts is not None:
        said = f"within {parts.within**0.5:.2%} a rotation, launches {parts.between**0.5:.2%}"
        yield Row(f"{subject.name}, malloc {malloc}, parts", said, "–", is_met=True)


def _logs(before: Sequence[Trial], after: Sequence[Trial], figure: str, is_sliced: bool) -> list[float]:
    """Return the log-ratios of the rounds of one kind."""
    of_base = {trial.block: trial for trial in before}
    pairs = [(of_base[trial.block], trial) for trial in after if trial.block in of_base]
    return [
        float(np.log(_figure(head, figure) / _figure(base, figure)))
        for base, head in pairs
        if bool(head.slices) is is_sliced
    ]


def _figure(trial: Trial, name: str) -> float:
    return trial.good_per_s if name == "requests/s" else trial.cpu_ms_per_request


def agree(rounds: int, folder: Path) -> Iterator[Row]:
    """Compare real servers by slices and by whole trials in turn, and hold the ratios against each other."""
    place = folder / "agree"
    if not place.exists():
        words = ["compare", "scenarios/frameworks.toml", "--only", ",".join(COMPARED), "--interleave", "both"]
        options = ["--rounds", str(2 * rounds), "--out", str(place)]
        subprocess.run([sys.executable, "-m", "harness", *words, *options], cwd=ROOT, check=False, capture_output=True)
    run = read_run(place / "latest")
    trials = trials_of(run.records, [topology.name for topology in run.scenario.topologies])
    level = FAMILY_LEVEL / len(run.scenario.pairs)
    for baseline, other in run.scenario.pairs:
        found = find_agreement(trials[baseline.name], trials[other.name])
        assert found is not None, f"{other.name} was not measured in both ways"
        ways = f"slices {ratio_text(found.by_slices)}, whole trials {ratio_text(found.by_trials)}"
        said = f"{ways}, p = {found.p_value:.3f}"
        yield Row(f"{other.name} beside {baseline.name}", said, f"p > {level:.3f}", found.p_value > level)


def slower(subject: Subject, malloc: str, share: float, max_time: str, times: int, folder: Path) -> Iterator[Row]:
    """Compare commits of which the second is slower by this share, so many times."""
    calibrated = calibrate(subject, folder / f"calibration-{subject.name}")
    steps = round(subject.calibrating * share / (calibrated.value - 1))
    name = f"{subject.name}-{malloc}-{100 * share:g}%"
    work = f"{subject.calibrating} make {change_text(CPU, calibrated)}, so {steps} for {100 * share:g} %"
    yield Row(f"{name}, steps", work, "–", is_met=True)
    called: list[bool] = []
    ratios: list[float] = []
    for number in range(1, times + 1):
        place = folder / f"{name}-{number}"
        options = ["--malloc", malloc, "--max-time", max_time, "--margin", f"{share / 2:.2%}"]
        said = compare_commits(subject, place, 0, steps, *options)
        called.append("throughput" in said.worse)
        ratios.append(cpu_ratio(place / "latest").value)
        invented = (said.worse | said.better) - {"throughput", "cpu_per_request", "p50", "p99"}
        yield Row(f"{name}, {max_time}, {number}", said.text, "–", not invented and "throughput" not in said.better)
    yield Row(f"{name}, CPU/request, mean of all", f"{np.mean(ratios) - 1:+.2%}", f"{share:+.2%}", is_met=True)
    yield Row(f"{name}, {max_time}", f"{sum(called)} of {times}", "≥ 90 %", sum(called) >= 0.9 * times)


def unrelated(subject: Subject, malloc: str, times: int, folder: Path) -> Iterator[Row]:
    """Compare commits that differ by a function that nobody calls, so many times."""
    found: Counter[str] = Counter()
    name = f"{subject.name}-{malloc}-unrelated"
    for number in range(1, times + 1):
        said = compare_commits(subject, folder / f"{name}-{number}", 0, 0, "--malloc", malloc, "--max-time", "30s")
        found.update(said.worse | said.better)
        yield Row(f"{name}, {number}", said.text, "–", is_met=True)
    most = max(found.values(), default=0)
    each = ", ".join(f"{metric} {count}" for metric, count in sorted(found.items()))
    yield Row(f"{name}, called different", f"{each or 'none'}, of {times}", "each ≤ 1 in 30", most <= times / 30)


def main(
    folder: Annotated[Path, typer.Argument(help="For the repositories and runs.")],
    rounds: Annotated[int, typer.Option(help="Of each kind, with equal commits.")] = 30,
    times: Annotated[int, typer.Option(help="Comparisons of each change.")] = 10,
    only: Annotated[str | None, typer.Option(metavar="CHECK,CHECK")] = None,
    out: Annotated[Path, typer.Option(help="The Markdown file.")] = Path("results/bench/slices.md"),
) -> None:
    """Hold slices against whole trials, and verdicts against changes of known size."""
    folder = folder.resolve()
    checks = {
        "same-default": partial(same, CART, "default", rounds, folder),
        "same-keep": partial(same, CART, "keep", rounds, folder),
        "agree": partial(agree, rounds, folder),
        "small-5": partial(slower, SMALL, "default", 0.05, "30s", times, folder),
        "small-2": partial(slower, SMALL, "default", 0.02, "60s", times, folder),
        "small-1": partial(slower, SMALL, "default", 0.01, "3m", times, folder),
        "small-0.5": partial(slower, SMALL, "default", 0.005, "8m", times, folder),
        "cart-5": partial(slower, CART, "keep", 0.05, "30s", times, folder),
        "cart-2": partial(slower, CART, "keep", 0.02, "60s", times, folder),
        "cart-1": partial(slower, CART, "keep", 0.01, "3m", times, folder),
        "cart-0.5": partial(slower, CART, "keep", 0.005, "8m", times, folder),
        "cart-as-it-comes-5": partial(slower, CART, "default", 0.05, "60s", times, folder),
        "small-unrelated": partial(unrelated, SMALL, "default", times, folder),
        "cart-unrelated": partial(unrelated, CART, "keep", times, folder),
    }
    run_checks(checks, only, out)


if __name__ == "__main__":
    typer.run(main)
