"""The memory that a server frees, and what glibc's malloc does with it.

As it comes, malloc gives the top of the heap and large blocks back to the kernel, and takes memory again page by page
for the next response. Its thresholds move with the sizes that it has seen, so that launches of one server differ.
"keep" sets both of them, which stops that: setting the first alone would leave the second at 128 KiB, and cost more
than it saves (``mallopt(3)``, M_TRIM_THRESHOLD and M_MMAP_THRESHOLD).
"""

from typing import Final, Literal

Malloc = Literal["default", "keep"]
MallocChoice = Literal["default", "keep", "both"]  # of a run: both, to compare the two
KEEPING_VARIABLES: Final = {"MALLOC_TRIM_THRESHOLD_": "268435456", "MALLOC_MMAP_THRESHOLD_": "33554432"}  # bytes


def malloc_variables(malloc: Malloc) -> dict[str, str]:
    """Return the variables that a server gets for this malloc."""
    return dict(KEEPING_VARIABLES) if malloc == "keep" else {}
