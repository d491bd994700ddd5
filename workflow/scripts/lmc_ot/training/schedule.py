"""The learning-rate schedule of the published code: linear warm-up, then cosine decay."""

import math


def warmup_cosine(
    step: int, peak: float, steps: int, warmup_steps: int, initial: float = 1e-6
) -> float:
    """Return the learning rate of a step: linear from `initial` to `peak`, then a cosine to 0.

    Parameters
    ----------
    step
        Number of the step, from 0. The rate is `peak` at `warmup_steps` and 0 at `steps`.
    peak
        The learning rate of the config.
    steps
        Number of steps of the whole run.
    warmup_steps
        Number of steps of the warm-up.
    initial
        The learning rate of step 0.
    """
    if step < warmup_steps:
        return initial + (peak - initial) * step / warmup_steps
    progress = min((step - warmup_steps) / max(steps - warmup_steps, 1), 1.0)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))
