"""Every index of words gives what BM25 written out in numpy gives: the same ids, their order and scores."""

import random
import tarfile
from collections import Counter
from io import BytesIO
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from retrieval.channels.lexical_index import LexicalIndex, pack_texts
from retrieval.channels.stems import stem_words
from retrieval.errors import IndexFormatError, RetrievalError
from retrieval.store import packed_folder
from retrieval.store.packed_folder import pack_files, unpack_files


@pytest.fixture(scope="module", params=["packed_words", "words_of_two_times", "milvus_words"])
def implementation(request):
    return request.getfixturevalue(request.param)


WORDS = "dog cat man woman boy girl red blue ball run jump play beach snow water tree two three".split()


def make_texts(photos: int, most_words: int, seed: int = 0) -> list[list[str]]:
    """Up to three texts a photo, of which many are the same."""
    rng = random.Random(seed)
    captions = [" ".join(rng.choices(WORDS, k=rng.randint(1, most_words))) for _ in range(photos // 2 + 1)]
    return [rng.choices(captions, k=rng.randint(0, 3)) for _ in range(photos)]


def shorten_length(words: int) -> int:
    """A length as tantivy keeps it in a byte: exact below 40, of what is above 24 the four highest bits."""
    above = max(words - 24, 0)
    lost = max(above.bit_length() - 4, 0)
    return words - above + (above >> lost << lost)


def score_exactly(texts: list[list[str]], query: str) -> np.ndarray:
    """The oracle: each photo's BM25, k1 = 1.2 and b = 0.75; 0 for those that hold no stem of the query."""
    counts = [Counter(stem for text in each for stem in stem_words(text)) for each in texts]
    lengths_N = np.array([count.total() for count in counts], dtype=np.float64)
    shortened_N = np.array([shorten_length(int(length)) for length in lengths_N])
    scores_N = np.zeros(len(texts))
    for stem in set(stem_words(query)):
        frequency_N = np.array([count[stem] for count in counts], dtype=np.float64)
        holding = np.count_nonzero(frequency_N)
        rarity = np.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
        damping_N = 1.2 * (1 - 0.75 + 0.75 * shortened_N / max(lengths_N.mean(), 1e-9))
        scores_N += rarity * 2.2 * frequency_N / np.maximum(frequency_N + damping_N, 1e-9)
    return scores_N


@pytest.mark.parametrize(("photos", "most_words"), [(1, 5), (40, 8), (400, 8), (60, 60)])
@pytest.mark.parametrize("k", [1, 7, 500])
def test_ids_and_scores_are_those_of_the_oracle(implementation, photos: int, most_words: int, k: int) -> None:
    texts, ids_N = make_texts(photos, most_words), np.random.default_rng(1).permutation(3 * photos)[:photos]
    words = implementation.build(texts, ids_N)
    queries = ["dog", "Dogs jumping!", "a man plays in the snow", "red ball, two cats", " ".join(WORDS)]
    scores_QK, ids_QK = words.search(queries, k)
    assert (scores_QK.dtype, scores_QK.shape) == (np.float32, (len(queries), k))
    assert (ids_QK.dtype, ids_QK.shape) == (np.int64, (len(queries), k))
    for scores_K, ids_K, query in zip(scores_QK, ids_QK, queries, strict=True):
        exact_N = score_exactly(texts, query)
        best = np.sort(exact_N[exact_N > 0])[::-1][:k]
        found = len(best)
        np.testing.assert_allclose(scores_K[:found], best, rtol=2e-5)
        own = [exact_N[ids_N == photo].item() for photo in ids_K[:found]]
        np.testing.assert_allclose(scores_K[:found], own, rtol=2e-5)
        places = list(zip(-scores_K[:found], ids_K[:found], strict=True))
        assert places == sorted(set(places))
        assert (ids_K[found:] == -1).all()
        assert (scores_K[found:] == -np.inf).all()


@pytest.fixture(scope="module")
def many_words(implementation):
    """An index of 2000 photos."""
    return implementation.build(make_texts(2000, 8), np.random.default_rng(1).permutation(2000))


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("k", [1, 7, 500])
def test_under_a_filter_the_best_of_all_that_it_lets_through_come(many_words, share: float, k: int) -> None:
    allowed = np.random.default_rng(2).random(2000) < share
    queries = ["dog", "a man plays in the snow", "red ball, two cats"]
    scores_QK, ids_QK = many_words.search(queries, k, allowed)
    for row, (scores_N, all_N) in enumerate(zip(*many_words.search(queries, 2000), strict=True)):
        let_through_N = (all_N >= 0) & allowed[all_N]
        found = min(k, np.count_nonzero(let_through_N))
        assert ids_QK[row].tolist() == [*all_N[let_through_N][:k].tolist(), *[-1] * (k - found)]
        assert scores_QK[row, :found].tolist() == scores_N[let_through_N][:k].tolist()


def test_equal_texts_tie_exactly_and_come_by_id(implementation) -> None:
    ids_N = np.random.default_rng(2).permutation(300)
    words = implementation.build([["a dog in the snow"]] * 150 + [["a cat in the snow"]] * 150, ids_N)
    for k in (1, 2, 10, 149, 150, 151, 300):
        scores_QK, ids_QK = words.search(["the dog in the snow"], k)
        assert ids_QK[0].tolist() == [*sorted(ids_N[:150].tolist()), *sorted(ids_N[150:].tolist())][:k]
        assert len(set(scores_QK[0, :150].tolist())) == 1


def test_words_are_found_by_their_stems(implementation) -> None:
    words = implementation.build([["Two Dogs jumping"], ["a CAFÉ"], ["a dog's ball"]], np.arange(3))
    assert stem_words("Two dogs, jumping!") == ("two", "dog", "jump")
    for query, found in [
        ("jumps", [0]),
        ("DOG", [0, 2]),
        ("cafe\u0301", [1]),
        ("dogs' balls", [2, 0]),
        ("birds", []),
    ]:
        _, ids_QK = words.search([query], 3)
        assert [photo for photo in ids_QK[0].tolist() if photo >= 0] == found


@pytest.mark.parametrize(
    "query",
    [
        "+dog -cat",
        "words:dog",
        'dog"',
        "(dog) AND NOT dog",
        "[dog TO cat]",
        "dog^2 ~3 *",
        "{dog}\\ /dog/",
        "dog\n\t\x00dog",
        "🌃 dog ☃",
        "\udcffdog \udcff",
        "d\u043eg dog",
    ],
)
def test_nothing_in_a_query_is_syntax(implementation, query: str) -> None:
    words = implementation.build([["a dog"], ["a cat"]], np.arange(2))
    alone, _ = words.search(["dog"], 1)
    scores_QK, ids_QK = words.search([query], 1)
    assert ids_QK.tolist() == [[0]]
    assert scores_QK == alone


def test_the_same_words_are_found_again_beside_others(implementation) -> None:
    words = implementation.build(make_texts(200, 8), np.arange(200))
    queries = ["a dog in the snow", "dog", "the snow", "dog", "a dog in the snow"]
    first, second, _, again, last = zip(*words.search(queries, 50), strict=True)
    np.testing.assert_array_equal(second, again)
    np.testing.assert_array_equal(first, last)


@pytest.mark.parametrize("query", ["", '+-:"()[]^~*', "🌃", "unknown", "x" * 100_000, "\udcff"])
def test_a_query_of_unknown_words_has_an_empty_answer(implementation, query: str) -> None:
    scores_QK, ids_QK = implementation.build([["a dog"]], np.arange(1)).search([query], 2)
    assert ids_QK.tolist() == [[-1, -1]]
    assert (scores_QK == -np.inf).all()


def test_a_thousand_words_are_a_query(implementation) -> None:
    words = implementation.build([["a dog"], ["word999"]], np.arange(2))
    query = " ".join(["dog", *(f"word{number}" for number in range(1000))])
    assert sorted(words.search([query], 2)[1][0].tolist()) == [0, 1]
    assert words.search(["dog " * 1000], 1)[0] == words.search(["dog"], 1)[0]


def test_photos_with_a_word_or_a_phrase(implementation) -> None:
    texts = [
        ["a dog runs", "in the snow"],
        ["the snow dogs run"],
        [],
        ["runs a dog", "dog run"],
        ["a running dog"],
    ]
    words = implementation.build(texts, np.array([8, 3, 5, 1, 9]))
    assert words.photos_with_phrase(["dog"]).tolist() == [1, 3, 8, 9]
    assert words.photos_with_phrase(["dogs"]).tolist() == []
    for phrase, found in [
        ("dogs running", [1, 3, 8]),
        ("run dog", [9]),
        ("runs in", []),
        ("snow", [3, 8]),
        ("a dog runs", [8]),
        ("dog dog", []),
        ("", []),
    ]:
        assert words.photos_with_phrase(stem_words(phrase)).tolist() == found, phrase


def test_a_query_weighs_what_its_words_are_rare(implementation) -> None:
    words = implementation.build([["a dog", "the dog"], ["a cat"], ["a cat"]], np.arange(3))
    one, two, none = (np.log(1 + (3 - photos + 0.5) / (photos + 0.5)) for photos in (1, 2, 0))
    assert words.weigh("Dogs, dog!") == pytest.approx(one)
    assert words.weigh("dog cat bird") == pytest.approx(one + two + none)
    assert words.weigh("") == words.weigh("🌃") == 0


def test_other_ids_for_the_same_texts(packed_words) -> None:
    words = packed_words.build([["a dog"], ["a dog"], ["a cat"]], np.array([4, 7, 9]))
    other = words.with_ids(np.array([20, 10, 0]))
    assert other.search(["dog"], 2)[1].tolist() == [[10, 20]]
    assert words.search(["dog"], 2)[1].tolist() == [[4, 7]]
    assert other.photos_with_phrase(["cat"]).tolist() == [0]


def test_a_text_without_an_id_is_no_answer(packed_words) -> None:
    words = packed_words.build([["a dog"], ["a dog and a cat"], ["a big dog"]], np.arange(3))
    other = words.with_ids(np.array([1, -1, 0]))
    for allowed in (None, np.array([True, True])):
        assert other.search(["dog cat"], 3, allowed)[1].tolist() == [[1, 0, -1]]
    assert other.photos_with_phrase(["dog"]).tolist() == [0, 1]
    assert other.photos_with_phrase(["a", "dog"]).tolist() == [1]
    assert words.photos_with_phrase(["a", "dog"]).tolist() == [0, 1]


@pytest.mark.parametrize("photos", [0, 1, 3000])
def test_the_same_texts_give_the_same_bytes(photos: int) -> None:
    texts, ids_N = make_texts(photos, 8), np.arange(photos) * 2
    packed = pack_texts(texts, ids_N)
    assert packed == pack_texts(iter(texts), ids_N)
    again = LexicalIndex.from_bytes(packed)
    assert len(again) == photos
    assert again.ids.tolist() == ids_N.tolist()
    assert (again.search([" ".join(WORDS)], photos + 1)[1] >= 0).sum() == sum(map(bool, texts))


def test_an_empty_index_answers_nothing(implementation) -> None:
    words = implementation.build([], np.zeros(0, dtype=np.int64))
    assert words.search(["dog"], 2)[1].tolist() == [[-1, -1]]
    assert words.search(["dog"], 2, np.zeros(0, dtype=bool))[1].tolist() == [[-1, -1]]
    assert words.photos_with_phrase(["dog"]).tolist() == words.photos_with_phrase(["a", "dog"]).tolist() == []


def test_many_threads_search_one_index(implementation) -> None:
    texts = make_texts(200, 8)
    words = implementation.build(texts, np.arange(200))
    expected, wrong = words.search(["red dog on the beach"], 50), []
    times = 50 if isinstance(words, LexicalIndex) else 10

    def ask() -> None:
        for _ in range(times):
            found = words.search(["red dog on the beach"], 50)
            if not all(map(np.array_equal, found, expected)):
                wrong.append(found)

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_less_than_one_photo_is_refused(implementation) -> None:
    with pytest.raises(RetrievalError, match="found k = 0"):
        implementation.build([["a dog"]], np.arange(1)).search(["dog"], 0)


def test_what_is_no_index_of_words_is_refused() -> None:
    files = unpack_files(pack_texts([["a dog"], ["a cat"]], np.arange(2)))
    linked = BytesIO()
    with tarfile.open(fileobj=linked, mode="w") as archive:
        entry = tarfile.TarInfo("meta.json")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    for data in (
        b"Dear diary",
        b"",
        linked.getvalue(),
        pack_files({"../meta.json": b"{}"}),
        pack_files({name: content for name, content in files.items() if name != "ids"}),
        pack_files({name: content for name, content in files.items() if not name.endswith(".idx")}),
        pack_files(files | {"meta.json": b"{}"}),
        pack_files(files | {"ids": b"\0" * 8}),
        pack_files(files | {"ids": b"\0" * 7}),
    ):
        with pytest.raises(IndexFormatError, match="index again"):
            LexicalIndex.from_bytes(data)


def test_texts_that_do_not_fit_their_ids_are_refused() -> None:
    with pytest.raises(RetrievalError, match="found texts of 1 photos, expected 2"):
        pack_texts([["a dog"]], np.arange(2))


def test_nothing_temporary_stays_with_or_without_a_file_system_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = make_texts(50, 8)
    memory, other = tmp_path / "memory", tmp_path / "other"
    memory.mkdir()
    other.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(other))
    packed = []
    for place in (memory, tmp_path / "missing"):
        monkeypatch.setattr(packed_folder, "_MEMORY", place)
        packed.append(pack_texts(texts, np.arange(50)))
        assert len(LexicalIndex.from_bytes(packed[-1])) == 50
        assert list(memory.iterdir()) == list(other.iterdir()) == []
    assert packed[0] == packed[1]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError):
        pack_texts(texts, np.arange(50))
