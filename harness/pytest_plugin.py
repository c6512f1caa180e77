"""A pytest fixture for a service's own tests, which measure a scenario and assert its result.

def test_two_workers_pay(harness_run):
    assert harness_run("scenario.toml").verdict("cluster-2").ratio.low > 1.5
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness import Result


@pytest.fixture(scope="session")
def harness_run(tmp_path_factory: pytest.TempPathFactory) -> "Callable[..., Result]":
    """Return a function that measures a scenario file, with the options of :func:`harness.compare`. It measures once in
    a session for the same options."""
    measured: dict[str, Result] = {}

    def run(scenario: str, **options: object) -> "Result":
        import harness  # not in every session that has the plugin

        key = repr((scenario, sorted(options.items())))
        if key not in measured:
            measured[key] = harness.compare(scenario, out=tmp_path_factory.mktemp("harness"), **options)  # type: ignore[arg-type]
        return measured[key]

    return run
