#!/usr/bin/env bash
# Checks the switches STRICT and COMMENT, finds the commits that BASE and HEAD name, and fetches those that the checkout
# lacks. Writes the outputs base and head; an empty HEAD is the working tree, and stays empty.
set -euo pipefail

usage_error() {
    echo "::error title=harness::$1"
    exit 2
}

check_switch() { # name, value
    [[ $2 == true || $2 == false ]] || usage_error "$1: expected true or false, got $(printf %q "$2")"
}

commit_of() { # name
    git rev-parse --verify --quiet --end-of-options "$1^{commit}" && return
    git fetch --quiet --no-tags --depth=1 -- origin "$1" >&2 && git rev-parse --verify --quiet "FETCH_HEAD^{commit}"
}

check_switch strict "$STRICT"
check_switch comment "$COMMENT"
[[ -n $BASE ]] || usage_error "base: has to be given where there is no pull request to take it from"
base=$(commit_of "$BASE") || usage_error "base: no such commit, branch or tag here or at origin: $(printf %q "$BASE")"
head=
if [[ -n $HEAD ]]; then
    head=$(commit_of "$HEAD") || usage_error "head: no such commit, branch or tag here or at origin: $(printf %q "$HEAD")"
fi
{
    echo "base=$base"
    echo "head=$head"
} >>"$GITHUB_OUTPUT"
