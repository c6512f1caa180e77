"""The loads of this bench, and what the generator says of them."""

from collections.abc import Callable, Sequence

from harness.generator.process import Generator
from harness.load.result import LoadResult, WindowBegan
from harness.load.spec import Arrivals, Load, Request, parse_url


def open_loop(url: str, rate_per_s: float, duration_s: float, connections: int, kind: str = "constant") -> Load:
    """So many requests a second, whatever happens."""
    arrivals = Arrivals.model_validate({"kind": kind, "rate_per_s": rate_per_s})
    return _load(url, duration_s, connections).model_copy(update={"arrivals": arrivals})


def closed_loop(url: str, duration_s: float, connections: int) -> Load:
    """As fast as so many connections can."""
    return _load(url, duration_s, connections)


def _load(url: str, duration_s: float, connections: int) -> Load:
    target, path = parse_url(url)
    return Load(
        target=target,
        requests=(Request(path=path),),
        duration_s=duration_s,
        connections=connections,
        threads=min(2, connections),
    )


def offer(
    load: Load,
    processes: int = 1,
    cpus: Sequence[int] = (),
    when_measuring: Callable[[Generator], object] = lambda generator: None,
) -> LoadResult:
    """Offer the load and return the result; ``when_measuring`` is called as the window begins, and must not block."""
    with Generator.here(processes, cpus) as generator:
        generator.begin(load)
        for event in generator.events():
            if isinstance(event, WindowBegan):
                when_measuring(generator)
            if isinstance(event, LoadResult):
                return event
    raise AssertionError("events without a result")
