"""Growth, measured and on paper, as Markdown. Touches no file."""

from collections.abc import Iterator, Sequence

from eval.ann.vectors import NOISE
from eval.growth.config import GpuFigures, GpuFlat, GrowthConfig
from eval.growth.measurement import Grown
from eval.growth.paper import count_hours, find_laws
from retrieval.markdown_table import render_markdown_table

_VECTOR_BYTES = 4 * 384
_MEASURED = (
    "caption vectors",
    "index",
    "built in",
    "one query",
    "many at once",
    "ann\\_recall@10",
    "on disk, a vector",
    "memory of a search",
)


def render_growth(grown: Sequence[Grown], config: GrowthConfig, photo_bytes: float, source: str) -> str:
    """What was measured; then what follows from it for more photos, the arithmetic in the first column."""
    measured = render_markdown_table(_MEASURED, [_list_measured(each) for each in grown])
    sizes = ("photos", *(f"{photos:,}" for photos in config.photos))
    paper = render_markdown_table(sizes, _list_paper(grown, config, photo_bytes))
    noise = f"Gaussian noise of length {NOISE:g}"
    header = (f"caption vectors, flat, on one {config.gpu.name}", "one query", "at least", "many at once")
    on_gpu = render_markdown_table(header, [_list_gpu(each, config.gpu) for each in config.gpu.flat])
    whence = f"Of {source}; beyond those, perturbed from them ({noise})."
    return "\n\n".join([measured, whence, on_gpu, paper])


def _list_measured(each: Grown) -> list[str]:
    return [
        f"{each.vectors:,}",
        each.kind,
        f"{each.build_seconds:,.1f} s",
        f"{each.query_ms:,.2f} ms",
        f"{each.queries_per_second:,.0f}/s",
        f"{each.ann_recall:.3f}",
        f"{each.disk_bytes / each.vectors:,.0f} B",
        f"{each.peak_bytes / 1e6:,.0f} MB",
    ]


def _list_gpu(each: GpuFlat, gpu: GpuFigures) -> list[str]:
    """What was measured, beside the time in which the vectors' bytes can be read."""
    size, speed = each.vectors * _VECTOR_BYTES, gpu.bytes_per_second
    least = f"{1000 * size / speed:,.2f} ms = {format_bytes(size)} / {format_bytes(speed)}/s"
    return [f"{each.vectors:,}", f"{each.query_ms:,.2f} ms", least, f"{each.queries_per_second:,.0f}/s"]


def _list_paper(grown: Sequence[Grown], config: GrowthConfig, photo_bytes: float) -> Iterator[list[str]]:
    if photo_bytes:
        yield _size_line(f"shards, {photo_bytes:,.0f} B a photo", photo_bytes, config)
    laws = find_laws(grown)
    for law in laws:
        each = law.vector_bytes
        yield _size_line(f"vectors of a channel, {law.kind}, {each:,.0f} B a photo", each, config)
    yield _hours_line("indexing, two cores", config.cpu_photos_per_second, config)
    yield _hours_line("the CNN alone, two cores", config.cnn_photos_per_second, config)
    of_gpu = config.gpu.cnn_photos_per_second
    yield _hours_line(f"the CNN alone, one {config.gpu.name}", of_gpu, config)
    yield _hours_line(f"the CNN alone, {config.gpus} of them", config.gpus * of_gpu, config)
    for law in laws:
        how = f"{law.query_ms:,.2f} ms × (photos / {law.measured:,})^{law.power:.2f}"
        times = [format_seconds(law.query_ms_of(photos) / 1000) for photos in config.photos]
        yield [f"one query, {law.kind}, {how}", *times]


def _size_line(name: str, each: float, config: GrowthConfig) -> list[str]:
    return [name, *(format_bytes(each * photos) for photos in config.photos)]


def _hours_line(name: str, photos_per_second: float, config: GrowthConfig) -> list[str]:
    hours = [format_hours(count_hours(photos, photos_per_second)) for photos in config.photos]
    return [f"{name}, {photos_per_second:,.1f} photos/s", *hours]


def format_bytes(count: float) -> str:
    """In the largest unit of which there is one at least."""
    for unit, size in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:,.0f} B"


def format_hours(hours: float) -> str:
    """Seconds, minutes, hours, days or years."""
    if hours < 1 / 60:
        return f"{3600 * hours:,.0f} s"
    if hours < 1:
        return f"{60 * hours:,.0f} min"
    if hours < 48:
        return f"{hours:,.1f} h"
    days = hours / 24
    return f"{days:,.0f} days" if days < 730 else f"{days / 365:,.0f} years"


def format_seconds(seconds: float) -> str:
    """Milliseconds below a second."""
    return f"{1000 * seconds:,.1f} ms" if seconds < 1 else f"{seconds:,.1f} s"
