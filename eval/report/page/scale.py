"""Numbers to places on a drawing, and the ticks of an axis. Numbers in, numbers out."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """`low` to `high` (different, and above 0 where logarithmic) is drawn from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Where `value` is drawn, to a tenth; what is outside is drawn at the edge."""
        low, high, value = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return round(self.start + (value - low) / (high - low) * (self.end - self.start), 1)


def list_powers(low: float, high: float) -> list[float]:
    """The ticks of a logarithmic axis: 1, 2 and 5 times powers of ten, from `low` to `high`."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks = [step * 10.0**power for power in range(first, last + 1) for step in (1, 2, 5)]
    return [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]


def format_tick(value: float) -> str:
    """A number without needless digits."""
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
