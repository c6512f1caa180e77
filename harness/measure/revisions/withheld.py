"""What a preparation was not given of the caller's environment, which is often why it fails."""

import os
import re
from collections.abc import Sequence
from typing import Final

from harness.server.launch import environment_with

MOST_NAMED: Final = 6
# What installers and compilers read: where to fetch from and by which proxy, where they live, how to build.
READ_BY_TOOLS: Final = re.compile(
    r"(https?|ftp|all|no)_proxy|(ssl_cert|requests_ca|curl_ca|node|npm|pip|uv|poetry|conda|cargo|rustup|go|gem|bundle"
    r"|composer|java|maven|gradle|cmake|pkg_config)_?.*|xdg_(cache|config|data)_home|virtual_env|cc|cxx"
    r"|(c|cpp|cxx|ld|make|rust)flags|ld_library_path|ci",
    re.IGNORECASE,
)


def what_was_withheld(passed: Sequence[str]) -> str:
    """Return what it was given alone, and what it might miss, in a sentence."""
    given = environment_with(passed)
    lacking = sorted(name for name in os.environ if READ_BY_TOOLS.fullmatch(name) and name not in given)
    such = f", such as {', '.join(lacking[:MOST_NAMED])}" if lacking else ""
    return f"of your environment it got {', '.join(given)} alone; prepare_pass_env names what else it is to get{such}"
