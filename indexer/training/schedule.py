"""The learning rate over the steps of a training. Reads and writes nothing."""

import math
from collections.abc import Sequence

_WARM_UP = 100  # steps, or a twentieth of them all


def rate_factor(cycles: Sequence[int], step: int, steps_a_pass: int) -> float:
    """What the learning rate is multiplied with at a step.

    Linear warm-up, then cosine cycles (Loshchilov and Hutter 2017) of so many passes, each to a hundredth of
    its start, which is half that of the cycle before.
    """
    warm_up = max(min(_WARM_UP, sum(cycles) * steps_a_pass // 20), 1)
    factor, start = min(1.0, (step + 1) / warm_up), 0
    for passes in cycles[:-1]:
        if step < start + passes * steps_a_pass:
            break
        factor, start = factor / 2, start + passes * steps_a_pass
    else:
        passes = cycles[-1]
    cosine = 0.5 * (1 + math.cos(math.pi * (step - start) / (passes * steps_a_pass)))
    return factor * (0.01 + 0.99 * cosine)
