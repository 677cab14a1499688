"""What the service is doing, for Prometheus. Counts requests as they pass; writes the text of /metrics."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = {"DELETE", "GET", "HEAD", "POST", "PUT"}
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The counters of one service. `endpoint` is the route's pattern, never what a client has put into it.

    It is "none" where there is no such route, and of what was turned away before a route was looked for.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "retrieve_requests",
            "Requests answered.",
            ["endpoint", "method", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "retrieve_request_seconds",
            "Time from a request's headers to the end of its answer.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.in_progress = Gauge(
            "retrieve_requests_in_progress", "Requests being answered.", registry=self._registry
        )
        ProcessCollector(registry=self._registry)

    def watch(self, name: str, what: str, read: Callable[[], float]) -> None:
        """Report what `read` gives whenever the metrics are asked for."""
        Gauge(name, what, registry=self._registry).set_function(read)

    def count(self, endpoint: str, method: str, status: int, seconds: float | None = None) -> None:
        """One request has been answered, in so many seconds; None where it was refused unread."""
        self._requests.labels(endpoint, method, str(status)).inc()
        if seconds is not None:
            self._seconds.labels(endpoint).observe(seconds)

    def write(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self._registry)


class Measured:
    """Counts and times every request; as 499 where the client was gone before it was answered."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 0

        async def send_watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.in_progress.inc()
        try:
            await self._app(scope, receive, send_watched)
        except Exception:
            status = status or 500
            raise
        finally:
            self._metrics.in_progress.dec()
            route = scope.get("route")
            endpoint = getattr(route, "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.count(endpoint, method, status or 499, time.perf_counter() - start)
