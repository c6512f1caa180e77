"""Settings for gunicorn (`-c servers/shared_folder.py`): a folder that all workers of one start share.

It is made anew for each start and gone at its end, unless somebody kills the supervisor. The workers are told of files
in it by environment variables, of which those that are set already stay as they are.
"""

import os
import shutil
import tempfile
from typing import Final

FILES: Final = {"CART_DB": "cart.db", "LOCK_FILE": "lock"}
FOLDER: Final = tempfile.mkdtemp(prefix="shared-")

raw_env = [f"{name}={os.environ.get(name, os.path.join(FOLDER, file))}" for name, file in FILES.items()]


def on_exit(_: object) -> None:
    """Called in the supervisor, when the last worker has ended."""
    shutil.rmtree(FOLDER)
