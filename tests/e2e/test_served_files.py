"""Which files `retrieve serve` gives away: of indexed photos, whatever is sent or put in their place."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from retrieval.generations.derived import build_derived
from retrieval.store.files import hash_file
from retrieval.store.manifest import Manifest, ModelRecord, commit_manifest
from retrieval.store.schema import PhotoRow, Status, StoredCaption, photo_schema
from retrieval.store.shards import write_shard
from retrieval.text.text_encoder import TextEncoder
from tests.e2e.service_process import COMMAND_WITH_WORDS, ServiceProcess
from tests.people import PEOPLE

CAPTIONS = {"dog.png": "a dog", "cat.png": "a cat"}
ENDINGS = ("", "/thumbnail", "/explain", "/similar")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos that are indexed, and one that is not."""
    folder = tmp_path_factory.mktemp("served")
    for name, colour in {"dog.png": "tomato", "cat.png": "teal", "secret.png": "navy"}.items():
        Image.new("RGB", (600, 400), colour).save(folder / name)
    return folder


@pytest.fixture(scope="module")
def service(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, word_encoder: TextEncoder
) -> Iterator[ServiceProcess]:
    index = tmp_path_factory.mktemp("index")
    rows = [
        PhotoRow(
            hash_file(folder / name),
            (str(folder / name).encode(),),
            Status.INDEXED,
            captions=(StoredCaption(text),),
            caption_vector=word_encoder.encode([text])[0],
        )
        for name, text in CAPTIONS.items()
    ]
    manifest = Manifest(
        generation=1,
        captioner=PEOPLE,
        text_encoder=ModelRecord(word_encoder.name, word_encoder.weights_sha256),
        caption_dimension=word_encoder.dimension,
        shards=(write_shard(index, rows, photo_schema(word_encoder.dimension)),),
    )
    commit_manifest(index, build_derived(index, manifest))
    service = ServiceProcess(COMMAND_WITH_WORDS, "--index", str(index))
    yield service
    service.end()


def send(service: ServiceProcess, target: str) -> tuple[int, bytes]:
    """The status and the whole answer to a request for this target, sent as it is."""
    with service.connect() as client:
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while data := client.recv(2**16):
            answer += data
    return int(answer.split()[1]), answer


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_photo_is_answered_for_by_its_image_id(service: ServiceProcess, folder: Path, ending: str) -> None:
    status, answer = send(service, f"/api/photos/{hash_file(folder / 'dog.png')}{ending}")
    assert status == 200
    assert ((folder / "dog.png").read_bytes() in answer) is (ending == "")


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "../about",
        "../../health",
        "../../../../../../etc/passwd",
        "%2e%2e",
        "%2e%2e/about",
        "%2E%2E/%2e%2e/health",
        "%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "..%2fabout",
        "..%2f..%2f..%2f..%2fetc%2fpasswd",
        "..%252f..%252fetc%252fpasswd",
        "..%5c..%5cetc%5cpasswd",
        "%c0%ae%c0%ae%c0%afetc%c0%afpasswd",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "{folder}/secret.png",
        "%2f{folder}%2fsecret.png",
        "{image_id}/../about",
        "{image_id}%2f..%2f..%2fabout",
        "%00",
        "{image_id}%00",
        "{image_id}%00.png",
        "{folder}/dog.png%00",
    ],
)
def test_what_is_sent_as_a_path_finds_nothing(service: ServiceProcess, folder: Path, name: str) -> None:
    image_id = hash_file(folder / "dog.png")
    for ending in ENDINGS:
        target = f"/api/photos/{name.format(folder=folder, image_id=image_id)}{ending}"
        assert (target, send(service, target)[0]) == (target, 404)


@pytest.mark.parametrize(
    "target",
    [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "//etc/passwd",
        "/page.css/../health",
        "/page/../page.css",
        "/..%2fapp.py",
        "/page.css%00",
        "/page.js/../search.js",
        "/page.js/",
        "/page/page.js",
        "/../page/page.js",
        "/%2e%2e/page/page.js",
        "/page_files.py",
        "/index.html",
        "/api/../health",
    ],
)
def test_beside_the_page_nothing_is_served(service: ServiceProcess, target: str) -> None:
    assert send(service, target)[0] == 404


@pytest.mark.parametrize("leads_to", ["secret.png", "cat.png", "/etc/passwd"])
def test_what_a_link_in_a_photos_place_leads_to_is_not_served(
    service: ServiceProcess, folder: Path, leads_to: str
) -> None:
    photo, kept = folder / "dog.png", folder / "kept.png"
    path = f"/api/photos/{hash_file(photo)}"
    etags = {place: service.get(place)[1]["etag"] for place in (path, f"{path}/thumbnail")}
    photo.rename(kept)
    photo.symlink_to(leads_to)
    try:
        for place, etag in etags.items():
            for headers in ({}, {"If-None-Match": etag}):
                status, _, body = service.get(place, **headers)
                assert status == 404
                assert body.startswith(b'{"detail":"found no file with this photo any more')
    finally:
        kept.replace(photo)
    assert service.get(path)[2] == photo.read_bytes()
    assert [service.get(place)[0] for place in etags] == [200, 200]
