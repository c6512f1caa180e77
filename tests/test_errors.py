"""The errors of the harness: one base, and a page that shows them all."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import harness
from harness import errors
from harness.errors import HarnessError

RUN_AS_FILES = {"harness.__main__", "harness.generator.__main__"}


def own_errors() -> Iterator[type[BaseException]]:
    """Yield every exception that a module of the harness defines for others."""
    for found in pkgutil.walk_packages(harness.__path__, "harness."):
        if found.name not in RUN_AS_FILES:
            for name, value in vars(importlib.import_module(found.name)).items():
                is_own = isinstance(value, type) and value.__module__ == found.name and not name.startswith("_")
                if is_own and issubclass(value, BaseException):
                    yield value


def test_every_error_has_the_base_and_its_place_in_the_tree() -> None:
    found = set(own_errors())
    assert all(issubclass(each, HarnessError) for each in found)
    shown = re.findall(r"^([│ ]*)[└├]── (\w+)", errors.__doc__ or "", re.MULTILINE)
    assert {name for _, name in shown} == {each.__name__ for each in found - {HarnessError}}
    parents, chain = {}, ["HarnessError"]
    for indent, name in shown:
        depth = len(indent) // 4 + 1
        chain[depth:] = [name]
        parents[name] = chain[depth - 1]
    assert parents == {each.__name__: each.__bases__[0].__name__ for each in found - {HarnessError}}
