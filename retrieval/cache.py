"""What was computed lately. Holds it in memory; reads and writes nothing."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """The values that were used last, as many as weigh `most` together. May be shared by threads."""

    def __init__(self, most: int, weigh: Callable[[K, V], int] = lambda *_: 1) -> None:
        self._most = most
        self._weigh = weigh
        self._weight = 0
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def weight(self) -> int:
        """Of all that is held."""
        return self._weight

    def get(self, key: K) -> V | None:
        """What was kept under the key, if it still is."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def keep(self, key: K, value: V) -> None:
        """Hold a value, and let go of those that were not used for longest."""
        with self._lock:
            if key not in self._values:
                self._values[key] = value
                self._weight += self._weigh(key, value)
            while self._weight > self._most:
                self._weight -= self._weigh(*self._values.popitem(last=False))
