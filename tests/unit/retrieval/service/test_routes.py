"""What the service answers, and how it refuses."""

import asyncio
import errno
import io
import json
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request
from starlette.testclient import TestClient

from retrieval.generations.human_caption import set_caption
from retrieval.pictures import verified_photos
from retrieval.search.engine import SearchEngine
from retrieval.search.live_engine import LiveEngine
from retrieval.store.lock import writer_lock
from retrieval.store.manifest import Manifest, ModelRecord, UnfinishedRun, commit_manifest, read_manifest
from tests.people import PEOPLE


def search(client, **parameters):
    answer = client.get("/api/search", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_search_answers_what_the_engine_does(client, index, word_encoder, image_ids):
    document = search(client, q="a cat on a sofa", k=2)
    expected = LiveEngine(index, word_encoder).engine.search("a cat on a sofa", k=2)
    assert [hit["image_id"] for hit in document["hits"]] == [hit.image_id for hit in expected]
    first = document["hits"][0]
    assert first["image_id"] == image_ids["cat.png"]
    assert (first["width"], first["height"]) == (610, 400)
    assert first["score"] == pytest.approx(expected[0].score)
    assert first["channels"]["caption"]["rank"] == 1
    assert (document["photos"], document["allowed"], document["generation"]) == (4, 4, 1)


def test_an_answer_is_remembered_until_the_index_changes(client, index, word_encoder, image_ids, monkeypatch):
    asked, engine_search = [], SearchEngine.search_many
    monkeypatch.setattr(
        SearchEngine,
        "search_many",
        lambda engine, *rest, **more: asked.append(1) or engine_search(engine, *rest, **more),
    )
    first = search(client, q="a tiger", k=2)
    assert search(client, q="a tiger", k=2) == first
    assert len(asked) == 1
    for other in ({"k": 3}, {"fold": False}, {"channel": "caption"}, {"where": "taken:2020"}):
        search(client, **{"q": "a tiger", "k": 2} | other)
    assert len(asked) == 5
    set_caption(index, image_ids["cat.png"], "a tiger", word_encoder)
    again = search(client, q="a tiger", k=2)
    assert (again["generation"], again["hits"][0]["caption"]) == (first["generation"] + 1, "a tiger")


def test_of_an_index_made_anew_no_former_answer_is_remembered(client, index, word_encoder, make_index):
    assert len(search(client, q="a tiger")["hits"]) == 4
    shutil.rmtree(index)
    make_index(index, {b"/tiger.jpg": "a tiger"}, word_encoder)
    for _ in range(2):
        answer = search(client, q="a tiger")
        assert [hit["path"] for hit in answer["hits"]] == ["/tiger.jpg"]
        assert answer["generation"] == 1


def test_the_first_photos_are_looked_at_again_where_that_is_asked_for(
    client, index, word_encoder, reranker, image_ids
):
    plain = search(client, q="a dog jumps")["hits"]
    assert plain[0]["image_id"] == image_ids["dog.jpg"]
    again = search(client, q="a dog jumps", rerank="true")["hits"]
    expected = LiveEngine(index, word_encoder).engine.search("a dog jumps", reranker=reranker)
    assert [hit["image_id"] for hit in again] == [hit.image_id for hit in expected]
    assert again[0]["image_id"] == image_ids["beach.jpg"]
    assert (again[0]["channels"]["rerank"]["rank"], again[0]["channels"]["rerank"]["score"]) == (1, -0.015)
    assert all("rerank" not in hit["channels"] for hit in plain)
    # Each is remembered for itself.
    assert search(client, q="a dog jumps")["hits"] == plain
    path = f"/api/photos/{image_ids['beach.jpg']}/explain"
    for wanted in (False, True):
        reasons = client.get(path, params={"q": "a dog jumps", "rerank": wanted}).json()
        assert ("rerank" in reasons["channels"]) is wanted
    assert reasons["score"] == pytest.approx(again[0]["score"])
    assert search(client, rerank="true")["hits"] == search(client)["hits"]
    refused = client.get("/api/search", params={"q": "dog", "channel": "caption", "rerank": "true"})
    assert refused.status_code == 422
    assert "expected all channels together" in refused.json()["detail"]


def test_nothing_is_looked_at_again_for_who_has_gone(client, image_ids, monkeypatch):
    async def is_disconnected(_request):
        return True

    with monkeypatch.context() as patch:
        patch.setattr(Request, "is_disconnected", is_disconnected)
        for path in ("/api/search", f"/api/photos/{image_ids['dog.jpg']}/explain"):
            assert client.get(path, params={"q": "a dog", "rerank": "true"}).status_code == 499
            assert client.get(path, params={"q": "a dog"}).status_code == 200
    assert client.get("/api/search", params={"q": "a dog", "rerank": "true"}).status_code == 200


def test_an_answer_is_remembered_with_its_question(serve, monkeypatch):
    monkeypatch.setattr("retrieval.service.desk._MOST_ANSWER_BYTES", 12_000)
    client = serve()
    asked, engine_search = [], SearchEngine.search_many
    monkeypatch.setattr(
        SearchEngine,
        "search_many",
        lambda engine, *rest, **more: asked.append(1) or engine_search(engine, *rest, **more),
    )
    for word in ("dog", "cat", "cat", "dog"):
        search(client, q=f"{word} " * 1700, where="taken:1999")
    assert len(asked) == 3


def test_photos_that_wait_for_a_run_to_end_are_counted(client, index):
    assert search(client)["waiting"] == 0
    manifest = read_manifest(index)
    run = UnfinishedRun(ModelRecord("captioner", "a" * 64), manifest.shards)
    commit_manifest(index, replace(manifest, generation=2, unfinished=run))
    assert (search(client)["photos"], search(client)["waiting"]) == (4, 4)
    first = Manifest(
        generation=3,
        captioner=PEOPLE,
        text_encoder=manifest.text_encoder,
        caption_dimension=48,
        unfinished=run,
    )
    commit_manifest(index, first)
    assert search(client) == {
        "hits": [],
        "photos": 0,
        "allowed": 0,
        "matches_well": None,
        "generation": 3,
        "waiting": 4,
    }


def test_without_words_the_newest_photos_come_first(client, captions):
    hits = search(client)["hits"]
    assert [hit["caption"] for hit in hits] == list(reversed(captions.values()))


def score_words(client, captions, query):
    """By caption, the scores of the photos that have words of the query; all photos are in the answer."""
    hits = search(client, q=query)["hits"]
    assert {hit["caption"] for hit in hits} == set(captions.values())
    return {
        hit["caption"]: hit["channels"]["lexical"]["score"] for hit in hits if "lexical" in hit["channels"]
    }


@pytest.mark.parametrize(
    ("query", "plain"),
    [
        ("A DOG", "a dog"),
        ("a dog!?", "a dog"),
        ("a dog, (on a log)", "a dog on a log"),
        ("a dog 🐶", "a dog"),
    ],
)
def test_words_count_the_same_in_capitals_and_among_punctuation_and_emoji(client, captions, query, plain):
    found = score_words(client, captions, query)
    assert max(found, key=found.__getitem__) == captions["dog.jpg"]
    assert found == score_words(client, captions, plain)


@pytest.mark.parametrize("query", ["zyxgrmpf quux", "🐶", "!?"])
def test_a_query_whose_words_occur_nowhere_is_answered_by_meaning(client, captions, query):
    assert score_words(client, captions, query) == {}


def test_filters_and_conditions(client, captions):
    assert [hit["caption"] for hit in search(client, where="taken:2020")["hits"]] == [captions["cat.png"]]
    found = search(client, q="a dog -log")
    assert found["allowed"] == 3
    assert captions["dog.jpg"] not in [hit["caption"] for hit in found["hits"]]


@pytest.mark.parametrize(
    ("parameters", "field", "position"),
    [
        ({"q": 'a dog "on the'}, "q", 6),
        ({"q": "dog", "where": "  taken:soon"}, "where", 8),
        ({"q": "dog", "where": "camera:canon dog"}, "where", 13),
    ],
)
def test_what_cannot_be_read_is_pointed_at(client, parameters, field, position):
    answer = client.get("/api/search", params=parameters)
    assert answer.status_code == 422
    refusal = answer.json()
    assert (refusal["field"], refusal["position"]) == (field, position)
    assert refusal["detail"].startswith("found ")


@pytest.mark.parametrize(
    "parameters",
    [
        {"q": "x" * 8001},
        {"q": "dog", "where": "x" * 1001},
        {"q": "dog", "k": 0},
        {"q": "dog", "k": 10**9},
        {"q": "dog", "k": "many"},
        {"q": "dog", "channel": "smell"},
        {"q": "dog", "min_probability": 2},
        {"q": "dog", "fold": "perhaps"},
    ],
)
def test_wrong_questions_are_refused_in_one_line(client, parameters):
    answer = client.get("/api/search", params=parameters)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)
    assert "\n" not in answer.json()["detail"]


