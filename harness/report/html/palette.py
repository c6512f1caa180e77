"""The colours that the page and its charts share, by day and by night."""

from dataclasses import dataclass
from typing import Final

from harness.report.charts import style


@dataclass(frozen=True)
class Shade:
    """One colour, on light paper and on dark."""

    light: str
    dark: str


PAPER: Final = Shade("#FFFFFF", "#15181C")
INK: Final = Shade("#1B1F24", "#E4E7EB")
MUTED: Final = Shade(style.MUTED, "#9DA4AE")
RULE: Final = Shade("#DDDDDD", "#363C44")

# The pictures' own, of which two are too dark for dark paper.
AT_NIGHT: Final = {"#000000": "#F5F5F5", "#0072B2": "#3D9AD9"}
LOOKS: Final = [Shade(colour, AT_NIGHT.get(colour, colour)) for colour in style.COLOURS]

# As the style sheet knows them.
SHADES: Final = {
    "paper": PAPER,
    "ink": INK,
    "muted": MUTED,
    "rule": RULE,
    **{f"look-{index}": shade for index, shade in enumerate(LOOKS)},
}
