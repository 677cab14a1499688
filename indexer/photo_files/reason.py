"""Why a photo cannot be indexed. Reads and writes nothing."""

from enum import StrEnum

from retrieval.errors import PhotoError


class Reason(StrEnum):
    """Why a photo cannot be indexed; a `PhotoError`'s text begins with one of these and a colon."""

    EMPTY = "empty_file"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED = "unsupported_format"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    UNREADABLE_FOLDER = "unreadable_folder"
    CHANGING = "changing"
    CRASHED = "decoder_crashed"
    TIMED_OUT = "timed_out"


def photo_error(reason: Reason, text: str) -> PhotoError:
    """A `PhotoError` whose text begins with the reason's code."""
    return PhotoError(f"{reason}: {text}")