def test_the_same_question_is_computed_once_a_generation(client, image_ids, monkeypatch):
    asked = []
    real = SearchEngine.search_many

    def count(engine, queries, *arguments, **settings):
        asked.extend(query.text for query in queries)
        return real(engine, queries, *arguments, **settings)

    monkeypatch.setattr(SearchEngine, "search_many", count)
    first = search(client, q="a dog")
    assert search(client, q="a dog") == first
    assert asked == ["a dog"]
    client.put(f"/api/photos/{image_ids['cat.png']}/caption", json={"text": "a dog, in truth"})
    assert search(client, q="a dog")["generation"] == 2
    assert asked == ["a dog", "a dog"]


def test_explain_says_where_the_model_looked(client, image_ids, captions):
    answer = client.get(f"/api/photos/{image_ids['dog.jpg']}/explain", params={"q": "the dog"}).json()
    assert [word["word"] for word in answer["words"]] == captions["dog.jpg"].split()
    assert [word["word"] for word in answer["words"] if word["matched"]] == ["dog"]
    looked_RC = np.array(answer["words"][1]["attention"])
    assert looked_RC.shape == (3, 4)
    assert np.argwhere(looked_RC == 1).tolist() == [[1, 2]]
    assert (answer["taken"], answer["camera"]) == ("2019-05-17 12:30", r"Canon EOS\x1b")
    assert answer["paths"] == [answer["path"]]
    assert answer["channels"]["caption"]["contribution"] > 0


