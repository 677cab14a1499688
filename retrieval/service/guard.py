"""Who may ask. Reads a request's headers; passes it on, or answers 401 or 403.

Any web page that is open in a browser on this machine can send requests here: by its own name that it makes
lead here (DNS rebinding), or across sites. Neither is answered.
"""

import hmac
import secrets
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retrieval.printable import make_printable
from retrieval.service.settings import ServiceSettings

# What needs no token, beside the page without photos: whether the service is up, and giving the token.
_OPEN_PATHS = frozenset({"/health", "/api/session"})

# Hosts that requests named lately, of which the name is known: mostly one.
_REMEMBERED = 100

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


class Sessions:
    """What a browser holds that has given the token: a cookie, worth nothing after the service has ended."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._token = settings.token
        self._secret = secrets.token_urlsafe(32)
        # Cookies know no port: two services on one machine must not overwrite each other's.
        self.cookie = f"retrieve-{settings.port}"

    def accept_token(self, token: str) -> str | None:
        """The cookie's value for who knows the token; None for who does not."""
        return self._secret if self._token is not None and _equal(token, self._token) else None

    def admit(self, headers: Headers) -> bool:
        """Whether a request has the token (as `Authorization: Bearer`) or the cookie, or needs neither."""
        if self._token is None:
            return True
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _equal(token.strip(), self._token):
            return True
        # Not by `http.cookies`: it reads none where one of another service is not as it likes.
        held = cookie_parser(headers.get("cookie", "")).get(self.cookie)
        return held is not None and _equal(held, self._secret)


class Guard:
    """Passes on what comes from this service's own page, from a program, or from the address bar.

    `page` are the paths of the page's files.
    """

    def __init__(
        self, app: ASGIApp, settings: ServiceSettings, sessions: Sessions, page: Iterable[str]
    ) -> None:
        self._app = app
        self._settings = settings
        self._sessions = sessions
        self._open_paths = _OPEN_PATHS.union(page)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refuse(scope["method"], scope["path"], Headers(scope=scope))

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        await (refusal or self._app)(scope, receive, send_guarded)

    def _refuse(self, method: str, path: str, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "")
        name = _host_name(host)
        if name is None or not self._settings.answers_to(name):
            return _answer(
                403,
                f"found the host {make_printable(host[:100])!r}, expected this machine's own name; use the "
                "address that `retrieve serve` printed, or start it with --name",
            )
        if not _is_same_site(method, path, headers):
            return _answer(403, "found a request from another site, expected one from this service's page")
        if path not in self._open_paths and not self._sessions.admit(headers):
            refusal = _answer(401, "found no valid token, expected `Authorization: Bearer TOKEN`")
            refusal.headers["www-authenticate"] = "Bearer"
            return refusal
        return None


def _answer(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status)


@lru_cache(_REMEMBERED)
def _host_name(host: str) -> str | None:
    """The name in a Host header, without port and brackets; None where that is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname if parts.netloc == host and "@" not in host else None


def _is_same_site(method: str, path: str, headers: Headers) -> bool:
    """Whether a browser says that the request is its own page's, or whether it is no browser.

    A link that leads to the page from elsewhere is followed; it gives nothing away and changes nothing.
    """
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        followed = headers.get("sec-fetch-mode") == "navigate"
        return followed and method == "GET" and path == "/"
    origin = headers.get("origin")
    try:
        return origin is None or urlsplit(origin).netloc == headers["host"]
    except ValueError:
        return False


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
