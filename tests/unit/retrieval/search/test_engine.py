import dataclasses
import threading

import numpy as np
import pytest

from retrieval import RetrievalError, SearchEngine
from retrieval.channels.flat_index import FlatIndex
from retrieval.channels.vector_index import write_vectors
from retrieval.errors import EncoderMismatchError, IndexFormatError, IndexNotFoundError, UsageError
from retrieval.generations.compact import compact_index
from retrieval.generations.human_caption import set_caption
from retrieval.search.hit import ChannelHit
from retrieval.store.manifest import Manifest, ModelRecord, commit_manifest, read_manifest
from retrieval.store.schema import PhotoRow, Status, StoredCaption, photo_schema
from retrieval.store.shards import shard_path, write_shard
from tests.people import PEOPLE

PHOTOS = {
    b"/photos/dog.jpg": "a dog jumps over a log",
    b"/photos/cat.jpg": "a cat sleeps on a sofa",
    b"/photos/beach \xff.jpg": "children play on the beach",
    b"/photos/line\nbreak.jpg": "a red car on a road",
    b"/photos/dog copy.jpg": "a dog jumps over a log",
    b"/photos/dog again.jpg": "a dog jumps over a log",
    b"/photos/hill.jpg": "a man stands on a hill",
}


@pytest.fixture
def index(tmp_path, make_index, word_encoder):
    make_index(tmp_path / "index", PHOTOS, word_encoder)
    return tmp_path / "index"


@pytest.fixture
def engine(index, word_encoder):
    return SearchEngine.open(index, word_encoder)


def test_best_hit_has_everything_about_its_photo(engine, word_encoder):
    (hit,) = engine.search("a cat on a sofa", k=1)
    score = float(np.dot(*word_encoder.encode(["a cat on a sofa", "a cat sleeps on a sofa"])))
    assert hit.score == pytest.approx(score, abs=1e-6)
    assert (hit.rank, hit.path, hit.caption) == (1, "/photos/cat.jpg", "a cat sleeps on a sofa")
    assert hit.channels == {"caption": ChannelHit(1, hit.score, hit.score)}
    assert len(hit.image_id) == 64


def test_one_text_in_the_place_of_several_is_refused(engine):
    for ask in (engine.search_many, engine.rank):
        with pytest.raises(UsageError, match=r"found one text, 'a dog', expected a list .* \['a dog'\]"):
            ask("a dog")


def test_several_texts_in_the_place_of_one_are_refused(engine):
    asks = [engine.search, lambda query: engine.explain(query, "0" * 64), lambda query: engine.rank([query])]
    for ask in asks:
        for query in (["a dog"], b"a dog", None):
            with pytest.raises(UsageError, match=r"expected a text or a Query; ask several of them with"):
                ask(query)


def test_one_notice_says_that_there_is_no_gpu_however_many_indexes_there_are(
    index, word_encoder, caplog, unnoted, monkeypatch
):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for _ in range(2):
        SearchEngine.open(index, word_encoder, "cuda")
    assert caplog.messages == ["queries are encoded on the CPU, not on a GPU as asked: torch sees no GPU"]


def test_all_hits_are_those_of_exact_arithmetic(engine, index, word_encoder, make_index, tmp_path):
    image_ids = make_index(tmp_path / "again", PHOTOS, word_encoder)
    query = "dog on a beach"
    scores = word_encoder.encode([query])[0] @ word_encoder.encode(list(PHOTOS.values())).T
    expected = sorted(
        zip(-np.round(scores, 5), image_ids.values(), strict=True), key=lambda pair: (pair[0], pair[1])
    )
    hits = engine.search(query, k=100)
    assert [hit.image_id for hit in hits] == [image_id for _, image_id in expected]
    assert [hit.rank for hit in hits] == list(range(1, 8))
    np.testing.assert_allclose([hit.score for hit in hits], [-score for score, _ in expected], atol=1e-4)