def test_what_is_explained_is_the_search_that_was_made(client, image_ids):
    path = f"/api/photos/{image_ids['dog.jpg']}/explain"
    asked = {"q": "a dog", "where": "taken:2019", "channel": "lexical"}
    (hit,) = search(client, **asked)["hits"]
    why = client.get(path, params=asked).json()
    assert (why["score"], why["channels"]) == (hit["score"], hit["channels"])
    assert list(why["channels"]) == ["lexical"]
    assert client.get(path, params={"q": "a dog", "channel": "smell"}).status_code == 422
    assert client.get(path, params={"q": "a dog", "where": "taken:2020"}).status_code == 422


def test_a_photo_that_no_query_led_to_is_explained_without_one(client, image_ids):
    answer = client.get(f"/api/photos/{image_ids['dog.jpg']}/explain")
    assert answer.status_code == 200
    assert len(answer.json()["words"]) == 6


def test_similar_leaves_the_photo_itself_out(client, image_ids):
    hits = client.get(f"/api/photos/{image_ids['dog.jpg']}/similar", params={"k": 10}).json()["hits"]
    assert len(hits) == 3
    assert image_ids["dog.jpg"] not in [hit["image_id"] for hit in hits]


class TestPhotos:
    def test_the_file_is_served_as_it_is(self, client, folder, image_ids):
        for name, kind in {"dog.jpg": "image/jpeg", "cat.png": "image/png"}.items():
            answer = client.get(f"/api/photos/{image_ids[name]}")
            assert answer.content == (folder / name).read_bytes()
            assert answer.headers["content-type"] == kind
            assert answer.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            (b"dog.jpg", "dog.jpg"),
            ('Zoë\'s "dog".jpg'.encode(), "Zo%C3%AB%27s%20%22dog%22.jpg"),
            (b"dog\xff\r\n.jpg", "dog%5Cxff%5Cr%5Cn.jpg"),
        ],
    )
    def test_a_copy_of_the_file_has_its_name(self, client, folder, image_ids, monkeypatch, name, said):
        photo = (folder / "dog.jpg").rename(folder / os.fsdecode(name))
        monkeypatch.setattr("retrieval.service.photo_routes._find_paths", lambda *_: (photo,))
        answer = client.get(f"/api/photos/{image_ids['dog.jpg']}")
        assert answer.headers["content-disposition"] == f"inline; filename*=UTF-8''{said}"

    def test_the_thumbnail_is_small(self, client, image_ids):
        for side, size in {480: (480, 320), 960: (600, 400)}.items():
            answer = client.get(f"/api/photos/{image_ids['dog.jpg']}/thumbnail", params={"side": side})
            assert answer.headers["content-type"] == "image/jpeg"
            assert Image.open(io.BytesIO(answer.content)).size == size

    def test_what_the_client_has_is_not_sent_again(self, client, image_ids):
        for path in (f"/api/photos/{image_ids['dog.jpg']}", f"/api/photos/{image_ids['dog.jpg']}/thumbnail"):
            etag = client.get(path).headers["etag"]
            again = client.get(path, headers={"if-none-match": etag})
            assert (again.status_code, again.content) == (304, b"")

    @pytest.mark.parametrize(
        "held", ['"a", W/{}', '{} , "b"', "*", '"' + "a" * 64 + '","' + "b" * 64 + '",{}']
    )
    def test_what_the_client_has_among_others_is_not_sent_again(self, client, image_ids, held):
        photo = f"/api/photos/{image_ids['dog.jpg']}"
        for path in (photo, f"{photo}/thumbnail", "/page.js"):
            etag = client.get(path).headers["etag"]
            again = client.get(path, headers={"if-none-match": held.format(etag)})
            assert (again.status_code, again.headers["etag"]) == (304, etag)
            other = client.get(path, headers={"if-none-match": f'"x{etag[1:]}, W/"other"'})
            assert other.status_code == 200

    def test_nothing_is_read_for_who_has_gone(self, client, image_ids, monkeypatch):
        async def is_disconnected(_request):
            return True

        monkeypatch.setattr(Request, "is_disconnected", is_disconnected)
        monkeypatch.setattr(verified_photos, "open_regular", None)
        for ending in ("", "/thumbnail"):
            assert client.get(f"/api/photos/{image_ids['dog.jpg']}{ending}").status_code == 499

    def test_a_file_that_fails_once_it_is_open_is_closed(self, client, image_ids, monkeypatch):
        files = []

        def fail(file):
            files.append((file, threading.current_thread()))
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr("retrieval.service.photo_routes.find_kind", fail)
        assert client.get(f"/api/photos/{image_ids['dog.jpg']}").status_code == 500
        ((file, thread),) = files
        assert file.closed
        assert thread.name.startswith("AnyIO")

    def test_on_a_disk_that_hangs_they_hold_up_nothing_else(self, serve, image_ids, monkeypatch):
        free, opened = threading.Event(), verified_photos.open_regular
        monkeypatch.setattr(verified_photos, "open_regular", lambda path: free.wait(30) and opened(path))
        photo = f"/api/photos/{image_ids['dog.jpg']}"
        with serve(concurrency=3, workers=1) as client, ThreadPoolExecutor() as pool:
            hung = [pool.submit(client.get, photo + ending) for ending in ("", "/thumbnail", "/thumbnail")]
            try:
                latest = time.monotonic() + 20
                while "retrieve_requests_in_progress 4.0" not in client.get("/metrics").text:
                    assert time.monotonic() < latest
                assert client.get(photo).status_code == 503
                for path in ("/api/search?q=dog", f"{photo}/similar"):
                    assert client.get(path).status_code == 200
                assert client.put(f"{photo}/caption", json={"text": "a wolf"}).status_code == 200
            finally:
                free.set()
            assert [answer.result().status_code for answer in hung] == [200] * 3

    def test_other_sizes_are_refused(self, client, image_ids):
        path = f"/api/photos/{image_ids['dog.jpg']}/thumbnail"
        assert client.get(path, params={"side": 20_000}).status_code == 422

    @pytest.mark.parametrize(
        "image_id",
        [
            "0" * 64,
            "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
            "%00",
            "dog.jpg%00",
            "%2fetc%2fpasswd",
            "/etc/passwd",
            "C:%5cwindows",
            "%ff%fe",
        ],
    )
    def test_tricks_with_paths_find_nothing(self, client, image_id):
        for ending in ("", "/thumbnail", "/explain", "/similar"):
            assert client.get(f"/api/photos/{image_id}{ending}").status_code == 404, ending


