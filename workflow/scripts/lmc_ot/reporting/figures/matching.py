"""The matching as the paper's schematic: two networks, unit by unit, before and after."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.patches import Rectangle

from . import style

# In units of the side of a unit's image.
UNIT = 1.0
STEP = 1.25
STRIP = 0.85
GAP = 0.12


def height(table: pd.DataFrame) -> float:
    """Inches."""
    units = (table["network"] == "A").sum()
    return 0.4 + 0.29 * units


def draw(canvas: SubFigure, table: pd.DataFrame) -> None:
    """Draw the table of `panels.matching`."""
    before, after = canvas.subplots(1, 2, sharey=True)
    _draw_pair(before, table, "unit", "before: A and B")
    _draw_pair(after, table, "matched_place", "after: A and $\\pi$(B)")


def _draw_pair(axes: Axes, table: pd.DataFrame, place: str, title: str) -> None:
    units = int(table["unit"].max()) + 1
    left, right = 0.0, 4.6
    for network, x in (("A", left), ("B", right)):
        for row in table[table["network"] == network].itertuples():
            colour = _colour(row.matched_place)
            _draw_unit(axes, row, x, -STEP * getattr(row, place), colour, network == "B")
    ends = table[table["network"] == "B"]
    for row in ends.itertuples():
        axes.plot(
            [left + UNIT + STRIP + 2 * GAP, right - STRIP - 2 * GAP],
            [-STEP * row.matched_place, -STEP * getattr(row, place)],
            color=_colour(row.matched_place),
            linewidth=1.2,
            solid_capstyle="round",
        )
    axes.set_title(title, pad=3)
    axes.set_xlim(left - 0.65, right + UNIT + 0.15)
    axes.set_ylim(-STEP * (units - 1) - 0.65, 0.65)
    axes.set_aspect("equal")
    axes.axis("off")


def _draw_unit(axes: Axes, row, x: float, y: float, colour: str, mirrored: bool) -> None:
    """A unit centred at height y: its incoming weights as an image, its outgoing ones beside."""
    incoming = np.array(row.incoming.split(), float).reshape(row.height, row.width)
    outgoing = np.array(row.outgoing.split(), float)
    for values, edge, width in (
        (incoming, x, UNIT),
        (outgoing[None, :], x - STRIP - GAP if mirrored else x + UNIT + GAP, STRIP),
    ):
        tall = UNIT if width == UNIT else 0.36
        limit = np.abs(values).max() or 1.0
        axes.imshow(
            values, cmap="PuOr", vmin=-limit, vmax=limit, interpolation="nearest",
            extent=(edge, edge + width, y - tall / 2, y + tall / 2), zorder=2,
        )  # fmt: skip
    axes.add_patch(
        Rectangle((x, y - UNIT / 2), UNIT, UNIT, fill=False, edgecolor=colour, linewidth=1.6,
                  zorder=3)
    )  # fmt: skip


def _colour(place: int) -> str:
    return [*style.PALETTE, style.GREY, "black"][place % (len(style.PALETTE) + 2)]
