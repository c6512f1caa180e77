#!/usr/bin/env bash
# Renders the comments of the runs below RUNS, which a job of a pull request has left. Whatever they hold is data, and
# their words are shown as text; what they measured is theirs to say. The output comments is the folder, empty when there
# are none.
set -euo pipefail

most=8
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
comments=$(mktemp -d "$RUNNER_TEMP/harness-XXXXXX")
number=0
while read -r -d '' file; do
    ((++number <= most)) || { echo "::warning title=harness::only $most runs are told" && break; }
    comment=$comments/$number.md
    bash "$here/without_commands.sh" timeout 5m "$RUNNER_TEMP/harness/bin/harness" report --format=github \
        "$(dirname "$file")" >"$comment" || true # which is how its limits ended, or it has said why there is no comment
    [[ -s $comment ]] || rm "$comment"
done < <(find "$RUNS" -maxdepth 2 -name run.json -type f -print0 | sort -z)
[[ -n $(ls "$comments") ]] || comments=
echo "comments=$comments" >>"$GITHUB_OUTPUT"
