"""What `retrieve bench growth` reckons with. Reads configs/growth.toml through `retrieval.config`."""

from pydantic import Field, field_validator

from retrieval.config import Config


class GpuFlat(Config):
    """Exact search on a GPU as it was measured: one query alone, and queries a second of 1,000 at once."""

    vectors: int = Field(ge=1)
    query_ms: float = Field(gt=0)
    queries_per_second: float = Field(gt=0)


class GpuFigures(Config):
    """What was measured on one GPU: its CNN, its memory, and exact search there."""

    name: str = Field(min_length=1)
    cnn_photos_per_second: float = Field(gt=0)
    bytes_per_second: float = Field(gt=0)
    flat: tuple[GpuFlat, ...] = Field(min_length=1)


_MEASURED = GpuFigures(
    name="NVIDIA H200",
    cnn_photos_per_second=5756,
    bytes_per_second=4.247e12,
    flat=(GpuFlat(vectors=100_000, query_ms=0.428, queries_per_second=297_522),),
)


class GrowthConfig(Config):
    """The keys of configs/growth.toml, where each is explained."""

    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    queries: int = Field(default=500, ge=1)
    photos: tuple[int, ...] = Field(default=(1_000_000, 100_000_000, 1_000_000_000), min_length=1)
    cpu_photos_per_second: float = Field(default=136.3, gt=0)
    cnn_photos_per_second: float = Field(default=229.3, gt=0)
    gpu: GpuFigures = _MEASURED
    gpus: int = Field(default=100, ge=1)

    @field_validator("sizes")
    @classmethod
    def _require_growth(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if len(sizes) < 2 or sizes[0] < 1 or sizes != tuple(sorted(set(sizes))):
            raise ValueError("expected two sizes or more, each larger than the one before")
        return sizes
