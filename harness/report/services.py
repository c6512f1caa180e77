"""The services beside the servers, in words."""

from collections.abc import Sequence

from harness.analysis.pools import connections_to_services
from harness.analysis.trials import Trial
from harness.units import size_text


def services_text(topology: str, trials: Sequence[Trial]) -> str:
    """Return what the services used beside the trials of the topology: ``db 0.42 cores and 31 MiB beside `raw```; empty
    where there were none."""
    window_s = sum(trial.usage.window_s for trial in trials)
    used = [service for trial in trials for service in trial.usage.services]
    held = connections_to_services(trials)
    texts = [
        f"{name} {sum(each.cpu_s for each in used if each.name == name) / window_s:.2f} cores"
        f" and {size_text(max(each.rss_bytes for each in used if each.name == name))}"
        f"{f', with {held[name]} connections' if held.get(name) else ''}"
        for name in dict.fromkeys(each.name for each in used)
    ]
    return f"{', '.join(texts)} beside `{topology}`" if texts else ""
