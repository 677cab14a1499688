"""The connection to a Ray cluster, for as long as it is used. Reads and writes nothing."""

import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from retrieval.errors import InstallationError, RetrievalError, UsageError, first_line
from retrieval.installing import how_to_install

_ADDRESS = re.compile(r"[^\s:/]+:[0-9]{1,5}")
_SECONDS_TO_CONNECT = 3
_SECONDS_TO_ANSWER = 10
# Photos never go through it; rows of a few kilobytes each do.
_STORE_BYTES = 200 * 2**20


class ClusterError(RetrievalError):
    """A Ray cluster that does not answer, or that has no node left to work on."""


@contextmanager
def open_cluster(address: str | None) -> Iterator[None]:
    """Use the Ray cluster at HOST:PORT, or one of this machine's own that ends with the block for None.

    Raises:
        InstallationError: Ray is not installed.
        UsageError: an address that is none.
        ClusterError: nobody answers there, within seconds.
    """
    # It tells its makers of every start otherwise, and waits for their answer.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ModuleNotFoundError:
        raise InstallationError(
            f"found no Ray, expected it for --engine ray; run `{how_to_install('ray')}`"
        ) from None
    options: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
    if address is None:
        options |= {"object_store_memory": _STORE_BYTES, "include_dashboard": False}
    else:
        _require_answer(address)
        options |= {"address": address}
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**options)
        # Ray ends a program in its own way; it is this one's that commits what there is.
        signal.signal(signal.SIGTERM, terminate)
    except (ConnectionError, RuntimeError, ValueError, AssertionError) as error:
        reason = first_line(error)
        raise ClusterError(
            f"cannot use the Ray cluster at {address or 'this machine'} ({reason}), expected this machine to "
            "be one of its nodes; run `ray start --address HOST:PORT` here first"
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Ask in a process that can be ended: Ray itself waits for minutes."""
    if not _ADDRESS.fullmatch(address):
        raise UsageError(f"found {address!r}, expected a Ray cluster's HOST:PORT, such as 10.0.0.1:6379")
    if not _is_there(address) or not _is_healthy(address):
        raise ClusterError(
            f"found no answer from a Ray cluster at {address}, expected one; see that its head runs "
            "(`ray start --head`) and can be reached, then try again"
        )


def _is_there(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError, UnicodeError):
        return False
    return True


def _is_healthy(address: str) -> bool:
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_SECONDS_TO_ANSWER)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
