"""A Milvus Lite in a file of its own for each test."""

import pytest


@pytest.fixture
def lite(tmp_path):
    """Where it is; it is made by whoever connects first."""
    pytest.importorskip("pymilvus", reason="found no pymilvus")
    server_manager = pytest.importorskip("milvus_lite.server_manager", reason="found no milvus-lite")
    path = str(tmp_path / "photos.db")
    yield path
    server_manager.server_manager_instance.release_server(path)
