"""Learning rates over the steps of a run: linear warm-up, then a cosine (published code)."""

import math


def warmup_cosine(
    step: int, peak: float, steps: int, warmup_steps: int, initial: float = 1e-6
) -> float:
    """Learning rate of a step: linear from `initial` to `peak`, then a half cosine to 0.

    Parameters
    ----------
    step
        From 0. The peak is reached at `warmup_steps`, 0 at `steps`.
    peak
        The learning rate of the sweep.
    steps
        Steps of the whole run.
    """
    if step < warmup_steps:
        return initial + (peak - initial) * step / warmup_steps
    progress = min((step - warmup_steps) / max(steps - warmup_steps, 1), 1.0)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))
