"""The search for port, Unix socket and number of workers in a command and its environment.

There a scenario has placeholders.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Final

from harness.scenario.topology import LOOPBACK

TAKES_WORKERS: Final = {"gunicorn", "uvicorn", "hypercorn", "granian"}

_WORKERS: Final = re.compile(r"(?P<option>--workers=|-w=?)(?P<number>\d+)", re.ASCII)
_OPTION: Final = re.compile(r"(?P<option>[^=]+)=|(?P<letter>-[A-Za-z])(?=\d)", re.ASCII)
_SPEAKS_OF_A_PORT: Final = re.compile(r"(?<![a-z])port(?![a-z])|Port(?![a-z])|PORT|bind|listen|addr|^-[pbl]$")


def with_workers(command: Sequence[str]) -> tuple[list[str], int | None]:
    """Return the command with a placeholder for the number of workers, and that number.

    The number is None, and the command unchanged, if no known option gives it.
    """
    words = list(command)
    if TAKES_WORKERS.isdisjoint(PurePath(word).name for word in words):
        return words, None
    for at, word in enumerate(words):
        follows = at > 0 and words[at - 1] in ("-w", "--workers")
        match = re.fullmatch(r"(?P<option>)(?P<number>\d+)", word, re.ASCII) if follows else _WORKERS.fullmatch(word)
        if match:
            words[at] = match["option"] + "{workers}"
            return words, int(match["number"])
    return words, None


def with_port(command: Sequence[str], env: Mapping[str, str], port: int) -> tuple[list[str], dict[str, str]]:
    """Return command and environment with a placeholder for the port.

    It is set wherever the number follows a colon, or an option or variable whose name suggests a port. If there is no
    such place, it is set where the number stands, provided that is in one place only. Else it is not clear which one is
    meant, and both are unchanged.
    """
    named = [*zip(["", *command[:-1]], command, strict=True), *env.items()]
    before = [text for _, text in named]
    after = [_insert_placeholder(text, _certain_pattern(option, text, port)) for option, text in named]
    if after == before and sum(len(_bare_pattern(port).findall(text)) for text in before) == 1:
        after = [_insert_placeholder(text, _bare_pattern(port)) for text in before]
    return after[: len(command)], dict(zip(env, after[len(command) :], strict=True))


def with_unix_socket(command: Sequence[str], env: Mapping[str, str], path: str) -> tuple[list[str], dict[str, str]]:
    """Return command and environment with a placeholder for each mention of the Unix socket: its whole path, or the
    one relative to the working folder."""
    relative = rf"(?<![\w./-])(?:\./)?{re.escape(os.path.relpath(path))}"
    place = re.compile(rf"(?:(?<![\w.-]){re.escape(path)}|{relative})(?![\w./-])")
    words = [place.sub("{unix_socket}", word) for word in command]
    return words, {name: place.sub("{unix_socket}", value) for name, value in env.items()}


def _insert_placeholder(text: str, place: re.Pattern[str]) -> str:
    return place.sub(lambda match: "{host}:{port}" if match["host"] else "{port}", text)


def _certain_pattern(option: str, text: str, port: int) -> re.Pattern[str]:
    """Return the pattern of places in the text that certainly mean the port.

    ``option`` is the word before the text, or the name of the variable.
    """
    own = _OPTION.match(text)
    options = [option, *(own.groupdict(default="").values() if own else ())]
    return _bare_pattern(port) if any(map(_SPEAKS_OF_A_PORT.search, options)) else _port_pattern(r"(?<=:)", port)


def _bare_pattern(port: int) -> re.Pattern[str]:
    """Return the pattern of the number by itself, or after the letter of an option, as in ``-p8000``."""
    return _port_pattern(r"(?:(?<![\w.-])|(?<=^-[A-Za-z]))", port)


def _port_pattern(before: str, port: int) -> re.Pattern[str]:
    """Return the pattern of the port after ``before``, with the loopback address in front of it if that is there."""
    return re.compile(rf"(?P<host>(?<![\w.-]){re.escape(LOOPBACK)}:)?{before}{port}(?![\w.-])")
