from pathlib import Path

import pytest

from retrieval.errors import UsageError
from retrieval.milvus.address import MilvusAddress


def test_a_server_and_a_file_and_a_name():
    server = MilvusAddress.parse("http://milvus.example:19530")
    assert (server.uri, server.name, server.file) == ("http://milvus.example:19530", "retrieve", None)
    file = MilvusAddress.parse("my photos/photos.db#holidays_2024")
    assert (file.uri, file.name, file.file) == (
        "my photos/photos.db",
        "holidays_2024",
        Path("my photos/photos.db"),
    )


@pytest.mark.parametrize("text", ["http://host:19530", "https://host/db#pictures", "a.db", "/b/c.db#x"])
def test_what_is_shown_can_be_typed(text):
    assert str(MilvusAddress.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "#name", "host:19530", "photos", "http://", "ftp://host", "http://a b", "http://x.db y"]
)
def test_what_is_no_milvus_is_refused(text):
    with pytest.raises(UsageError, match="expected a Milvus"):
        MilvusAddress.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://bob:s3cret@host:19530",
        "tcp://bob:s3cret@h:1#x",
        "bob:s3cret@host:19530",
        "https://bob:a/s3cret@host",
        "http://bob:a#s3cret@host",
        "http://bob:a s3cret@host",
    ],
)
def test_a_password_is_refused_and_not_shown(text):
    with pytest.raises(UsageError, match=r"user:password, .* environment variable MILVUS_TOKEN\Z") as refused:
        MilvusAddress.parse(text)
    assert "s3cret" not in str(refused.value)
    assert "bob" not in str(refused.value)


@pytest.mark.parametrize("text", ["photos@home.db", "photos@home.db#x", "unix:///run/milvus@1.sock"])
def test_a_file_may_have_an_at_sign_in_its_name(text):
    assert str(MilvusAddress.parse(text)) == text


@pytest.mark.parametrize("name", ["", "1st", "my photos", "a-b", "x" * 101, "é"])
def test_a_name_that_milvus_does_not_take_is_refused(name):
    with pytest.raises(UsageError, match="expected a name"):
        MilvusAddress.parse(f"http://host:19530#{name}")
