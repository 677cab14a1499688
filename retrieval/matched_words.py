"""The words that a caption has in common with a query. Reads and writes nothing."""

from retrieval.captioned_dataset.tokenize import tokenize


def match_words(caption: str, query: str) -> tuple[str, ...]:
    """The distinct words of the caption, in order, that are words of the query but for their endings."""
    wanted = set(tokenize(query))
    return tuple(dict.fromkeys(word for word in tokenize(caption) if word in wanted))
