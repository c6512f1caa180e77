"""``python -m tests.soak [ROUNDS] [SEED]``: 16 rounds of 13 servers are 208 trials, some ten minutes."""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.soak.soak import soak


def main(rounds: int, seed: int) -> None:
    """Say what came of it; the exit code is 1 where anything was lost or left behind."""
    with tempfile.TemporaryDirectory() as folder:
        soaked = soak(rounds, seed, Path(folder))
    run, resources = soaked.run, soaked.resources
    planned = [planned.id for planned in run.info.trials]
    print(f"{len(run.records)} records of {len(planned)} trials: {dict(Counter(each.status for each in run.records))}")
    print(f"strikes: {dict(sorted(soaked.strikes.items()))}")
    early, late = resources[len(resources) // 10], resources[-1]
    print(f"descriptors {early.descriptors} → {late.descriptors}")
    print(f"memory {early.rss_bytes / 2**20:.1f} → {late.rss_bytes / 2**20:.1f} MiB")
    is_good = [each.trial for each in run.records] == planned and late.descriptors <= early.descriptors
    sys.exit(0 if is_good and late.rss_bytes < 1.1 * early.rss_bytes else 1)


if __name__ == "__main__":
    main(*(int(text) for text in [*sys.argv[1:], "16", "1"][:2]))
