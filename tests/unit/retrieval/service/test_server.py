"""What is arranged around the server while it answers; the sockets are tested in tests/e2e."""

import gc
import sys
from types import SimpleNamespace

import pytest
import uvicorn
from threadpoolctl import threadpool_limits

from retrieval.service.server import run_server
from retrieval.service.settings import ServiceSettings
from tests.blas_threads import count_threads


@pytest.mark.skipif(not count_threads(), reason="numpy's BLAS is not known")
def test_numpy_multiplies_in_one_thread_while_requests_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(sys, "setswitchinterval", lambda seconds: None)
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, sockets: seen.append(count_threads()))
    app = SimpleNamespace(state=SimpleNamespace(gate=None))
    with threadpool_limits(2, user_api="blas"):
        run_server(app, None, ServiceSettings(), lambda: None)
        assert seen == [{1}]
        assert count_threads() == {2}