def test_equal_captions_tie_and_come_by_image_id(engine):
    hits = engine.search("a dog jumps over a log", k=3)
    assert len({hit.score for hit in hits}) == 1
    assert [hit.image_id for hit in hits] == sorted(hit.image_id for hit in hits)
    for k in (1, 2):
        assert engine.search("a dog jumps over a log", k) == hits[:k]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/x/ΣΠΥΡΟΣ.JPG", "ΣΠΥΡΟΣ"),
        ("/x/ΣΠΥΡΟΣ.JPG", "σπυρος"),
        ("/x/ΣΠΥΡΟΣ.JPG", "σπυροσ.jpg"),
        ("/x/Screenshot 10.12.33\u202fPM.png", '"10.12.33 pm"'),
        ("/x/a\u00a0b.jpg", '"a b"'),
        ("/x/東京\u3000旅行.jpg", '"東京 旅行"'),
        ("/x/\uff34\uff2f\uff2b\uff39\uff2f.jpg", "tokyo"),
        ("/x/tokyo.jpg", "\uff34\uff2f\uff2b\uff39\uff2f"),
        ("/x/İstanbul 2019.jpg", "istanbul"),
        ("/x/istanbul.jpg", "İSTANBUL"),
    ],
)
def test_letters_and_spaces_that_are_written_otherwise_are_the_same_in_a_path(
    path, asked, make_index, tmp_path, word_encoder
):
    photos = {path.encode(): "a man on a hill", b"/x/ab.jpg": "a man on a hill"}
    make_index(tmp_path / "index", photos, word_encoder)
    engine = SearchEngine.open(tmp_path / "index", word_encoder)
    assert [hit.path for hit in engine.search(f"path:{asked}", k=2)] == [path]


def test_paths_are_printable(engine):
    (beach,) = engine.search("children play on the beach", k=1)
    (car,) = engine.search("a red car on a road", k=1)
    assert beach.path == r"/photos/beach \xff.jpg"
    assert car.path == r"/photos/line\nbreak.jpg"


def test_many_queries_give_what_each_gives_alone(engine):
    queries = ["a dog", "sofa", "people at the sea", "a hill"]
    assert engine.search_many(queries, k=4) == [engine.search(query, k=4) for query in queries]
    assert engine.search_many([], k=4) == []


def test_ranking_holds_what_the_hits_hold(engine):
    queries = ["a dog", "on a road"]
    ranking = engine.rank(queries)
    assert ranking.image_ids == tuple(sorted(ranking.image_ids))
    assert ranking.photos_QK.shape == ranking.scores_QK.shape == (2, 7)
    for row, hits in enumerate(engine.search_many(queries, k=7)):
        assert [ranking.image_ids[number] for number in ranking.photos_QK[row]] == [
            hit.image_id for hit in hits
        ]
        assert ranking.scores_QK[row].tolist() == [hit.score for hit in hits]
    assert engine.rank(queries, k=3).photos_QK.tolist() == ranking.photos_QK[:, :3].tolist()
    assert engine.rank(queries, k=1000).photos_QK.shape == (2, 7)


def test_engine_says_what_it_has(engine):
    assert (engine.generation, engine.photos, engine.channels) == (1, 7, ("caption",))


@pytest.mark.parametrize("query", ["", " ", "\n\t "])
def test_empty_query_is_refused(engine, query):
    with pytest.raises(UsageError, match="empty query"):
        engine.search(query)


@pytest.mark.parametrize("k", [0, -3])
def test_less_than_one_result_is_refused(engine, k):
    for ask in (engine.search, lambda query, k: engine.search_many([query], k)):
        with pytest.raises(UsageError, match=f"found k = {k}"):
            ask("a dog", k)


def test_channel_that_the_index_lacks_is_refused(engine):
    assert engine.search("a dog", channel="caption") == engine.search("a dog")
    for name in ("image", "smell"):
        with pytest.raises(UsageError, match=f"no channel '{name}' in this index, expected one of: caption"):
            engine.search("a dog", channel=name)


def test_another_encoder_is_refused(index, other_word_encoder):
    with pytest.raises(EncoderMismatchError):
        SearchEngine.open(index, other_word_encoder)


def test_another_encoder_is_refused_before_a_milvus_is_opened(index, other_word_encoder):
    with pytest.raises(EncoderMismatchError):
        SearchEngine.open(index, other_word_encoder, milvus="http://127.0.0.1:1")


def test_no_index(tmp_path, word_encoder):
    with pytest.raises(IndexNotFoundError):
        SearchEngine.open(tmp_path, word_encoder)


def test_empty_index_answers_nothing(tmp_path, make_index, word_encoder):
    make_index(tmp_path / "with vectors", {}, word_encoder)
    manifest = Manifest(
        generation=1,
        captioner=PEOPLE,
        text_encoder=ModelRecord(word_encoder.name, word_encoder.weights_sha256),
        caption_dimension=word_encoder.dimension,
    )
    commit_manifest(tmp_path / "bare", manifest)
    for name in ("with vectors", "bare"):
        engine = SearchEngine.open(tmp_path / name, word_encoder)
        assert engine.photos == 0
        assert engine.search("a dog") == []
        assert engine.rank(["a dog", "a cat"]).photos_QK.shape == (2, 0)
        with pytest.raises(UsageError):
            engine.search("")


def row(image_id, status, text="", vector=None):
    captions = (StoredCaption(text),) if text else ()
    return PhotoRow(image_id, (f"/{text}".encode(),), status, captions=captions, caption_vector=vector)


