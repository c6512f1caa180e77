#!/usr/bin/env bash
# Installs the harness into $RUNNER_TEMP/harness, a virtual environment of its own by PYTHON: the job's Python, which the
# service may need as it is, is not touched.
set -euo pipefail

"$PYTHON" -m venv "$RUNNER_TEMP/harness"
"$RUNNER_TEMP/harness/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint "$GITHUB_ACTION_PATH/constraints.txt" "$GITHUB_ACTION_PATH"
