"""Every form in which runs are reported, of rehearsed runs: a comparison, two commits, a search, and what follows."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from tests.rehearsal.service import MIB, Service
from tests.rehearsal.stage import Stage, rehearse
from tests.rehearsal.testbed import VirtualTestbed
from tests.revisions.repository import Repository

SCENARIO: Final = """
name = "shop"
rounds = 6

[load]
path = "/cart"
connections = 24
threads = 4
warmup = "500ms"
duration = "3s"

[gate]
fail_on = ["throughput < -5%", "p99 < 1s", "errors > +0.1%"]

[[topology]]
name = "raw"
baseline = true
command = ["{harness_python}", "-m", "shop", "--port", "{port}"]

[[topology]]
name = "cluster-{workers}"
workers = [2, 4]
command = ["{harness_python}", "-m", "shop", "--port", "{port}", "--workers", "{workers}"]
"""
BROKEN: Final = """
[[topology]]
name = "broken"
command = ["{harness_python}", "-m", "no_shop", "--port", "{port}"]
"""
SHOP: Final = Service(mean_ms=2.0, slow_share=0.01, slow_ms=20.0, contention=0.05, failing=0.001)
SLOWER: Final = Service(
    mean_ms=2.3, slow_share=0.02, slow_ms=20.0, contention=0.05, kept_bytes=0.2 * MIB, failing=0.001
)
SERVICES: Final = {
    "raw": SHOP,
    "raw-head": SLOWER,
    "raw-again": SHOP,
    "cluster-2": SHOP,
    "cluster-4": SHOP,
    "broken": Service(down="the server exited with 1 before it was ready"),
}
FILE_OF_FORM: Final = {
    "github": "comment.md",
    "markdown": "report.md",
    "json": "report.json",
    "junit": "junit.xml",
    "csv": "figures.csv",
}
DIGITS: Final = 9  # of a number, beyond which processors and libraries differ
HIDDEN: Final = {"script", "style"}
CELLS: Final = {"td", "th"}
ROWS: Final = {"tr", "table"}
APART: Final = {"a", "br", "small", "span"}  # which style sheets keep apart from what is beside them
LINES: Final = {
    *("p", "div", "section", "header", "footer", "main", "nav", "article", "aside", "figure", "figcaption", "title"),
    *("h1", "h2", "h3", "h4", "li", "dt", "dd", "caption", "summary", "details", "option", "button", "label"),
}
_END: Final = "\0"
_LONG_NUMBER: Final = re.compile(r"\d+\.\d{6,}(?:e[-+]?\d+)?")

Texts = dict[str, str]  # by the name of a file


def set_up_testbed() -> VirtualTestbed:
    """Return a machine with the noise of a common one."""
    return VirtualTestbed(SERVICES, drift=0.01, scatter=0.003)


def make_all(folder: Path) -> Texts:
    """Make every form of every run, in this folder; return the texts by the names of their snapshots."""
    texts: Texts = {}
    for name, make in MAKERS.items():
        place = folder / name
        place.mkdir()
        texts |= {f"{name}/{file}": normalise(text, place) for file, text in make(place).items()}
    return texts


def make_comparison(folder: Path) -> Texts:
    """Compare topologies, of which one never starts."""
    with rehearse(folder, set_up_testbed()) as stage:
        stage.write("shop.toml", SCENARIO + BROKEN)
        return _report(stage, "compare", "shop.toml", "--seed", "1")


def make_two_commits(folder: Path) -> Texts:
    """Compare two commits, of which the second is slower and leaks memory."""
    repository = Repository(folder / "service")
    with rehearse(repository.path, set_up_testbed()) as stage:
        stage.write("shop.toml", SCENARIO.replace('fail_on = ["throughput < -5%", "p99 < 1s", "errors > +0.1%"]', ""))
        repository.commit("Serve carts")
        repository.git("tag", "before")
        repository.commit("Remember every cart")
        sides = ("--base", "before", "--head", "main")
        return _report(stage, "ab", "shop.toml", *sides, "--only", "raw", "--seed", "1", "--out", "../results")


def make_search(folder: Path) -> Texts:
    """Search for the capacity of two topologies, and plan what a target needs."""
    with rehearse(folder, set_up_testbed()) as stage:
        stage.write("shop.toml", SCENARIO)
        options = ["--only", "raw,cluster-2", "--max-time", "5m", "--seed", "1"]
        texts = {"terminal.txt": _call(stage, "capacity", "shop.toml", "--slo", "p99 < 150ms", *options)}
        run = folder / "results" / "latest"
        texts["page.txt"] = visible_text((run / "report.html").read_text(encoding="utf-8"))
        texts |= {f"capacity.{end}": (run / f"capacity.{end}").read_text(encoding="utf-8") for end in ("md", "json")}
        plan = ("plan", "results/latest", "--target", "2000/s")
        texts["plan.txt"] = _call(stage, *plan)
        return texts | {"plan.md": stage.call(*plan, "--format", "markdown").stdout}


def make_several(folder: Path) -> Texts:
    """Find the noise of the machine, compare twice, and set the runs beside each other."""
    with rehearse(folder, set_up_testbed()) as stage, stage.undrawn():
        stage.write("shop.toml", SCENARIO)
        texts = {"noise.txt": _call(stage, "aa", "shop.toml", "--seed", "1")}
        for seed in (1, 2):
            stage.call("compare", "shop.toml", "--seed", str(seed))
        runs = sorted(path for path in (folder / "results").iterdir() if not path.is_symlink())
        before, after = (f"results/{run.name}" for run in runs[-2:])
        texts["diff.txt"] = _call(stage, "diff", before, after)
        texts["diff.md"] = stage.call("diff", before, after, "--format", "markdown").stdout
        return texts | {"history.txt": _call(stage, "history")}


MAKERS: Final[dict[str, Callable[[Path], Texts]]] = {
    "compare": make_comparison,
    "ab": make_two_commits,
    "capacity": make_search,
    "several": make_several,
}


def _report(stage: Stage, *words: str) -> Texts:
    """Measure, and report in every form."""
    out = Path(words[-1]) if "--out" in words else Path("results")
    texts, run = {"terminal.txt": _call(stage, *words)}, stage.folder / out / "latest"
    texts["page.txt"] = visible_text((run / "report.html").read_text(encoding="utf-8"))
    with stage.undrawn():
        for form, file in FILE_OF_FORM.items():
            texts[file] = stage.call("report", out / "latest", "--format", form).stdout
    return texts


def _call(stage: Stage, *words: str) -> str:
    """Call a verb; return all that it prints, and how it exits."""
    done = stage.call(*words)
    return f"{done.output}\nexit code {done.exit_code}\n"


def normalise(text: str, folder: Path) -> str:
    """Return the text as it is on every machine: without the folder, the last digits of long numbers, and spaces at the
    ends of lines."""
    text = text.replace(str(folder), "/rehearsal")
    text = _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.{DIGITS}g}", text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def visible_text(page: str) -> str:
    """Return the text of a page without scripts and styles: a line for each paragraph and each row of a table."""
    reader = _TextReader()
    reader.feed(page)
    lines = (" ".join(line.split()) for line in "".join(reader.read).split(_END))
    return "\n".join(line for line in lines if line)


class _TextReader(HTMLParser):
    """A reader that keeps what is seen, with a mark at the end of each line."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self._hidden = 0
        self._is_in_cell = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Note what is hidden, and that a line ends before what begins a new one."""
        self._hidden += tag in HIDDEN
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note that it is hidden no more, or that a line ends."""
        self._hidden -= tag in HIDDEN
        if tag not in CELLS:
            self._part(tag)

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        if not self._hidden:
            self.read.append(data)

    def _part(self, tag: str) -> None:
        """Begin a cell, end a line, or leave a space: a cell has no lines."""
        if tag in CELLS:
            self._is_in_cell = True
            self.read.append(" | ")
        elif tag in ROWS:
            self._is_in_cell = False
            self.read.append(_END)
        elif tag in LINES:
            self.read.append(" " if self._is_in_cell else _END)
        elif tag in APART:
            self.read.append(" ")