class TestEdits:
    def test_a_persons_caption_is_searched_at_once_and_undone(self, client, image_ids, captions):
        path = f"/api/photos/{image_ids['cat.png']}/caption"
        answer = client.put(path, json={"text": "a tiger on a throne"})
        assert answer.status_code == 200
        assert (answer.json()["caption"], answer.json()["provenance"]) == ("a tiger on a throne", "human")
        best = search(client, q="tiger on a throne")["hits"][0]
        assert (best["image_id"], best["provenance"]) == (image_ids["cat.png"], "human")

        assert client.delete(path).json()["caption"] == captions["cat.png"]
        best = search(client, q="a cat sleeps on a sofa")["hits"][0]
        assert (best["caption"], best["provenance"]) == (captions["cat.png"], "model")

    def test_a_caption_may_be_as_long_as_the_commands(self, client, image_ids):
        text = "x" * 1000
        answer = client.put(f"/api/photos/{image_ids['cat.png']}/caption", json={"text": text})
        assert (answer.status_code, answer.json()["caption"]) == (200, text)

    def test_nothing_to_undo(self, client, image_ids):
        assert client.delete(f"/api/photos/{image_ids['cat.png']}/caption").status_code == 422

    def test_there_is_no_such_photo(self, client):
        assert client.put(f"/api/photos/{'0' * 64}/caption", json={"text": "a"}).status_code == 404

    @pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": " \n"}, {"text": "x" * 1001}, [], "text"])
    def test_what_is_no_caption_is_refused(self, client, image_ids, body):
        answer = client.put(f"/api/photos/{image_ids['cat.png']}/caption", json=body)
        assert answer.status_code == 422
        assert search(client)["generation"] == 1

    @pytest.mark.parametrize(
        ("body", "kind", "status", "detail"),
        [
            (
                b'{"text": "a',
                "application/json",
                422,
                "the body: Unterminated string starting at at character 9",
            ),
            (b'{"text": a}', "application/json", 422, "the body: Expecting value at character 9"),
            (
                b'{"text": "a"}',
                None,
                422,
                "the body: found no JSON object, expected one, with the content type",
            ),
            (b'["text"]', "application/json", 422, "the body: found no JSON object, expected one"),
            (
                b'{"text": "\xff"}',
                "application/json",
                400,
                "the body: found no JSON in UTF-8, or too deep a one",
            ),
            (b"[" * 9000, "application/json", 400, "the body: found no JSON in UTF-8, or too deep a one"),
        ],
    )
    def test_of_a_body_that_cannot_be_read_it_is_said_why(
        self, client, image_ids, body, kind, status, detail
    ):
        path = "/api/photos/{image_id}/caption"
        headers = {"content-type": kind} if kind else {}
        answer = client.put(path.format(image_id=image_ids["cat.png"]), content=body, headers=headers)
        assert answer.status_code == status
        assert answer.json()["detail"].startswith(detail)
        assert set(answer.json()) == {"detail", "field", "position"}
        assert str(status) in client.get("/openapi.json").json()["paths"][path]["put"]["responses"]

    def test_while_another_program_writes_one_is_asked_to_wait(self, client, index, image_ids):
        with writer_lock(index):
            answer = client.put(f"/api/photos/{image_ids['cat.png']}/caption", json={"text": "a tiger"})
        assert answer.status_code == 409
        assert "wait for it to end" in answer.json()["detail"]

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    def test_what_cannot_be_written_is_told_and_changes_nothing(
        self, client, index, image_ids, monkeypatch, code, method
    ):
        path = f"/api/photos/{image_ids['cat.png']}/caption"
        client.put(path, json={"text": "a lion"})
        before = search(client, q="a tiger on a throne")
        files = {file: file.read_bytes() for file in index.rglob("*") if file.is_file()}

        def fail(_descriptor):
            raise OSError(code, os.strerror(code))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            answer = client.request(method, path, json={"text": "a tiger on a throne"})
        assert answer.status_code == 507
        detail = answer.json()["detail"]
        assert detail.startswith(f"found {index} not to be written ({os.strerror(code)}), expected ")
        assert "try again" in detail
        assert {file: file.read_bytes() for file in index.rglob("*") if file.is_file()} == files
        assert search(client, q="a tiger on a throne") == before
        document = client.get("/openapi.json").json()
        assert "507" in document["paths"]["/api/photos/{image_id}/caption"][method.lower()]["responses"]
        assert client.request(method, path, json={"text": "a tiger on a throne"}).status_code == 200
        assert search(client)["generation"] == 3

    def test_a_caption_that_cannot_be_shown_yet_is_no_success(self, client, image_ids, captions, monkeypatch):
        def fail(*_):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        path = f"/api/photos/{image_ids['cat.png']}/caption"
        with monkeypatch.context() as patch:
            patch.setattr(LiveEngine, "_open", fail)
            answer = client.put(path, json={"text": "a tiger on a throne"})
            assert answer.status_code == 500
            assert answer.json()["detail"].startswith(
                "found generation 2 with the caption, but not to be opened"
            )
            assert search(client, q="a cat on a sofa")["hits"][0]["caption"] == captions["cat.png"]
        answer = client.put(path, json={"text": "a tiger on a throne"})
        assert (answer.status_code, answer.json()["caption"]) == (200, "a tiger on a throne")


