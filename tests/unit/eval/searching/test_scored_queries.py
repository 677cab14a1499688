"""Dataset → collection → search → TREC files, with the real engine over a small index.

A file's content is its image_id's source, so a photo here is a file with a few bytes in it.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from ir_measures import RR, R, nDCG

from eval.dataset.collection import Collection, CorpusPhoto, EvalQuery, locate_photos, make_collection
from eval.measures.rank_measures import SHARES
from eval.searching.placements import join_placements, place_relevant
from eval.searching.scored_queries import describe_depth, pick_depth, score_photos, search_collection
from eval.searching.trec import format_qrels, open_run
from retrieval.captioned_dataset import read_captioned_dataset
from retrieval.channels.ivf_index import IvfSq8Index
from retrieval.channels.vector_index import write_vectors
from retrieval.errors import DatasetError, RetrievalError
from retrieval.search.engine import SearchEngine
from retrieval.search.hit import Ranking
from retrieval.search.ranker import CANDIDATES
from retrieval.store.manifest import Manifest, ModelRecord, VectorsRecord, commit_manifest, read_manifest
from retrieval.text.text_encoder import TextEncoder
from tests.people import PEOPLE

CAPTIONS = {
    b"log": "a brown dog jumps over a log",
    b"sofa": "a cat sleeps on a sofa",
    b"beach": "two children build a castle on the beach",
    b"food": "a plate of pasta on a table",
    b"rocket": "a rocket in the sky",
    b"other": "a dog on the beach",
}
DATASET = """
{"image": "1.jpg", "captions": ["a dog jumps over wood", "a brown dog"]}
{"image": "two cats.jpg", "captions": ["a cat on a sofa", "the cat sleeps", "pasta"]}
{"image": "3.jpg", "captions": ["children on the beach"]}
{"image": "copy of 1.jpg", "captions": ["a dog and a log"]}
{"image": "4.jpg", "captions": ["a table"]}
"""
FILES = {
    "1.jpg": b"log",
    "two cats.jpg": b"sofa",
    "3.jpg": b"beach",
    "copy of 1.jpg": b"log",
    "4.jpg": b"food",
}


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    (tmp_path / "data" / "images").mkdir(parents=True)
    for name, content in FILES.items():
        (tmp_path / "data" / "images" / name).write_bytes(content)
    (tmp_path / "data" / "captions.jsonl").write_text(DATASET)
    return make_collection(read_captioned_dataset(tmp_path / "data"), "test")


@pytest.fixture
def engine(tmp_path: Path, make_index: Callable[..., object], word_encoder: TextEncoder) -> SearchEngine:
    make_index(tmp_path / "index", CAPTIONS, word_encoder)
    return SearchEngine.open(tmp_path / "index", word_encoder)


def describe_index(photos: int, *kinds: str) -> Manifest:
    """What the manifest of an index says of so many photos in vector indexes of these kinds."""
    vectors = tuple(
        VectorsRecord(f"channel {n}", "0" * 64, 1, kind, photos, 8) for n, kind in enumerate(kinds)
    )
    encoder = ModelRecord("words", "0" * 64)
    return Manifest(
        generation=1,
        captioner=PEOPLE,
        text_encoder=encoder,
        caption_dimension=8,
        photos=photos,
        vectors=vectors,
    )


def no_bar(description: str, done: int, total: int) -> None:
    assert 0 < done <= total


class TestCollection:
    def test_files_of_one_content_are_one_photo(self, collection: Collection) -> None:
        assert [[path.name for path in photo.paths] for photo in collection.photos] == [
            ["1.jpg", "copy of 1.jpg"],
            ["two cats.jpg"],
            ["3.jpg"],
            ["4.jpg"],
        ]
        assert [len(photo.references) for photo in collection.photos] == [3, 3, 1, 1]
        assert collection.photos[0].references[2] == ("a", "dog", "and", "a", "log")

    def test_every_caption_is_a_query_for_its_photo(self, collection: Collection) -> None:
        queries = {query.name: (query.text, query.photo) for query in collection.queries}
        assert len(queries) == len(collection.queries) == 8
        assert queries["1.jpg#1"] == ("a brown dog", 0)
        assert queries["copy%20of%201.jpg#0"] == ("a dog and a log", 0)
        assert queries["4.jpg#0"] == ("a table", 3)
        assert collection.right_photos.tolist() == [0, 0, 0, 1, 1, 1, 2, 3]


class TestSearch:
    def test_scores_are_the_cosines_of_query_and_caption(
        self, collection: Collection, engine: SearchEngine, word_encoder: TextEncoder
    ) -> None:
        batches = list(search_collection(engine, collection, "caption", 3, no_bar))
        assert [len(batch.queries) for batch in batches] == [3, 3, 2]
        captions = [CAPTIONS[content] for content in (b"log", b"sofa", b"beach", b"food")]
        expected_QP = (
            word_encoder.encode([query.text for query in collection.queries])
            @ word_encoder.encode(captions).T
        )
        np.testing.assert_allclose(
            np.concatenate([batch.scores_QP for batch in batches]), expected_QP, atol=1e-6
        )

    def test_photos_that_only_the_index_has_do_not_compete(
        self, collection: Collection, engine: SearchEngine
    ) -> None:
        beach = next(query for query in collection.queries if query.text == "children on the beach")
        (batch,) = search_collection(engine, collection, "caption", 100, no_bar)
        assert batch.scores_QP.shape == (8, 4)
        assert batch.scores_QP[batch.queries.index(beach)].argmax() == 2

    def test_an_index_that_lacks_photos_is_refused(self, collection: Collection) -> None:
        known = [collection.photos[2].image_id, "other"]
        with pytest.raises(
            DatasetError, match=r"lacks 3 of the 4 photos of split 'test' \(1.jpg, two cats.jpg, 4.jpg\)"
        ):
            locate_photos(collection, known)


class TestRefusals:
    @pytest.mark.parametrize(
        ("spoil", "message"),
        [
            (
                lambda ranking: replace(ranking, scores_QK=ranking.scores_QK * np.nan),
                r"12 of 12 queries have NaN scores \(0.jpg#0, 0.jpg#1, 0.jpg#2, …\)",
            ),
            (
                lambda ranking: replace(ranking, photos_QK=ranking.photos_QK + 1),
                r"12 of 12 queries are answered with unknown photos \(0.jpg#0",
            ),
            (
                lambda ranking: replace(ranking, photos_QK=np.minimum(ranking.photos_QK, 2)),
                r"12 of 12 queries are answered with the same photo twice \(0.jpg#0",
            ),
        ],
    )
    def test_an_answer_that_is_no_ranking(
        self,
        small_collection: Collection,
        table_engine: type,
        spoil: Callable[[Ranking], Ranking],
        message: str,
    ) -> None:
        engine = table_engine(small_collection, {"caption": np.zeros((12, 4))})
        engine.spoil = spoil
        with pytest.raises(RetrievalError, match=message):
            list(search_collection(engine, small_collection, "caption", 100))


class TestDepth:
    def test_as_many_as_a_search_fuses_unless_others_compete(self, collection: Collection) -> None:
        assert pick_depth(collection, 4) == CANDIDATES
        assert pick_depth(collection, 5) is None

    def test_the_report_says_where_photos_have_no_rank(self, small_collection: Collection) -> None:
        photos = small_collection.photos * 500
        many = replace(small_collection, photos=photos)
        (notice,) = describe_depth(many, describe_index(len(photos), "flat"))
        assert notice.startswith("Of the 2,000 photos the first 1,000 of each answer are ranked")
        assert describe_depth(small_collection, describe_index(4, "flat")) == ()

    def test_the_report_says_where_a_search_would_look_at_less(self, small_collection: Collection) -> None:
        (notice,) = describe_depth(small_collection, describe_index(60_000, "flat", "flat"))
        assert notice == (
            "The index holds more photos than the 4 of the split, so each channel scores all 60,000; "
            "a search fuses the first 1,000 of each."
        )
        (notice,) = describe_depth(small_collection, describe_index(60_000, "flat", "ivf_pq"))
        assert notice == (
            "The index holds more photos than the 4 of the split, so each channel scores all 60,000, "
            "by exact search; a search fuses the first 1,000 of each, as its approximate index finds them."
        )
        assert describe_depth(small_collection, describe_index(CANDIDATES, "ivf_pq")) == ()

    def test_photos_beyond_it_are_no_answer(self, small_collection: Collection, table_engine: type) -> None:
        scores_QP = np.random.default_rng(0).permutation(48).reshape(12, 4).astype(np.float32)
        engine = table_engine(small_collection, {"caption": scores_QP})
        found_QP = score_photos(engine, small_collection, small_collection.queries, "caption", depth=3)
        worst_QP = scores_QP == scores_QP.min(axis=1, keepdims=True)
        np.testing.assert_array_equal(found_QP, np.where(worst_QP, -np.inf, scores_QP))

    def test_what_an_approximate_index_skips_is_skipped_here(
        self, tmp_path: Path, make_index: Callable[..., dict[bytes, str]], word_encoder: TextEncoder
    ) -> None:
        rng = np.random.default_rng(0)
        words = np.array([f"word{number}" for number in range(200)])
        captions = {b"%d" % number: " ".join(rng.choice(words, 4)) for number in range(6000)}
        image_ids = make_index(tmp_path, captions, word_encoder, shard_rows=6000)
        lists = IvfSq8Index.build(word_encoder.encode(list(captions.values())), np.arange(6000))
        lists.set_effort(lists.most_effort // 4)
        manifest = read_manifest(tmp_path)
        commit_manifest(
            tmp_path, replace(manifest, generation=2, vectors=(write_vectors(tmp_path, "caption", lists),))
        )
        photos = tuple(
            CorpusPhoto(image_ids[path], (path.decode(),), (Path(path.decode()),), ()) for path in captions
        )
        queries = tuple(EvalQuery(f"{n}#0", " ".join(rng.choice(words, 3)), n) for n in range(20))
        many = Collection("many", "test", photos, queries)
        engine = SearchEngine.open(tmp_path, word_encoder)
        found_QP = score_photos(engine, many, queries, None, pick_depth(many, 6000))
        complete_QP = score_photos(engine, many, queries, None)
        assert (np.count_nonzero(found_QP > -np.inf, axis=1) == CANDIDATES).all()
        np.testing.assert_array_equal(found_QP, np.where(found_QP > -np.inf, complete_QP, -np.inf))
        # Of as many best ones as there are candidates it never finds all; chance would skip five in six.
        last_Q1 = np.sort(complete_QP, axis=1)[:, -CANDIDATES, None]
        skipped_Q = np.count_nonzero(np.isneginf(found_QP) & (complete_QP > last_Q1), axis=1)
        assert (skipped_Q > 0).all()
        assert (skipped_Q < 0.6 * CANDIDATES).all()


class TestTrecFiles:
    def test_the_run_and_the_qrels_give_ir_measures_the_same_numbers(
        self, tmp_path: Path, collection: Collection, engine: SearchEngine
    ) -> None:
        (tmp_path / "qrels.txt").write_bytes(format_qrels(collection))
        parts = []
        with open_run(tmp_path / "run.txt", collection, "caption", depth=4) as run:
            for batch in search_collection(engine, collection, "caption", 3, no_bar):
                run.write(batch)
                parts.append(place_relevant(batch.scores_QP, [[query.photo] for query in batch.queries]))
        placements = join_placements(parts)
        qrels = list(ir_measures.read_trec_qrels(str(tmp_path / "qrels.txt")))
        ranking = list(ir_measures.read_trec_run(str(tmp_path / "run.txt")))
        assert (len(qrels), len(ranking)) == (8, 32)
        oracle = ir_measures.calc_aggregate([R @ 1, RR, nDCG @ 10], qrels, ranking)
        for metric, name in ((R @ 1, "Recall@1"), (RR, "MRR"), (nDCG @ 10, "nDCG@10")):
            assert SHARES[name](placements).mean() == pytest.approx(oracle[metric], abs=1e-9)

    def test_a_line_and_the_depth(self, tmp_path: Path, collection: Collection, engine: SearchEngine) -> None:
        with open_run(tmp_path / "run.txt", collection, "caption", depth=2) as run:
            for batch in search_collection(engine, collection, "caption", 100, no_bar):
                run.write(batch)
        lines = (tmp_path / "run.txt").read_text().splitlines()
        assert len(lines) == 2 * 8
        query, q0, photo, rank, score, tag = lines[1].split(" ")
        assert (query, q0, rank, tag) == ("1.jpg#0", "Q0", "2", "caption")
        assert photo in {each.image_id for each in collection.photos}
        assert np.float32(score) == np.sort(batch.scores_QP[0])[-2]

    def test_a_run_that_fails_leaves_nothing(self, tmp_path: Path, collection: Collection) -> None:
        folder = tmp_path / "out"
        folder.mkdir()
        with pytest.raises(KeyboardInterrupt), open_run(folder / "run.txt", collection, "caption", depth=2):
            raise KeyboardInterrupt
        assert list(folder.iterdir()) == []
