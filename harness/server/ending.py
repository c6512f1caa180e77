"""Why a server did not stay, and what to do about it, as far as what it wrote and what it left behind tell."""

import contextlib
import os
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil

MOST_NAMED: Final = 3  # of the processes that went on

# How well-known programs are kept in the foreground.
FOREGROUND: Final = {
    re.compile(pattern): how
    for pattern, how in {
        r"nginx|openresty": "with -g 'daemon off;'",
        r"apache2?|httpd|apache2?ctl": "with -DFOREGROUND",
        r"php-fpm[\d.]*": "with --nodaemonize",
        r"gunicorn": "without --daemon or -D",
        r"uwsgi.*": "without --daemonize, in its configuration too",
        r"pm2": "with pm2-runtime in the place of pm2",
        r"redis-server": "with --daemonize no",
        r"haproxy": "with -db",
        r"lighttpd": "with -D",
        r"caddy": "with caddy run in the place of caddy start",
        r"puma|thin": "without -d or --daemonize",
        r"unicorn(_rails)?": "without -D",
        r"varnishd": "with -F",
        r"supervisord": "with -n",
        r"catalina\.sh|startup\.sh": "with catalina.sh run",
        r"start-stop-daemon": "without --background",
        r"systemctl|service|docker|podman": "by its own command: what others start for it can't be watched",
    }.items()
}
IN_GENERAL: Final = "without an option such as --daemon, and with no & behind its command"

_NOT_HANDED_ON: Final = (
    "of your environment it got PATH, HOME and the like alone: pass_env (harness init --pass-env {0}) hands {0} on"
)
# What servers write as they end, and what that calls for; the first that fits is the cause.
CAUSES: Final = tuple(
    (re.compile(pattern), advice)
    for pattern, advice in (
        (
            r"No module named '?([\w.]+)",
            "the Python that ran it has no {0}: activate the environment that has it, or name the program there by"
            " path; your own modules are meant from the folder of the command",
        ),
        (r"Cannot find module '([./][^']*)'", "there is no {0}; files are meant from the folder of the command"),
        (r"Cannot find (?:module|package) '([^']+)'", "Node.js finds no {0}, which npm install may bring"),
        (
            r"(?i:address (?:already )?in use|EADDRINUSE)",
            "its port is taken: end who has it, or leave it open as {{port}}",
        ),
        (r"KeyError: '([A-Z][A-Z0-9_]*)'", _NOT_HANDED_ON),
        (
            r"\b([A-Z][A-Z0-9_]{2,})\b[\w\s\"'`]{0,30}\b(?:not set|unset|required|missing|undefined|must be)",
            _NOT_HANDED_ON,
        ),
        (r"(?i:environment variable)\W+([A-Z][A-Z0-9_]{2,})\b", _NOT_HANDED_ON),
        (r"(?i:permission denied|EACCES)", "it may not use a file, a folder or a port that it names"),
        (r"can't open file '([^']+)'", "there is no {0}; files are meant from the folder of the command"),
        (r"([\w./-]+): (?:command )?not found", "{0} is not on its PATH"),
    )
)


def why_it_ended(code: int, command: Sequence[str], guardian_pid: int, said: Sequence[str]) -> str:
    """Return what became of a server whose launched process ended with this exit code (of a signal, negative); ``said``
    is what it wrote of that."""
    if code < 0:
        return f"the server was killed by signal {-code}"
    left = _names_of(guardian_pid)
    if code == 0 and left:
        how = _in_the_foreground([*_programs_in(command), *left]) or IN_GENERAL
        named = ", ".join([*left[:MOST_NAMED], *(["others"] if len(left) > MOST_NAMED else [])])
        return (
            f"the server went to the background: what was launched ended with 0, and {named} went on;"
            f" start it in the foreground, {how}"
        )
    if code == 0:
        known = _in_the_foreground(_programs_in(command))
        return "the server exited with 0" + (f"; start it in the foreground, {known}" if known else "")
    advice = _advice(said)
    return f"the server exited with {code}" + (f": {advice}" if advice else "")


def why_it_did_not_start(error: str, program: str, root: str, env: Mapping[str, str]) -> str:
    """Return the system's own words with what they mean of a script, which it says in the same words as of others."""
    file = os.path.join(root, program) if os.sep in program else shutil.which(program, path=env.get("PATH"))
    line = _first_line(file) if file else ""
    if "Exec format error" in error:
        return f"{error}; its first line names no interpreter, such as #!/bin/sh, or it is a program for other machines"
    if "No such file" in error and line.startswith("#!"):
        return f"{error}; its first line names {line[2:].strip(' ')!r}, which is not there"
    return error


def _first_line(file: str) -> str:
    with contextlib.suppress(OSError), open(file, "rb") as script:
        return script.read(200).partition(b"\n")[0].decode(errors="replace")
    return ""


def _names_of(guardian_pid: int) -> list[str]:
    """The processes that went on, each name once."""
    names: dict[str, None] = {}
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(guardian_pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() != psutil.STATUS_ZOMBIE:
                    names[process.name()] = None
    return list(names)


def _programs_in(command: Sequence[str]) -> Iterator[str]:
    """Every word of the command that may be the name of a program, within a shell's script too."""
    for word in command:
        with contextlib.suppress(ValueError):
            yield from (Path(part.strip(";&")).name for part in shlex.split(word))


def _in_the_foreground(names: Iterable[str]) -> str | None:
    return next((how for name in names for known, how in FOREGROUND.items() if known.fullmatch(name)), None)


def _advice(said: Sequence[str]) -> str | None:
    text = "\n".join(said)
    for pattern, advice in CAUSES:
        if match := pattern.search(text):
            return advice.format(*match.groups())
    return None
