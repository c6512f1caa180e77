"""The harness's folder in the user's cache, by the XDG Base Directory Specification."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder, which need not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "harness"
