"""What is asked of an index, checked before anything heavy is loaded. Reads and writes nothing."""

from retrieval.errors import UsageError


def require_query(text: str) -> str:
    """`text`, if there is anything in it to search for.

    Raises:
        UsageError: the query is empty.
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
