"""The channels: ways in which photos answer a query. Reads and writes nothing."""

from enum import StrEnum


class Channel(StrEnum):
    """What of a photo a query is compared with."""

    CAPTION = "caption"
    IMAGE = "image"
    LEXICAL = "lexical"
