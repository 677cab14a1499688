"""`retrieve eval`, whole. Reads a captioned dataset and an index (or builds one), writes the report's files.

OUT/report.json, report.md, report.html, run-info.json, run.*.txt, qrels.txt, and OUT/index where none is
given.
"""

from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from eval.ablation.experiments import read_experiments, read_parts
from eval.ann.benchmark import AnnBenchmark
from eval.ann.exact import read_exact_channels
from eval.ann.study import study_indexes
from eval.calibration.study import study_calibration
from eval.captions.study import CaptionStudy, start_caption_study, study_diversity
from eval.dataset.preparation import EvalRequest, Subject, open_subject, read_collection
from eval.failures.strictness import study_strictness
from eval.failures.study import study_failures
from eval.human_grades.human_judgement import HumanJudgement, judge_systems
from eval.human_grades.judgements import JudgedPair, Judgement, match_judgements, read_judgements
from eval.measures.bootstrap import PhotoBootstrap
from eval.measures.comparisons import Comparison, compare_pairs
from eval.measures.significance import PhotoPermutation
from eval.measures.system_result import measure_sentence_search, measure_shares, measure_system
from eval.report.environment import describe_hardware, read_versions
from eval.report.findings import AnnResult, IndexDescription, Report
from eval.report.gate import check_comparable, compare_with_baseline, read_baseline
from eval.report.markdown import render_markdown
from eval.report.page.page import render_page
from eval.report.published import find_published
from eval.report.run_info import RunInfo
from eval.report.stopwatch import Stopwatch
from eval.searching.scored_queries import describe_depth, score_photos
from eval.searching.search_outcome import SearchOutcome, search_all
from eval.searching.systems import list_systems
from eval.searching.trec import format_qrels
from retrieval.generations.commit import time_now
from retrieval.printable import make_printable
from retrieval.progress import Progress, no_progress
from retrieval.store.files import hash_bytes, make_folder, write_file
from retrieval.store.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The report, what its making took, and each system against itself in the baseline, if there is one."""

    report: Report
    info: RunInfo
    against_baseline: tuple[Comparison, ...]


def evaluate(request: EvalRequest, progress: Progress = no_progress) -> Evaluation:
    """Write the files of the report and return what is in them.

    `DatasetError` where the dataset, its split, or photos of it in the index are missing; `UsageError` for a
    baseline that is none; what the indexer and the engine raise passes through.
    """
    watch = Stopwatch()
    baseline = read_baseline(request.baseline) if request.baseline else None
    dataset, collection = read_collection(request, progress)
    if baseline:
        check_comparable(baseline, hash_bytes(format_qrels(collection)), collection)
    judgements = read_judgements(request.data) or []
    pairs = match_judgements(judgements, collection)
    with watch.time("index"):
        subject = open_subject(request, dataset, collection, progress)
    make_folder(request.out)
    # Before the caption metrics: beside their Java program the encoder is several times slower on two cores.
    with watch.time("encode queries"):
        subject.encoder.remember([query.text for query in collection.queries], progress)
    with start_caption_study(subject.captions, collection, pairs) as captions:
        report, benchmark = _measure(subject, request, captions, (judgements, pairs), watch, progress)
    info = RunInfo(
        command=make_printable(request.command),
        hardware=describe_hardware(),
        seconds=watch.seconds,
        finished=time_now(),
        stages=watch.stages,
        ann_speed=tuple(asdict(speed) for speed in benchmark.speeds) if benchmark else (),
    )
    _write(report, info, subject, request.out)
    against = (
        compare_with_baseline(report, baseline, collection.right_photos, request.config) if baseline else ()
    )
    return Evaluation(report, info, against)


def _measure(
    subject: Subject,
    request: EvalRequest,
    captions: CaptionStudy,
    judged: tuple[list[Judgement], list[JudgedPair]],
    watch: Stopwatch,
    progress: Progress,
) -> tuple[Report, AnnBenchmark | None]:
    collection, config = subject.collection, request.config
    with watch.time("search"):
        outcome = search_all(subject, request.out, config, progress)
    with watch.time("failures"):
        exact = read_exact_channels(subject)
        failures = study_failures(subject, outcome, exact, config)
    with watch.time("index types"):
        ann = study_indexes(subject, exact, config, progress)
    with watch.time("people's grades"):
        human = _judge(subject, request, *judged)
    with watch.time("probabilities"):
        sureness = study_calibration(subject, judged[1], config.queries_per_batch, progress)
    with watch.time("strict queries"):
        strictness = study_strictness(subject, config.strict_queries, progress)
    with watch.time("intervals and tests"):
        results = measure_systems(subject, outcome, request)
    with watch.time("waiting for caption metrics"):
        quality, kendall = captions.quality(), captions.kendall()
    report = replace(
        results,
        captions=quality.percent,
        notices=(*describe_depth(collection, subject.manifest), *quality.notices),
        diversity=study_diversity(subject.captions, collection),
        human_judgement=replace(human, kendall=kendall) if human else None,
        sureness=sureness,
        strictness=strictness,
        failures=failures,
        ann=AnnResult(ann[0], ann[1].sets, ann[1].rows) if ann else None,
    )
    return report, ann[1] if ann else None


def _judge(
    subject: Subject, request: EvalRequest, judgements: list[Judgement], pairs: list[JudgedPair]
) -> HumanJudgement | None:
    """None where no judged pair is of this split."""
    if not pairs:
        return None
    systems = {
        name: partial(score_photos, subject.engine, subject.collection, channel=channel)
        for name, channel in list_systems(subject.engine).items()
    }
    outside = len(judgements) - len(pairs)
    return judge_systems(pairs, outside, systems, request.config.bootstrap_resamples, request.config.seed)


def measure_systems(subject: Subject, outcome: SearchOutcome, request: EvalRequest) -> Report:
    """The report of what was searched, without what else was studied."""
    collection, config = subject.collection, request.config
    by_sentence = PhotoBootstrap(collection.right_photos, config.bootstrap_resamples, config.seed)
    by_photo = PhotoBootstrap(np.arange(len(collection.photos)), config.bootstrap_resamples, config.seed)
    permutation = PhotoPermutation(collection.right_photos, config.permutations, config.seed)
    placements = outcome.placements
    measured = {name: measure_system(each, by_sentence) for name, each in placements.items()}
    shares = {name: measure_shares(each) for name, each in placements.items()}
    return Report(
        dataset=collection.dataset,
        split=collection.split,
        photos=len(collection.photos),
        queries=len(collection.queries),
        systems={name: measured[name] for name in outcome.runs},
        captions={},
        ceiling={name: each for name, each in measured.items() if name not in outcome.runs},
        sentence_search={
            name: measure_sentence_search(each, by_photo) for name, each in outcome.by_image.items()
        },
        comparisons=compare_pairs(list(combinations(shares.items(), 2)), by_sentence, permutation),
        published=find_published(collection.dataset, collection.split, len(collection.photos)),
        parts=read_parts(collection.dataset),
        ablation=read_experiments(collection.dataset),
        index=_describe_index(subject.manifest),
        annotations={"name": subject.dataset.file_names, "sha256": subject.dataset.hash_captions()},
        left_out=subject.dataset.left_out,
        config=config.model_dump(exclude=_find_unused(request)),
        versions=read_versions(),
        qrels_sha256=hash_bytes(format_qrels(collection)),
        placements=placements,
    )


def _find_unused(request: EvalRequest) -> dict[str, Any]:
    """The keys of the config that this evaluation takes no notice of, as pydantic excludes them."""
    unused: dict[str, Any] = {"index": True} if request.index else {}
    return unused if request.rerank else unused | {"search": {"rerank"}}


def _write(report: Report, info: RunInfo, subject: Subject, out: Path) -> None:
    collection = subject.collection
    write_file(out / "qrels.txt", format_qrels(collection))
    write_file(out / "run-info.json", info.to_json().encode())
    write_file(out / "report.json", report.to_json().encode())
    write_file(out / "report.md", render_markdown(report, info).encode())
    page = render_page(report, info, collection.files, collection.right_photos)
    write_file(out / "report.html", page.encode())


def _describe_index(manifest: Manifest) -> IndexDescription:
    head = manifest.image_head
    return IndexDescription(
        photos=manifest.photos,
        generation=manifest.generation,
        captioner=asdict(manifest.captioner),
        text_encoder=asdict(manifest.text_encoder),
        image_head=None if head is None else {"name": head.name, "sha256": head.sha256},
        vectors=tuple(
            {"channel": record.channel, "kind": record.kind, "sha256": record.sha256}
            for record in manifest.vectors
        ),
    )
