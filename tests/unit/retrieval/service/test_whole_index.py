"""What the service answers of an index with image vectors and a calibration."""

import json
import math

import pytest

from retrieval.search.live_engine import LiveEngine
from retrieval.service.searches import Question, answer_questions


@pytest.fixture
def index(whole_index):
    return whole_index


def ask(client, path="/api/search", **parameters):
    answer = client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_hit_says_how_likely_it_is(client, image_ids, captions):
    hits = ask(client, q=captions["dog.jpg"], fold=False)["hits"]
    assert len(hits) == 4
    for hit in hits:
        expected = 1 / (1 + math.exp(16 - 20 * hit["channels"]["caption"]["score"]))
        assert hit["probability"] == pytest.approx(expected, abs=1e-5)
    best = max(hits, key=lambda hit: hit["probability"])
    assert best["image_id"] == image_ids["dog.jpg"]
    why = ask(client, f"/api/photos/{best['image_id']}/explain", q=captions["dog.jpg"])
    assert why["probability"] == pytest.approx(best["probability"], abs=1e-6)
    assert {hit["probability"] for hit in ask(client)["hits"]} == {None}


def test_what_is_not_likely_enough_is_left_out(client, captions):
    asked = {"q": captions["dog.jpg"], "fold": False}
    every = ask(client, **asked)["hits"]
    second = sorted(hit["probability"] for hit in every)[-2]
    # Once more by what is remembered.
    for _ in range(2):
        for least, count in ((0.0, 4), (second, 2), (0.9, 1), (1.0, 0)):
            hits = ask(client, **asked, min_probability=least)["hits"]
            expected = [hit["image_id"] for hit in every if hit["probability"] >= least]
            assert [hit["image_id"] for hit in hits] == expected
            assert len(hits) == count


def test_questions_that_are_answered_together_may_want_to_be_more_or_less_sure(index, word_encoder, captions):
    asked = [Question(captions["dog.jpg"], "", 4, None, least, False, False) for least in (0.9, 0.0, 1.0)]
    answers = answer_questions(LiveEngine(index, word_encoder).engine, asked)
    assert [len(json.loads(answer)["hits"]) for answer in answers] == [1, 4, 0]


def test_a_probability_that_is_not_known_is_no_filter(client):
    for asked in ({"q": "a dog", "channel": "image"}, {"q": "-dog"}, {}):
        answer = client.get("/api/search", params=asked | {"min_probability": 0.5})
        assert answer.status_code == 422
        assert "to be at least 50% sure" in answer.json()["detail"]


def test_it_is_said_whether_anything_matches_well(client, captions):
    said = {
        query: ask(client, q=query)["matches_well"]
        for query in (captions["cat.png"], "sofa", "a ship in the harbour", "-dog", "")
    }
    assert list(said.values()) == [True, True, False, None, None]
    assert ask(client, q="a ship in the harbour", min_probability=0.9)["matches_well"] is False


def test_photos_that_show_the_same_are_one_hit(client, image_ids):
    dog, beach = image_ids["dog.jpg"], image_ids["beach.jpg"]
    asked = {"q": "a dog", "channel": "caption"}
    apart = ask(client, **asked, fold=False)["hits"]
    assert {hit["image_id"] for hit in apart} == set(image_ids.values())
    assert [hit["duplicates"] for hit in apart] == [[]] * 4
    together = ask(client, **asked)["hits"]
    assert {hit["image_id"]: hit["duplicates"] for hit in together if hit["duplicates"]} == {dog: [beach]}
    assert len(together) == 3


def test_photos_that_look_like_one(client, image_ids):
    path = f"/api/photos/{image_ids['cat.png']}/similar"
    names = {image_id: name for name, image_id in image_ids.items()}
    apart, together = (ask(client, path, fold=fold)["hits"] for fold in (False, True))
    cosines = [math.cos(math.radians(degrees)) for degrees in (30, 87, 90)]
    assert [hit["score"] for hit in apart] == pytest.approx(cosines, abs=1e-6)
    assert {channel for hit in apart for channel in hit["channels"]} == {"image"}
    assert [names[hit["image_id"]] for hit in apart][1:] == ["beach.jpg", "dog.jpg"]
    assert [hit["image_id"] for hit in together] == [hit["image_id"] for hit in apart[:2]]
    assert together[1]["duplicates"] == [image_ids["dog.jpg"]]
