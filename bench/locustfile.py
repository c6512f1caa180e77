"""What Locust runs for ``bench.peers``: every user asks for one page, again and again.

At the end it prints one line of JSON with Locust's own figures. CPU is counted from the start of the test, as for ours:
both are Python programs, whose imports cost as much as thousands of requests.
"""
# mypy: ignore-errors
# Locust lives in a virtual environment of its own, into which mypy does not look.

import json
import time

from locust import FastHttpUser, events, task


class Visitor(FastHttpUser):
    """Asks without a pause, on a kept connection. The host is the whole URL."""

    @task
    def visit(self):
        """One request."""
        self.client.get("")


@events.test_start.add_listener
def begin(environment, **_):
    """From here the CPU counts."""
    environment.cpu_began_s = time.process_time()


@events.test_stop.add_listener
def end(environment, **_):
    """Tell the figures under the names of ``bench.tools.Reading``."""
    total = environment.stats.total
    reading = {
        "requests": total.num_requests,
        "requests_per_s": total.total_rps,
        "errors": total.num_failures,
        "p50_ms": total.get_response_time_percentile(0.5),
        "p99_ms": total.get_response_time_percentile(0.99),
        "cpu_s": time.process_time() - environment.cpu_began_s,
    }
    print(json.dumps(reading), flush=True)
