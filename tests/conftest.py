"""Settings of the whole suite, and of the many processes that it starts."""

import gc
import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Where nothing is compiled for keeps, each of the processes compiles the harness anew, and pytest all of these tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A pool of threads on all cores, which NumPy makes as it is imported, and SciPy another, spins for 0.1 s.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

# Finding thousands of tests makes no garbage, and all that there is of them then stays.
gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage from now on, among what the tests make."""
    gc.freeze()
    gc.enable()


# The same examples each time: what a change broke is told from what nobody had tried before. ``make fuzz`` looks
# longer, and in another place each time. Neither asks how long an example takes, which the machine decides.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("fuzz", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def _bodies_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each trial waits a second to see whether bodies tell the time, which only the tests of that need."""
    monkeypatch.setattr("harness.server.probing.APART_S", 0.0)


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Reports without charts and page, which take seconds to draw: tests of the reports do."""
    from harness.report.write import FILES  # which brings what draws, and not every test needs that

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.report.write.write_charts", lambda *_: [])
        patch.setitem(FILES, "report.html", lambda _: "")
        yield
