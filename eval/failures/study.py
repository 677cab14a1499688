"""Why the queries of an evaluation fail. Reads an opened index, returns counts and the worst."""

from dataclasses import replace

from eval.ann.exact import ExactChannels, find_skipped
from eval.config import EvalConfig
from eval.dataset.preparation import Subject
from eval.failures.causes import Cause, Miss
from eval.failures.misses import Evidence, Exhibit, Failures, explain_misses, pick_worst
from eval.measures.rank_measures import first_rank
from eval.searching.scored_queries import pick_depth, score_photos
from eval.searching.search_outcome import SearchOutcome
from eval.searching.systems import list_systems, pick_headline


def study_failures(
    subject: Subject, outcome: SearchOutcome, exact: ExactChannels, config: EvalConfig
) -> Failures:
    """The misses of the system that a search without further ado uses."""
    systems = list_systems(subject.engine)
    headline, depth = pick_headline(systems), config.miss_depth
    runs = {name: outcome.runs[name] for name in systems}
    own_scores = {name: run.own_scores for name, run in runs.items()}
    evidence = Evidence(
        ranks={name: first_rank(run.placements) for name, run in runs.items()},
        captions=subject.captions,
        ceiling=None if outcome.ceiling is None else first_rank(outcome.ceiling),
        skipped=find_skipped(subject, exact, own_scores, depth),
    )
    failures, explained = explain_misses(subject.collection, evidence, headline, depth)
    worst = pick_worst(subject.collection, explained, config.gallery)
    return replace(failures, worst=_exhibit(subject, systems[headline], headline, worst))


def _exhibit(
    subject: Subject, channel: str | None, headline: str, worst: list[tuple[Miss, Cause]]
) -> tuple[Exhibit, ...]:
    collection = subject.collection
    queries = [collection.queries[miss.query] for miss, _ in worst]
    if not queries:
        return ()
    depth = pick_depth(collection, subject.manifest.photos)
    firsts = score_photos(subject.engine, collection, queries, channel, depth).argmax(axis=1).tolist()
    return tuple(
        Exhibit(
            query=query.name,
            text=query.text,
            photo=collection.photos[query.photo].names[0],
            caption=subject.captions[query.photo],
            cause=cause,
            mentioned=miss.mentioned,
            ranks={headline: miss.rank, **miss.ranks},
            instead=collection.photos[first].names[0],
            instead_caption=subject.captions[first],
        )
        for query, (miss, cause), first in zip(queries, worst, firsts, strict=True)
    )
