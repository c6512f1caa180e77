"""From where connections are opened."""

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.generator.spreading import can_spread, spread_addresses
from harness.load.spec import LoadShare


@given(ports=st.integers(1, 65_535), connections=st.integers(1, 3000), processes=st.integers(1, 5))
def test_no_address_is_taken_for_more_than_it_has_room_for(ports: int, connections: int, processes: int) -> None:
    taken: Counter[str | None] = Counter()
    for index in range(processes):
        mine = len(range(index, connections, processes))
        taken.update(islice(spread_addresses(LoadShare(index=index, of=processes), ports), mine))
    assert taken.total() == connections
    assert max(taken.values()) <= max(1, ports / 3)
    assert None in taken
    assert len(taken) <= connections / max(1, ports // 3) + 1


@pytest.mark.parametrize(
    ("host", "can"),
    [
        ("127.0.0.1", True),
        ("127.9.8.7", True),
        ("localhost", True),
        ("::1", False),
        ("10.0.0.1", False),
        ("x.y", False),
    ],
)
def test_who_can_be_connected_to_from_several_addresses(host: str, can: bool) -> None:
    assert can_spread(host) is can
