#!/usr/bin/env bash
# Runs a command whose output may have words of strangers in it, which the runner would take for commands.
set -euo pipefail

word=$(od -A n -N 16 -t x1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$word" >&2
code=0
"$@" || code=$?
echo "::$word::" >&2
exit "$code"
