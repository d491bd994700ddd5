"""A figure of panels, and its files."""

from importlib import import_module
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure, SubFigure
from matplotlib.text import Text

from ...tables import replacing
from .style import COLUMN_WIDTH, SETTINGS

# Without these a file differs from one minute, or version, to the next.
_METADATA = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


def compose(panels: list[tuple[str, pd.DataFrame]], nats: list[bool] | None = None) -> Figure:
    """Draw panels below each other, at the width of a column; more than one get letters.

    Parameters
    ----------
    panels
        Names of panels, each with its table.
    nats
        Whether the losses of each panel are cross entropies, whose unit is nats; None for all.
    """
    drawing = [import_module(f".{name}", __package__) for name, _ in panels]
    heights = [module.height(table) for module, (_, table) in zip(drawing, panels, strict=True)]
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(COLUMN_WIDTH, sum(heights)), layout="constrained")
        canvases = figure.subfigures(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0]
        for i, (module, (_, table)) in enumerate(zip(drawing, panels, strict=True)):
            module.draw(canvases[i], table)
            if nats and not nats[i]:
                _remove_unit(canvases[i])
            if len(panels) > 1:
                canvases[i].text(
                    0.005, 0.995, f"({chr(ord('a') + i)})", ha="left", va="top", weight="bold"
                )
    return figure


def _remove_unit(canvas: SubFigure) -> None:
    """Remove the unit of cross entropies from all labels."""
    for text in canvas.findobj(Text):
        text.set_text(text.get_text().replace(" (nats)", "").replace(", nats)", ")"))


def save(figure: Figure, paths: list[Path]) -> None:
    """Save a figure as its paths' suffixes say; the same figure gives the same bytes.

    Raises
    ------
    TableError
        A file cannot be written.
    """
    with mpl.rc_context(SETTINGS):
        for path in paths:
            kind = path.suffix.lstrip(".")
            with replacing(path) as temporary:
                figure.savefig(temporary, format=kind, metadata=_METADATA[kind])
