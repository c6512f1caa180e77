"""The twins of a commit lie as two commits do: in folders of their own, at paths of one length, not quite the same."""

import os
from pathlib import Path

import pytest

from harness.measure.base_and_head import find_sides, prepare_against_itself, prepare_side_by_side
from harness.measure.preparation import PreparedRun
from harness.measure.revisions import twin_checkouts
from harness.measure.revisions.revision import snapshot
from harness.scenario import Scenario
from harness.scenario.file import load_scenario
from tests.revisions.repository import Repository, with_server

PREPARE = ("sh", "-c", "tail -n 1 server.py > built; mkdir -p own")
CODE = {"server.py": "#", "app/page.js": "//", "run.sh": "#"}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A server, other files, and what git ignores."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = with_server(tmp_path / "service")
    for name, text in {
        "app/page.js": "0",
        "run.sh": "#!/bin/sh",
        "page.html": "<p>",
        ".gitignore": "mods\nown",
    }.items():
        made.write(name, text)
    (made.path / "link.py").symlink_to(made.path / "page.html")
    made.commit("Serve a page")
    made.write("mods/lib.js", "1")
    made.write("own/cache", "made by somebody")
    monkeypatch.chdir(made.path)
    return made


def scenario() -> Scenario:
    return load_scenario(Path("page.toml"))


def folders_of(prepared: PreparedRun) -> list[Path]:
    """Where its sides run, if not here."""
    return [Path(each.side.root) for each in prepared.scenario.topologies if each.side]


@pytest.mark.parametrize("prepare", [(), PREPARE])
@pytest.mark.parametrize("head", ["main", None])
def test_both_sides_of_two_commits_run_at_paths_of_one_length(
    repository: Repository, prepare: tuple[str, ...], head: str | None
) -> None:
    """The working tree, too, changed or not."""
    repository.git("tag", "before")
    repository.write("server.py", (repository.path / "server.py").read_text() + "\n")
    if head:
        repository.commit("Serve a page with a line more")
    compared = scenario().model_copy(update={"prepare": prepare})
    with prepare_side_by_side(compared, repository.path, find_sides(repository.path, "before", head), 1) as prepared:
        before, after = (each.side.root for each in prepared.scenario.topologies if each.side)
        assert before != after
        assert len(before) == len(after)
        assert repository.path not in (Path(before), Path(after))


def test_the_second_of_two_twins_has_a_comment_more_in_each_source_file(repository: Repository) -> None:
    with twin_checkouts(repository.path, snapshot(repository.path), ()) as (first, second):
        assert first != second
        assert len(str(first)) == len(str(second))
        for name in repository.git("ls-files").splitlines():
            before, after = ((folder / name).read_text() for folder in (first, second))
            more = f"\n{CODE[name]} harness aa\n" if name in CODE else ""
            assert (before, after) == ((repository.path / name).read_text(), before + more), name
    assert not first.exists()


def test_what_git_ignores_is_there_and_stays_as_it_is(repository: Repository) -> None:
    (repository.path / "app/mods").write_text("in a folder of the repository")
    for _ in range(2):
        with twin_checkouts(repository.path / "app", snapshot(repository.path), ()) as folders:
            for folder in folders:
                assert (folder.parent / "mods/lib.js").read_text() == "1"
                assert (folder / "mods").read_text() == "in a folder of the repository"
    assert (repository.path / "mods/lib.js").read_text() == "1"
    assert repository.worktrees() == 1


def test_what_the_preparation_makes_is_not_replaced_and_it_sees_the_comments(
    repository: Repository, tmp_path: Path
) -> None:
    for _ in range(2):
        with twin_checkouts(repository.path, snapshot(repository.path), PREPARE) as folders:
            assert [(folder / "built").read_text().strip() for folder in folders][1] == "# harness aa"
            assert (folders[0] / "built").read_text() != (folders[1] / "built").read_text()
            for folder in folders:
                assert not (folder / "own").is_symlink()
                assert (folder / "mods").is_symlink()
    kept = list((tmp_path / "cache").rglob("tree"))
    assert len(kept) == 2
    assert [path for tree in kept for path in tree.iterdir() if path.name == "mods"] == []  # no later ab finds it there
    assert (repository.path / "own/cache").read_text() == "made by somebody"


def test_links_that_a_killed_harness_left_are_made_anew(repository: Repository, tmp_path: Path) -> None:
    tree = snapshot(repository.path)
    with twin_checkouts(repository.path, tree, PREPARE) as folders:
        pass
    (folders[0] / "mods").symlink_to(tmp_path / "nowhere")
    with twin_checkouts(repository.path, tree, PREPARE) as folders:
        assert (folders[0] / "mods/lib.js").read_text() == "1"


def test_the_noise_is_measured_from_twins(repository: Repository) -> None:
    repository.write("server.py", (repository.path / "server.py").read_text() + "\n# not committed\n")
    with prepare_against_itself(scenario(), repository.path, 1) as prepared:
        first, second = folders_of(prepared)
        assert (first / "server.py").read_text() + "\n# harness aa\n" == (second / "server.py").read_text()
        assert "# not committed" in (first / "server.py").read_text()
        assert [each.name for each in prepared.scenario.topologies] == ["raw-base", "raw-head"]
        assert [each.ref for each in prepared.revisions] == ["working tree", "working tree with comments"]
        assert prepared.doubts == ()


def test_where_there_is_no_repository_both_run_in_the_folder(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    os.rename(repository.path, elsewhere)
    (elsewhere / ".git").rename(tmp_path / "git")
    monkeypatch.chdir(elsewhere)
    with prepare_against_itself(scenario(), elsewhere, 1) as prepared:
        assert [each.name for each in prepared.scenario.topologies] == ["raw", "raw-again"]
        assert folders_of(prepared) == []
        assert "Both sides run in this folder" in prepared.doubts[0]
        assert "not a git repository" in prepared.doubts[0]


def test_where_a_checkout_can_not_be_prepared_both_run_in_the_folder(repository: Repository) -> None:
    failing = scenario().model_copy(update={"prepare": ("sh", "-c", "echo no compiler; exit 3")})
    with prepare_against_itself(failing, repository.path, 1) as prepared:
        assert folders_of(prepared) == []
        assert "no compiler" in prepared.doubts[0]
    assert repository.worktrees() == 1