def test_a_damaged_shard_is_told_in_one_line(client, image_ids, index):
    (shard,) = index.glob("shards/*")
    shard.write_bytes(b"nothing")
    answer = client.get(f"/api/photos/{image_ids['dog.jpg']}/explain")
    assert answer.status_code == 500
    assert "is damaged" in answer.json()["detail"]


def test_a_shard_that_cannot_be_read_is_told_in_one_line(client, image_ids, index):
    (shard,) = index.glob("shards/*")
    shard.unlink()
    shard.mkdir()
    answer = client.get(f"/api/photos/{image_ids['dog.jpg']}/explain")
    assert answer.status_code == 500
    assert f"cannot be read (Is a directory: {shard})" in answer.json()["detail"]
    assert "500" in client.get("/openapi.json").json()["paths"]["/api/about"]["get"]["responses"]


def test_what_is_open_answers_while_current_cannot_be_read(client, index):
    current = index / "CURRENT"
    current.rename(index / "kept")
    current.mkdir()
    assert client.get("/api/about").json()["photos"] == 4
    assert search(client, q="a cat on a sofa")["generation"] == 1


def test_a_new_generation_needs_no_restart(client, index, image_ids, word_encoder):
    assert search(client)["generation"] == 1
    set_caption(index, image_ids["dog.jpg"], "a wolf", word_encoder)
    assert search(client, q="a wolf")["hits"][0]["caption"] == "a wolf"
    assert search(client)["generation"] == 2


