#!/usr/bin/env bash
# Measures the commits BASE and HEAD side by side. How that ended is the output code, and its meaning in a word the output
# verdict: the last step fails, not this one. The outputs run, artifact and comment are not written when there are none.
set -euo pipefail

verdict_of() { # exit code
    case $1 in
    0) echo passed ;;
    1) echo run-failed ;;
    2) echo usage-error ;;
    3) echo gate-failed ;;
    4) echo inconclusive ;;
    130) echo interrupted ;;
    *) echo crashed ;;
    esac
}

out=$(mktemp -d "$RUNNER_TEMP/harness-XXXXXX")
options=(--base="$BASE" --format=github --out="$out")
[[ -z $HEAD ]] || options+=(--head="$HEAD")
[[ -z $MAX_TIME ]] || options+=(--max-time="$MAX_TIME")
[[ $STRICT == false ]] || options+=(--strict)
while read -r limit; do
    [[ -z $limit ]] || options+=(--fail-on="$limit")
done <<<"$FAIL_ON"

code=0
"$RUNNER_TEMP/harness/bin/harness" ab "${options[@]}" "$SCENARIO" >"$out/comment.md" || code=$?

{
    echo "code=$code"
    echo "verdict=$(verdict_of "$code")"
    if [[ -e $out/latest ]]; then
        run=$(realpath "$out/latest")
        echo "run=$run"
        echo "artifact=harness-${run##*/}"
    fi
    if [[ -s $out/comment.md ]]; then
        echo "comment=$out/comment.md"
    fi
} >>"$GITHUB_OUTPUT"
