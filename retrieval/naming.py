"""The first few of many names, for a message of one line. Reads nothing, writes nothing."""

from collections.abc import Sequence

_NAMED = 3


def name_first(names: Sequence[str]) -> str:
    """Up to three names, and "…" where there are more."""
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
