"""The Django shop of the repository, as it can be run here: root's PostgreSQL has to be another user's."""

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
AS_POSTGRES: Final = "setpriv --reuid postgres --regid postgres --clear-groups"


def path_with_postgres() -> str:
    """The PATH with the programs of PostgreSQL, where Debian keeps them, and of nginx."""
    folders = [str(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin")]
    return os.pathsep.join([os.environ["PATH"], *folders, "/usr/sbin"])


def shop_text(mark: str | None = None) -> str:
    """The scenario, with a variable that is handed on to all of its processes."""
    text = (ROOT / "scenarios" / "shop.toml").read_text()
    text = text.replace('"nginx.conf.j2"', f'"{ROOT / "scenarios" / "nginx.conf.j2"}"')
    if os.geteuid() == 0:
        for line in text.splitlines():
            key, _, words = line.partition(" = ")
            if key in ("prepare", "command") and ('"initdb"' in words or '"postgres", "-D"' in words):
                plain = words.strip("[]").replace('"', "").replace(",", "")
                owned = "chown postgres {folder} && " if key == "prepare" else ""
                text = text.replace(line, f'{key} = ["sh", "-c", "{owned}exec {AS_POSTGRES} {plain}"]')
    if mark is not None:
        text = text.replace("env = {", f'pass_env = ["{mark}"]\nenv = {{')
    return text
