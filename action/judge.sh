#!/usr/bin/env bash
# Ends as the measurement did, with its exit code CODE.
set -euo pipefail

if [[ $VERDICT == inconclusive ]]; then
    echo "::warning title=harness::$VERDICT (exit code $CODE): no limit is known to be broken; the summary of the job has the figures"
    exit 0
fi
if ((CODE != 0)); then
    echo "::error title=harness::$VERDICT (exit code $CODE); the summary of the job has the figures"
fi
exit "$CODE"
