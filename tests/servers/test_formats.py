"""Amounts, rates and weights as text."""

import pytest

from servers.cart.formats import euros, kilograms, percent


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (0, "€0.00"),
        (5, "€0.05"),
        (1_299, "€12.99"),
        (99_999, "€999.99"),
        (100_000, "€1,000.00"),
        (123_456_789, "€1,234,567.89"),
        (-1_050, "\N{MINUS SIGN}€10.50"),
    ],
)
def test_euros(cents: int, text: str) -> None:
    assert euros(cents) == text


@pytest.mark.parametrize(("rate_bp", "text"), [(0, "0.00 %"), (1_250, "12.50 %"), (10_000, "100.00 %")])
def test_percent(rate_bp: int, text: str) -> None:
    assert percent(rate_bp) == text


@pytest.mark.parametrize(("weight_g", "text"), [(85, "0.085 kg"), (1_250, "1.250 kg"), (40_000, "40.000 kg")])
def test_kilograms(weight_g: int, text: str) -> None:
    assert kilograms(weight_g) == text
