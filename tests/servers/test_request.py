"""Which cart ids are accepted."""

import pytest

from servers.cart.request import parse_cart_id


@pytest.mark.parametrize(("values", "cart_id"), [([], 1), (["1"], 1), (["42"], 42), (["1000000"], 1_000_000)])
def test_good_ids(values: list[str], cart_id: int) -> None:
    assert parse_cart_id(values) == cart_id


@pytest.mark.parametrize(
    "values",
    [
        [""],
        ["0"],
        ["-1"],
        ["+1"],
        ["01"],
        ["1.0"],
        ["1e3"],
        ["1_0"],
        [" 1"],
        ["1\n"],
        ["one"],
        ["\N{ARABIC-INDIC DIGIT ONE}"],
        ["1000001"],
        ["9" * 5_000],
        ["1", "1"],
    ],
)
def test_bad_ids(values: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^id must be one whole number from 1 to 1000000$"):
        parse_cart_id(values)