def test_superseded_deleted_and_failed_rows_are_not_found(tmp_path, word_encoder):
    texts = ["an old caption", "a new caption", "another photo"]
    vectors_ND = word_encoder.encode(texts)
    schema = photo_schema(word_encoder.dimension)
    shards = (
        write_shard(
            tmp_path,
            [
                row("a", Status.INDEXED, texts[0], vectors_ND[0]),
                row("gone", Status.INDEXED, texts[0], vectors_ND[0]),
                row("c", Status.INDEXED, texts[2], vectors_ND[2]),
            ],
            schema,
        ),
        write_shard(
            tmp_path,
            [
                row("a", Status.INDEXED, texts[1], vectors_ND[1]),
                row("gone", Status.DELETED),
                row("broken", Status.FAILED),
            ],
            schema,
        ),
    )
    manifest = Manifest(
        generation=3,
        captioner=PEOPLE,
        text_encoder=ModelRecord(word_encoder.name, word_encoder.weights_sha256),
        caption_dimension=word_encoder.dimension,
        photos=2,
        shards=shards,
        vectors=(write_vectors(tmp_path, "caption", FlatIndex.build(vectors_ND[1:], np.array([3, 2]))),),
    )
    commit_manifest(tmp_path, manifest)
    engine = SearchEngine.open(tmp_path, word_encoder)
    assert [hit.caption for hit in engine.search("a new caption")] == ["a new caption", "another photo"]
    assert (engine.photos, engine.generation) == (2, 3)

    for positions in ([0, 2], [1, 2], [5, 2], [6, 2]):
        stale = write_vectors(tmp_path, "caption", FlatIndex.build(vectors_ND[1:], np.array(positions)))
        commit_manifest(tmp_path, dataclasses.replace(manifest, generation=4, vectors=(stale,)))
        with pytest.raises(IndexFormatError, match="found vectors"):
            SearchEngine.open(tmp_path, word_encoder)


def test_photos_without_vectors_are_refused(index, word_encoder):
    manifest = dataclasses.replace(read_manifest(index), vectors=(), generation=2)
    commit_manifest(index, manifest)
    with pytest.raises(IndexFormatError, match="found no caption vectors"):
        SearchEngine.open(index, word_encoder)


def test_engine_keeps_its_generation_while_another_is_committed(engine, index, make_index, word_encoder):
    before = engine.search("a dog", k=7)
    make_index(index, {b"/other.jpg": "something else"}, word_encoder, generation=2)
    assert engine.search("a dog", k=7) == before
    assert SearchEngine.open(index, word_encoder).photos == 1


def test_every_refusal_is_a_retrieval_error():
    for error in (UsageError, IndexFormatError, IndexNotFoundError, EncoderMismatchError):
        assert issubclass(error, RetrievalError)


def test_an_eager_engine_loads_its_text_encoder_meanwhile(index, word_encoder, monkeypatch):
    loaded = threading.Event()

    def load(name, device):
        loaded.set()
        return word_encoder

    monkeypatch.setattr("retrieval.text.lazy_text_encoder.load_text_encoder", load)
    SearchEngine.open(index)
    assert not loaded.is_set()
    engine = SearchEngine.open(index, eager=True)
    assert loaded.wait(timeout=60)
    assert engine.search("a cat on a sofa", k=1)[0].path == "/photos/cat.jpg"


def test_what_goes_wrong_in_an_eager_engine_is_raised_by_its_search(index, other_word_encoder, monkeypatch):
    monkeypatch.setattr(
        "retrieval.text.lazy_text_encoder.load_text_encoder", lambda name, device: other_word_encoder
    )
    engine = SearchEngine.open(index, eager=True)
    for _ in range(2):
        with pytest.raises(EncoderMismatchError, match="found text encoder other words"):
            engine.search("a cat")


def test_reasons_of_a_generation_that_is_gone_are_looked_for_in_the_next_one(index, engine, word_encoder):
    (hit,) = engine.search("a cat", k=1)
    compact_index(index)
    assert engine.explain("a cat", hit.image_id).path == hit.path
    set_caption(index, hit.image_id, "my cat", word_encoder)
    with pytest.raises(
        IndexFormatError, match=r"^found generation 3 in .*, expected 1, of which .*; open the index again"
    ):
        engine.explain("a cat", hit.image_id)
    now = SearchEngine.open(index, word_encoder)
    assert now.explain("a cat", hit.image_id).caption == "my cat"


def test_reasons_of_a_damaged_index_say_how_to_mend_it(index, engine):
    (hit,) = engine.search("a cat", k=1)
    for shard in read_manifest(index).shards:
        shard_path(index, shard.sha256).unlink()
    with pytest.raises(IndexFormatError, match=r"^found no .*parquet, .* run `retrieve repair`"):
        engine.explain("a cat", hit.image_id)
