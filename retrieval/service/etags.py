"""Whether a client has the answer already (RFC 9110, 13.1.2). Reads a request's header."""

from typing import Annotated

from fastapi import Header

IfNoneMatch = Annotated[str | None, Header()]


def is_held(etag: str, if_none_match: str | None) -> bool:
    """Whether `etag`, quotes and all, is among the header's; that a cache has weakened it changes nothing."""
    held = [each.strip() for each in (if_none_match or "").split(",")]
    return "*" in held or etag in [each.removeprefix("W/") for each in held]
