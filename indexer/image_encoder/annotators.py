"""An image encoder in the library that runs it fastest: pixels in, annotations out. Reads and writes nothing.

Which library it is changes annotations by rounding alone: what is not torch in float32 is compared with it
on probes before it is used. Shapes: B photos, S pixels a side, L locations, D annotation channels.
"""

import copy
import logging
from collections.abc import Callable
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from indexer.image_encoder.efficientnet_lite import EfficientNetLite
from indexer.image_encoder.encoder import ImageEncoder
from indexer.image_encoder.lite_graph import build_graph
from retrieval.errors import InstallationError, UsageError, one_line
from retrieval.graph_session import GraphSession, open_session
from retrieval.runtime import Runtime, pick_runtimes

logger = logging.getLogger(__name__)

# Of a probe's annotations and those of torch in float32; bfloat16 gives 0.999.
_LEAST_COSINE = 0.995
_PROBES = 2
# Photos that go through a graph at once: more only fall out of the processor's cache.
_PHOTOS_AT_ONCE = 4


class Annotator(Protocol):
    """Photos → annotations. Implementations: `TorchAnnotator`, `GraphAnnotator`."""

    @property
    def runtime(self) -> Runtime:
        """The library that runs it."""
        ...

    def annotate(self, pixels_BSSC: np.ndarray) -> Tensor:
        """uint8 RGB (B, S, S, 3) → annotations a_BLD, on the device."""
        ...


class TorchAnnotator:
    """Any encoder, on any device."""

    runtime = Runtime.TORCH

    def __init__(self, encoder: ImageEncoder, device: torch.device, dtype: torch.dtype) -> None:
        self._device = device
        self._encoder = encoder.to(device).for_inference(dtype)

    @torch.inference_mode()
    def annotate(self, pixels_BSSC: np.ndarray) -> Tensor:
        """As `Annotator.annotate`."""
        # Torch shares the memory of an array, where that may be written to, instead of copying it once more.
        pixels = torch.from_numpy(np.require(pixels_BSSC, requirements=["C", "W"]))
        return cast(Tensor, self._encoder(pixels.to(self._device)))


class GraphAnnotator:
    """An EfficientNet-Lite in OpenVINO or ONNX Runtime, on the CPU."""

    def __init__(self, session: GraphSession, runtime: Runtime, dtype: torch.dtype) -> None:
        """`dtype` is what annotations are given in: the graph gives float32."""
        self.runtime = runtime
        self._session = session
        self._dtype = dtype

    def annotate(self, pixels_BSSC: np.ndarray) -> Tensor:
        """As `Annotator.annotate`."""
        starts = range(0, len(pixels_BSSC), _PHOTOS_AT_ONCE)
        batches = [{"pixels": pixels_BSSC[start : start + _PHOTOS_AT_ONCE]} for start in starts]
        return torch.cat([torch.from_numpy(part).to(self._dtype) for part in self._session.run(batches)])


def make_annotator(
    encoder: ImageEncoder, device: torch.device, dtype: torch.dtype, runtime: Runtime
) -> Annotator:
    """The encoder in the runtime that is asked for, for `AUTO` in the fastest one that is right.

    `dtype` is what torch computes in. The encoder is in float32, and is changed.

    Raises:
        InstallationError: the runtime is not installed, fails, or gives other annotations than torch in
            float32.
        UsageError: it does not run this encoder, or not on this device.
    """
    candidates = pick_runtimes(runtime, device.type)
    if not _has_graph(encoder):
        if runtime not in (Runtime.AUTO, Runtime.TORCH):
            raise UsageError(
                f"found image encoder {encoder.name}, which torch alone runs, and --runtime {runtime}; use "
                "--runtime torch"
            )
        return TorchAnnotator(encoder, device, dtype)
    probes_BSSC = make_probes(encoder.image_size)
    expected_BLD = TorchAnnotator(encoder, torch.device("cpu"), torch.float32).annotate(probes_BSSC)
    for candidate in candidates:
        try:
            annotator = _open(encoder, candidate, device, dtype)
            cosine = least_cosine(annotator.annotate(probes_BSSC), expected_BLD)
        # The libraries of graphs have no exceptions of one tree.
        except Exception as error:
            if candidate is Runtime.TORCH:
                raise
            found = f"{candidate} does not run the image encoder: {one_line(error)}"
        else:
            if cosine >= _LEAST_COSINE:
                return annotator
            found = (
                f"{candidate} gives other annotations than torch in float32: found a cosine of {cosine:.4f}, "
                f"expected at least {_LEAST_COSINE}"
            )
        if len(candidates) == 1:
            raise InstallationError(f"{found}; install another version of it, or use another --runtime")
        logger.warning("%s; the next best runtime is used", found)
    raise InstallationError("no runtime gives the annotations of torch in float32; install torch again")


def find_fastest(encoder: ImageEncoder) -> Callable[[Tensor], Tensor]:
    """`encoder.frozen_forward` of a frozen encoder on the CPU, in the fastest library that is installed.

    What is to be computed in float32 is left to torch: OpenVINO takes bfloat16 where the processor can.
    """
    if encoder.dtype is torch.float32 or not _has_graph(encoder):
        return encoder.frozen_forward
    annotator = make_annotator(copy.deepcopy(encoder), torch.device("cpu"), encoder.dtype, Runtime.AUTO)
    return lambda pixels_BSSC: annotator.annotate(pixels_BSSC.numpy())


def make_probes(size: int) -> np.ndarray:
    """Pixels like a photo's, uint8 (2, size, size, 3): smooth colours under a little noise."""
    random = np.random.default_rng(0)
    coarse = torch.from_numpy(random.uniform(0, 255, (_PROBES, 3, 9, 9)))
    smooth = functional.interpolate(coarse, (size, size), mode="bicubic").permute(0, 2, 3, 1).numpy()
    probes_BSSC: np.ndarray = np.clip(smooth + random.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)
    return probes_BSSC


def least_cosine(found_BLD: Tensor, expected_BLD: Tensor) -> float:
    """The least cosine of a photo's annotations, or what else is said of it; NaN where a number is none."""
    found_BP, expected_BP = (each.float().cpu().flatten(1) for each in (found_BLD, expected_BLD))
    return float(functional.cosine_similarity(found_BP, expected_BP).min())


def _has_graph(encoder: ImageEncoder) -> bool:
    return encoder.trainable is None and isinstance(encoder.trunk, EfficientNetLite)


def _open(encoder: ImageEncoder, runtime: Runtime, device: torch.device, dtype: torch.dtype) -> Annotator:
    if runtime is Runtime.TORCH:
        return TorchAnnotator(encoder, device, dtype)
    return GraphAnnotator(open_session(runtime, build_graph(encoder)), runtime, dtype)