def test_metrics_count_what_was_answered(client):
    search(client, q="a dog")
    client.get("/nowhere")
    client.get("/api/photos/secret-name/explain")
    text = client.get("/metrics").text
    assert 'retrieve_requests_total{endpoint="/api/search",method="GET",status="200"} 1.0' in text
    assert 'endpoint="/api/photos/{image_id}/explain",method="GET",status="404"} 1.0' in text
    assert "retrieve_photos 4.0" in text
    assert "process_resident_memory_bytes" in text
    assert "secret-name" not in text
    assert "nowhere" not in text


def test_a_search_that_is_refused_unread_took_no_time(client):
    while client.app.state.gate.enter():
        pass
    text = client.get("/metrics").text
    assert 'retrieve_requests_total{endpoint="/api/search",method="GET",status="503"} 1.0' in text
    assert 'retrieve_request_seconds_count{endpoint="/api/search"}' not in text


def test_who_hangs_up_in_mid_body_is_no_failure(client):
    messages = [{"type": "http.disconnect"}, {"type": "http.request", "body": b"{", "more_body": True}]
    sent = []

    async def receive():
        return messages.pop()

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/session",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-length", b"99")],
    }
    asyncio.run(client.app(scope, receive, send))
    assert sent == []
    assert 'endpoint="none",method="POST",status="499"} 1.0' in client.get("/metrics").text


