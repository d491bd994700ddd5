"""Loss barrier at the midpoint over all pairs of networks, with bootstrap intervals."""

import pandas as pd

from .all_pairs import by_setting, summarise
from .lmc_error import ENDPOINTS


def tabulate(
    sources: dict[str, list[str]],
    published: None,
    experiment: str,
    split: str,
    resamples: int,
    confidence: float,
) -> pd.DataFrame:
    """Return the table of `all_pairs.tabulate` for errors minus the mean loss of the endpoints."""
    settings = (
        (setting, errors.drop(columns=ENDPOINTS).sub(errors[ENDPOINTS], axis=0), drawn)
        for setting, errors, drawn in by_setting(sources["midpoints"], split, resamples)
    )
    return summarise(settings, confidence)
