#!/usr/bin/env bash
# Measures the commits BASE and HEAD side by side. How that ended is the output code, and its meaning in a word the output
# verdict: the last step fails, not this one. The outputs run, artifact and comment are empty when there are none.
#
# The code of the pull request runs here. What it prints is no command to the runner, and what it wrote into the files by
# which a step sets variables, paths and outputs of later ones is thrown away.
set -euo pipefail

verdict_of() { # exit code
    case $1 in
    0) echo passed ;;
    1) echo run-failed ;;
    2) echo usage-error ;;
    3) echo gate-failed ;;
    4) echo inconclusive ;;
    5) echo not-measured ;;
    130) echo interrupted ;;
    *) echo crashed ;;
    esac
}

here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
out=$(mktemp -d "$RUNNER_TEMP/harness-XXXXXX")
options=(--base="$BASE" --format=github --out="$out")
[[ -z $HEAD ]] || options+=(--head="$HEAD")
[[ -z $MAX_TIME ]] || options+=(--max-time="$MAX_TIME")
[[ -z $INTERLEAVE ]] || options+=(--interleave="$INTERLEAVE")
[[ -z $MALLOC ]] || options+=(--malloc="$MALLOC")
[[ $STRICT == false ]] || options+=(--strict)
while read -r limit; do
    [[ -z $limit ]] || options+=(--fail-on="$limit")
done <<<"$FAIL_ON"

code=0
bash "$here/without_commands.sh" \
    "$RUNNER_TEMP/harness/bin/harness" ab "${options[@]}" "$SCENARIO" >"$out/comment.md" || code=$?

run='' artifact='' comment=''
if [[ -e $out/latest ]]; then
    run=$(realpath "$out/latest")
    [[ $run == "$out"/* && ${run##*/} =~ ^[[:alnum:]._+-]+$ ]] || run=
    artifact=${run:+harness-${run##*/}}
fi
[[ ! -s $out/comment.md ]] || comment=$out/comment.md

for file in "${GITHUB_ENV:-}" "${GITHUB_PATH:-}" "${GITHUB_STATE:-}" "$GITHUB_OUTPUT"; do
    [[ -z $file ]] || : >"$file"
done
{
    echo "code=$code"
    echo "verdict=$(verdict_of "$code")"
    echo "run=$run"
    echo "artifact=$artifact"
    echo "comment=$comment"
} >>"$GITHUB_OUTPUT"
