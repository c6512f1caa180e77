"""How amounts, rates and weights are written on the page."""

from typing import Final

MINUS: Final = "\N{MINUS SIGN}"


def euros(cents: int) -> str:
    """An amount such as `€1,234.50`, with a true minus sign when it is negative."""
    whole, rest = divmod(abs(cents), 100)
    return f"{MINUS if cents < 0 else ''}€{whole:,}.{rest:02d}"


def percent(rate_bp: int) -> str:
    """A rate in basis points such as `12.50 %`."""
    whole, rest = divmod(rate_bp, 100)
    return f"{whole}.{rest:02d} %"


def kilograms(weight_g: int) -> str:
    """A weight such as `1.250 kg`."""
    whole, rest = divmod(weight_g, 1000)
    return f"{whole}.{rest:03d} kg"
