"""The cause of a server's end, or of its failed start, and advice: from its exit code, its log and its processes."""

import contextlib
import os
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil

MAX_NAMED: Final = 3  # processes that still run, named in a message

# How well-known programs are kept in the foreground, by a pattern of their names.
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
FOREGROUND_DEFAULT: Final = "without an option such as --daemon, and with no & behind its command"

_NOT_HANDED_ON: Final = (
    "of your environment it got PATH, HOME and the like alone: pass_env (harness init --pass-env {0}) hands {0} on"
)
# A pattern of what servers write as they end, and the advice for it. The first pattern that matches is the cause.
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


def explain_exit(code: int, command: Sequence[str], guardian_pid: int, said: Sequence[str]) -> str:
    """Return why the server is gone, with advice where there is some.

    ``code`` is the exit code of the launched process, negative for a signal. ``said`` are the lines that the server
    wrote about its failure.
    """
    if code < 0:
        return f"the server was killed by signal {-code}"
    left = _find_survivors(guardian_pid)
    if code == 0 and left:
        how = _find_foreground_advice([*_iter_program_names(command), *left]) or FOREGROUND_DEFAULT
        named = ", ".join([*left[:MAX_NAMED], *(["others"] if len(left) > MAX_NAMED else [])])
        return (
            f"the server went to the background: what was launched ended with 0, and {named} went on;"
            f" start it in the foreground, {how}"
        )
    if code == 0:
        known = _find_foreground_advice(_iter_program_names(command))
        return "the server exited with 0" + (f"; start it in the foreground, {known}" if known else "")
    advice = _find_advice(said)
    return f"the server exited with {code}" + (f": {advice}" if advice else "")


def explain_start_failure(error: str, program: str, root: str, env: Mapping[str, str]) -> str:
    """Return the system's error text, explained where ``program`` is a script.

    The system reports a missing interpreter as if the script itself were missing.
    """
    file = os.path.join(root, program) if os.sep in program else shutil.which(program, path=env.get("PATH"))
    line = _read_first_line(file) if file else ""
    if "Exec format error" in error:
        return f"{error}; its first line names no interpreter, such as #!/bin/sh, or it is a program for other machines"
    if "No such file" in error and line.startswith("#!"):
        return f"{error}; its first line names {line[2:].strip(' ')!r}, which is not there"
    return error


def _read_first_line(file: str) -> str:
    with contextlib.suppress(OSError), open(file, "rb") as script:
        return script.read(200).partition(b"\n")[0].decode(errors="replace")
    return ""


def _find_survivors(guardian_pid: int) -> list[str]:
    """Return the names of the guardian's descendants that still run, each once."""
    names: dict[str, None] = {}
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(guardian_pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() != psutil.STATUS_ZOMBIE:
                    names[process.name()] = None
    return list(names)


def _iter_program_names(command: Sequence[str]) -> Iterator[str]:
    """Yield every word of the command that may name a program, also those within a shell's script."""
    for word in command:
        with contextlib.suppress(ValueError):
            yield from (Path(part.strip(";&")).name for part in shlex.split(word))


def _find_foreground_advice(names: Iterable[str]) -> str | None:
    return next((how for name in names for pattern, how in FOREGROUND.items() if pattern.fullmatch(name)), None)


def _find_advice(said: Sequence[str]) -> str | None:
    text = "\n".join(said)
    for pattern, advice in CAUSES:
        if match := pattern.search(text):
            return advice.format(*match.groups())
    return None
