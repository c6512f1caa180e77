#!/usr/bin/env bash
# Checks the switches STRICT and COMMENT, finds the commits that BASE and HEAD name, and fetches those that the checkout
# lacks. Writes the outputs base and head; an empty HEAD is the working tree, and stays empty.
#
# Objects are added to the checkout, and nothing else changes: no ref, no FETCH_HEAD, no setting, and its history is cut
# nowhere. That is why a complete checkout gets a commit with its history, and only a shallow one without.
set -euo pipefail
export GIT_TERMINAL_PROMPT=0

usage_error() {
    echo "::error title=harness::$1"
    exit 2
}

check_switch() { # name, value
    [[ $2 == true || $2 == false ]] || usage_error "$1: expected true or false, got $(printf %q "$2")"
}

refs_here() { # name: where the checkout has the tag or branch, in the order in which git prefers them
    case $1 in
    HEAD | refs/heads/* | refs/tags/*) echo "$1" ;;
    origin/*) echo "refs/remotes/$1" ;;
    *) printf '%s\n' "refs/tags/$1" "refs/heads/$1" "refs/remotes/origin/$1" ;;
    esac
}

refs_at_origin() { # name
    case $1 in
    refs/heads/* | refs/tags/*) echo "$1" ;;
    origin/*) echo "refs/heads/${1#origin/}" ;;
    *) printf '%s\n' "refs/tags/$1" "refs/heads/$1" ;;
    esac
}

commit_here() { # name, steps back from it
    local name
    for name in $(refs_here "$1"); do
        git rev-parse --verify --quiet "$name^{commit}$2" && return
    done
    [[ $1 =~ ^[0-9a-f]{4,64}$ ]] && git rev-parse --verify --quiet "$1^{commit}$2"
}

object_at_origin() { # name
    local name listed
    if [[ $1 =~ ^([0-9a-f]{40}|[0-9a-f]{64})$ ]]; then
        echo "$1"
        return
    fi
    # shellcheck disable=SC2046 # no name of a ref has a space or a pattern in it
    listed=$(timeout 1m git ls-remote --quiet -- origin $(refs_at_origin "$1"))
    for name in $(refs_at_origin "$1"); do
        awk -v name="$name" '$2 == name { print $1; found = 1 } END { exit !found }' <<<"$listed" && return
    done
}

fetch() { # object
    local depth=()
    [[ $(git rev-parse --is-shallow-repository) == false ]] || depth=(--depth=1)
    timeout 10m git fetch --quiet "${depth[@]}" --no-tags --no-write-fetch-head --no-recurse-submodules -- origin "$1" >&2
}

commit_of() { # name of a commit, branch or tag, and nothing else that git takes, with steps back from it: main, HEAD~2
    local name=${1%%[~^]*} object
    local steps=${1#"$name"}
    [[ $steps =~ ^([~^][0-9]*)*$ ]] && git check-ref-format "refs/heads/$name" || return
    commit_here "$name" "$steps" || { object=$(object_at_origin "$name") && fetch "$object" && commit_here "$object" "$steps"; }
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
