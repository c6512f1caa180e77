#!/usr/bin/env bash
# Ends as the measurement did, with its exit code CODE.
set -euo pipefail

if ((CODE != 0)); then
    echo "::error title=harness::$VERDICT (exit code $CODE); the summary of the job has the figures"
fi
exit "$CODE"
