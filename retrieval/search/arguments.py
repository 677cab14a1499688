"""What is asked of an index, checked before anything heavy is loaded. Reads and writes nothing."""

from retrieval.errors import UsageError


def require_probability(value: float) -> None:
    """Refuse what cannot be a probability.

    Raises:
        UsageError: it is not from 0 to 1.
    """
    if not 0 <= value <= 1:
        raise UsageError(f"found the probability {value}, expected a number from 0 to 1; correct it")


def require_words(text: str) -> str:
    """`text`, if there is anything in it to search for.

    Raises:
        UsageError: it is empty.
    """
    if not text.strip():
        raise UsageError(f"found an empty query {text!r}, expected some words; write what the photo shows")
    return text


def require_count(k: int) -> int:
    """`k`, if so many results can be asked for; more than there are photos is fine.

    Raises:
        UsageError: k < 1.
    """
    if k < 1:
        raise UsageError(f"found k = {k}, expected at least 1 result; use -k 1 or more")
    return k


def require_fused(channel: str | None) -> None:
    """Refuse to rank one channel again: a re-ranker's weight is one beside the scores of all.

    Raises:
        UsageError: there is a channel.
    """
    if channel is not None:
        raise UsageError(
            f"found the channel {channel!r} to be ranked again, expected all channels together; leave out "
            "either --channel or --rerank"
        )