def test_a_defect_is_a_refusal_too_and_goes_on_to_the_log(client, image_ids, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(SearchEngine, "similar", fail)
    path = f"/api/photos/{image_ids['dog.jpg']}/similar"
    with pytest.raises(ZeroDivisionError):
        client.get(path)
    answer = TestClient(client.app, client.base_url, raise_server_exceptions=False).get(path)
    assert answer.status_code == 500
    assert answer.json()["detail"].startswith("found a defect of the service, expected none")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (
        'endpoint="/api/photos/{image_id}/similar",method="GET",status="500"} 2.0'
        in client.get("/metrics").text
    )


def test_whatever_can_be_got_has_a_head(client, image_ids):
    document = client.get("/openapi.json").json()["paths"]
    paths = ["/", "/page.js", "/openapi.json", *(path for path in document if "get" in document[path])]
    assert len(paths) == 11
    for path in paths:
        path = path.format(image_id=image_ids["dog.jpg"])
        whole, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers.keys() == whole.headers.keys()


def test_health_and_what_is_served(client):
    assert client.get("/health").json() == {"status": "ok"}
    about = {"photos": 4, "channels": ["caption", "lexical"], "generation": 1}
    assert client.get("/api/about").json() == about


def test_the_document_of_the_interface_names_every_route(client):
    document = client.get("/openapi.json").json()
    assert {path for path in document["paths"] if path.startswith("/api/photos")} == {
        "/api/photos/{image_id}",
        "/api/photos/{image_id}/thumbnail",
        "/api/photos/{image_id}/explain",
        "/api/photos/{image_id}/similar",
        "/api/photos/{image_id}/caption",
    }
    assert "HTTPValidationError" not in json.dumps(document)


def test_the_document_says_where_a_token_is_asked_for_and_what_may_be_refused(client, serve):
    plain = client.get("/openapi.json").json()
    token = "correct horse battery staple"
    document = serve(token=token).get("/openapi.json", headers={"authorization": f"Bearer {token}"}).json()
    assert "securitySchemes" not in plain["components"]
    scheme = document["components"]["securitySchemes"]["token"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    closed = {name for name, operation in operations.items() if operation.get("security") == [{"token": []}]}
    assert operations.keys() - closed == {"GET /health", "POST /api/session"}
    metrics = operations["GET /metrics"]["responses"]
    assert list(metrics["200"]["content"]) == ["text/plain"]
    assert {"401", "403", "503"} <= metrics.keys()
    assert {"400", "401", "403", "413", "422", "503"} <= operations["POST /api/session"]["responses"].keys()
