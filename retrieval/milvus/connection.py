"""A Milvus, asked with a limit of time; what fails is said in one line. Reads and writes a Milvus."""

import importlib.util
import logging
import os
import weakref
from collections.abc import Iterator
from typing import Any

from retrieval.errors import InstallationError, MilvusError
from retrieval.installing import how_to_install
from retrieval.milvus.address import TOKEN, MilvusAddress

PAGE = 16_384
"""The most rows that Milvus answers with at once (its limit of `limit + offset`)."""

_CONNECT_SECONDS = 5
# A server that goes away is asked again for so long: what it can't be without is a restart's second or two.
_SECONDS = 10


class Connection:
    """What pymilvus's client does, each call by its name. May be shared by threads."""

    def __init__(self, address: MilvusAddress) -> None:
        """Connect within seconds.

        Raises:
            InstallationError: no pymilvus, or no Milvus Lite where the address is a file.
            MilvusError: nobody answers there, or a file that cannot be opened.
        """
        self.address = address
        _require_packages(address)
        from pymilvus import MilvusClient

        # They print every failure with a traceback by themselves; here it is raised, in one line.
        for name in ("pymilvus", "milvus_lite"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)

        token = os.environ.get(TOKEN, "")
        # What connections share stays broken for all of them where a server was gone for a while.
        apart = {"dedicated": True, "grpc_options": {"grpc.use_local_subchannel_pool": 1}}
        self._client = self._run(MilvusClient, address.uri, token=token, timeout=_CONNECT_SECONDS, **apart)
        # A client that is dropped keeps its connection.
        self._disconnect = weakref.finalize(self, self._client.close)

    def call(self, method: str, *arguments: Any, seconds: float = _SECONDS, **options: Any) -> Any:
        """What `MilvusClient.method` answers.

        Raises:
            MilvusError: Milvus does not answer within `seconds`, or refuses.
        """
        return self._run(getattr(self._client, method), *arguments, timeout=seconds, **options)

    def list_rows(self, collection: str, condition: str, fields: list[str]) -> Iterator[dict[str, Any]]:
        """These fields of all rows of a collection that meet a condition, in pages.

        Raises:
            MilvusError: no answer.
        """
        options: dict[str, Any] = {"batch_size": PAGE, "filter": condition, "output_fields": fields}
        pages = self.call("query_iterator", collection, **options)
        while page := self._run(pages.next):
            yield from page

    def close(self) -> None:
        """Disconnect; never fails."""
        self._disconnect()

    def _run(self, function: Any, *arguments: Any, **options: Any) -> Any:
        import grpc
        from pymilvus import MilvusException

        try:
            return function(*arguments, **options)
        except MilvusException as error:
            reason = error.message
        except (grpc.RpcError, grpc.FutureTimeoutError, ValueError) as error:
            # A client that lost its server for good says so with a ValueError.
            reason = str(error)
        reason = (reason.strip() or "no answer").splitlines()[0].rstrip(". ")
        raise MilvusError(
            f"found no answer from Milvus at {self.address.uri} ({reason}), expected one; see that it runs, "
            f"can be reached, finds what it asks for in {TOKEN}, and is used by nobody else where it is a "
            "file, then try again"
        )


def _require_packages(address: MilvusAddress) -> None:
    needed = {"pymilvus": "pymilvus"} | ({"milvus_lite": "milvus-lite"} if address.file else {})
    for module, package in needed.items():
        if importlib.util.find_spec(module) is None:
            raise InstallationError(
                f"found no {package}, expected it for {address.uri}; run `{how_to_install(package)}`"
            )
