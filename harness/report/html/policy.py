"""The policy of the page: it may run its own scripts, to the letter, and nothing else."""

import base64
import hashlib
from collections.abc import Iterable


def content_security_policy(scripts: Iterable[str]) -> str:
    """Return the policy for a meta element: nothing is fetched from anywhere, and no script runs but these.

    Styles have to be allowed inline, since Bokeh writes its own as it draws; so have images in data: URLs, which the
    icons of its tools are.
    """
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:;"
        " connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
