"""Two checkouts of one commit, for a comparison of it with itself that is like that of two commits.

Two commits lie in two folders and differ in what their files hold, so that whatever depends on that is drawn apart:
the layout of memory, hashes of paths and contents, caches. So do the twins: their paths are of one length, and each
source file of the second ends with a comment that the first does not have. Files that git ignores, such as installed
packages, are linked to from both, since there is no second version of them.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from harness.machine.git import RevisionError, run_git
from harness.measure.revisions.checkout import Edit, checkout
from harness.measure.revisions.lacking import find_lacking, list_ignored_files
from harness.record import Revision

COMMENT: Final = "harness aa"
_LANGUAGES: Final = {  # by what begins a comment
    "#": ("ex", "exs", "pl", "pm", "py", "rb", "sh"),
    "//": ("c", "cc", "cjs", "cpp", "cs", "dart", "go", "java", "js", "kt", "mjs", "rs", "scala", "swift", "ts"),
}
BEGINS: Final = {f".{suffix}": begin for begin, suffixes in _LANGUAGES.items() for suffix in suffixes}


@contextlib.contextmanager
def twin_checkouts(
    repository: Path, revision: Revision, prepare: Sequence[str], pass_env: Sequence[str] = ()
) -> Iterator[tuple[Path, Path]]:
    """Yield, of two checkouts of the commit, the folders that correspond to this folder of the repository. Both are
    prepared as :func:`checkouts` are. Raises RevisionError."""
    here = run_git(repository, "rev-parse", "--show-prefix")
    top = Path(run_git(repository, "rev-parse", "--show-toplevel"))
    with contextlib.ExitStack() as stack:
        first, second = (
            stack.enter_context(checkout(repository, revision, prepare, pass_env, edit))
            for edit in (Edit("as it is", lambda _: None), Edit("with comments", add_comments))
        )
        stack.enter_context(_link_ignored(top, (first, second)))
        if not (first / here).is_dir():
            raise RevisionError(f"{revision.ref}: does not have the folder {here}")
        yield first / here, second / here


def add_comments(tree: Path) -> None:
    """End each source file of the tree with a comment, where its language is one of a few."""
    for path in tree.rglob("*"):
        begin = BEGINS.get(path.suffix)
        if begin and path.is_file() and not path.is_symlink():
            with path.open("a", encoding="utf-8") as file:
                file.write(f"\n{begin} {COMMENT}\n")


@contextlib.contextmanager
def _link_ignored(top: Path, trees: tuple[Path, Path]) -> Iterator[None]:
    """Link to the ignored files of the working tree that neither tree has, until the context is left: prepared trees
    are kept."""
    links = {tree / name: top / name for name in find_lacking(list_ignored_files(top), trees) for tree in trees}
    try:
        for link, file in links.items():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)  # a link to nothing, which a killed harness left
            link.symlink_to(file)
        yield
    finally:
        for link in filter(Path.is_symlink, links):
            link.unlink()
