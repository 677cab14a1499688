"""Whether searches keep to what they were told: -word and "phrase". Reads an opened index and its shards.

The words are taken from the caption of each sentence's first hit, so that without the condition some of the
photos found would be wrong ones. They are compared here by `tokenize`, which the search itself does not use.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from eval.dataset.preparation import Subject
from eval.failures.words import find_content
from eval.searching.systems import list_systems, pick_headline
from retrieval.captioned_dataset import tokenize
from retrieval.channel import Channel
from retrieval.progress import Progress
from retrieval.query.query_language import Query
from retrieval.search.results import Results
from retrieval.store.photo_table import PhotoTable

_HITS = 10

Texts = dict[str, list[tuple[str, ...]]]
"""The tokens of the texts in which a photo's words are found, by image_id."""


@dataclass(frozen=True, slots=True)
class Strictness:
    """Searches of one `kind` in every channel and in all: how many hits there were, and how many wrong ones.

    `wrong_unasked` is the share, from 0 to 1, of the hits that would be wrong without the condition.
    """

    kind: str
    searches: int
    hits: int
    wrong: int
    wrong_unasked: float


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a kind of condition is put to a sentence, and whether a photo's texts break it."""

    name: str
    ask: Callable[[str, Sequence[str]], Query]
    breaks: Callable[[Sequence[str], Iterable[Sequence[str]]], bool]
    words: int


def _has(words: Sequence[str], texts: Iterable[Sequence[str]]) -> bool:
    """Whether these words follow one another in one of the texts."""
    wanted = f" {' '.join(words)} "
    return any(wanted in f" {' '.join(text)} " for text in texts)


_KINDS = (
    _Kind("-word", lambda text, words: Query(text, excluded=(" ".join(words),)), _has, 1),
    _Kind(
        '"two words"',
        lambda text, words: Query(text, phrases=(" ".join(words),)),
        lambda words, texts: not _has(words, texts),
        2,
    ),
)


def study_strictness(subject: Subject, searches: int, progress: Progress) -> tuple[Strictness, ...]:
    """The kinds of conditions, each put to so many sentences at most; none where the index has no words."""
    queries = subject.collection.queries
    if Channel.LEXICAL not in subject.engine.channels or not searches:
        return ()
    texts = _read_texts(subject)
    chosen = [query.text for query in queries[:: -(-len(queries) // searches)]]
    systems = list_systems(subject.engine)
    unasked = {name: _search(subject, map(Query, chosen), each) for name, each in systems.items()}
    firsts = unasked[pick_headline(systems)]
    found = []
    for done, kind in enumerate(_KINDS, start=1):
        picked = [_pick_words(each, kind.words) for each in firsts]
        found.append(_study(subject, kind, chosen, picked, unasked, texts))
        progress("Asking with conditions", done, len(_KINDS))
    return tuple(found)


def _read_texts(subject: Subject) -> Texts:
    photos = PhotoTable.read(subject.index, subject.manifest)
    return {
        image_id: [tokenize(text) for text in photos.texts(number)]
        for number, image_id in enumerate(photos.image_ids)
    }


def _search(subject: Subject, queries: Iterable[Query], channel: str | None) -> list[Results]:
    return subject.engine.search_many(list(queries), _HITS, channel, fold=False)


def _study(
    subject: Subject,
    kind: _Kind,
    sentences: Sequence[str],
    picked: Sequence[tuple[str, ...]],
    unasked: Mapping[str, Sequence[Results]],
    texts: Texts,
) -> Strictness:
    """Each sentence with the condition on the words `picked` for it, beside the same one `unasked`."""
    numbers = [number for number, words in enumerate(picked) if words]
    asked = [kind.ask(sentences[number], picked[number]) for number in numbers]

    def judge(found: Iterable[Results]) -> list[bool]:
        pairs = zip(numbers, found, strict=True)
        return [kind.breaks(picked[number], texts[hit.image_id]) for number, hits in pairs for hit in hits]

    broken, broken_unasked = list[bool](), list[bool]()
    systems = list_systems(subject.engine)
    for name, channel in systems.items():
        broken += judge(_search(subject, asked, channel))
        broken_unasked += judge(unasked[name][number] for number in numbers)
    wrong_unasked = sum(broken_unasked) / max(1, len(broken_unasked))
    return Strictness(kind.name, len(numbers) * len(systems), len(broken), sum(broken), wrong_unasked)


def _pick_words(hits: Results, count: int) -> tuple[str, ...]:
    """The last so many words that follow one another in the first hit's caption and all say something."""
    for hit in hits[:1]:
        words = tokenize(hit.caption)
        for start in range(len(words) - count, -1, -1):
            picked = words[start : start + count]
            if all(find_content([word]) for word in picked):
                return picked
    return ()
