#!/usr/bin/env bash
# Installs the harness into $RUNNER_TEMP/harness, a virtual environment of its own by PYTHON: the job's Python, which the
# service may need as it is, is not touched. Nothing of the checkout, in which this runs, is imported.
#
# Writes what the step that comments is to run, before the code of the pull request runs: the digest of its program, and
# its Python, which is the system's where that is new enough, since nobody but root changes it.
set -euo pipefail
unset PYTHONHOME PYTHONPATH
export PYTHONSAFEPATH=1 PYTHONNOUSERSITE=1

root=$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")
system=/usr/bin/python3
new_enough='import ssl, sys; sys.exit(sys.version_info < (3, 11))'
digest=$(sha256sum "$root/action/post_comment.py")
{
    echo "digest=${digest%% *}"
    if "$system" -I -S -c "$new_enough" 2>/dev/null; then echo "python=$system"; else echo "python=$PYTHON"; fi
} >>"$GITHUB_OUTPUT"

"$PYTHON" -m venv "$RUNNER_TEMP/harness"
"$RUNNER_TEMP/harness/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint "$root/constraints.txt" "$root"
