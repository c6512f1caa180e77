"""The variables of the caller's environment that a preparation is not given, often the reason why it fails."""

import os
import re
from collections.abc import Sequence
from typing import Final

from harness.server.launch import build_environment

MAX_NAMED: Final = 6
# Variables that installers and compilers read: sources and proxies, their own folders, build flags.
READ_BY_TOOLS: Final = re.compile(
    r"(https?|ftp|all|no)_proxy|(ssl_cert|requests_ca|curl_ca|node|npm|pip|uv|poetry|conda|cargo|rustup|go|gem|bundle"
    r"|composer|java|maven|gradle|cmake|pkg_config)_?.*|xdg_(cache|config|data)_home|virtual_env|cc|cxx"
    r"|(c|cpp|cxx|ld|make|rust)flags|ld_library_path|ci",
    re.IGNORECASE,
)


def describe_withheld_variables(passed: Sequence[str]) -> str:
    """Return a sentence that names the variables that a preparation was given, and those that it might miss."""
    given = build_environment(passed)
    lacking = sorted(name for name in os.environ if READ_BY_TOOLS.fullmatch(name) and name not in given)
    such = f", such as {', '.join(lacking[:MAX_NAMED])}" if lacking else ""
    return f"of your environment it got {', '.join(given)} alone; prepare_pass_env names what else it is to get{such}"
