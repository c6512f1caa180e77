"""The programs of the catalogue: where they are, and the versions that they tell."""

from pathlib import Path
from typing import Final

from bench.tools import asked

INSTALLED: Final = Path("build/servers").absolute()  # by ./install

NUMBER: Final = r"(\d+\.\d[\w.]*)"
QUESTIONS: Final = {
    "apache2": "apache2 -v",
    "caddy": "caddy version",
    "daphne": "python -m pip show daphne",
    "granian": "granian --version",
    "gunicorn": "gunicorn --version",
    "haproxy": "haproxy -v",
    "hypercorn": "python -m pip show hypercorn",
    "lighttpd": "lighttpd -v",
    "nginx": "nginx -v",
    "node": "node --version",
    "php": "php --version",
    "php-fpm": "php-fpm --version",
    "pm2-runtime": f"node --print 'require(\"{INSTALLED}/node/node_modules/pm2/package.json\").version'",
    "puma": "puma --version",
    "unicorn": "unicorn --version",
    "uvicorn": "uvicorn --version",
    "uwsgi": "uwsgi --version",
    "waitress-serve": "python -m pip show waitress",
}


def version_of(program: str) -> str:
    """Return the version of a program on the PATH, or "unknown"."""
    return asked(QUESTIONS[program], NUMBER)()
