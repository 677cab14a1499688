"""Every runtime of the CNN against torch in float32; one that drifts is not used."""

import logging

import numpy as np
import pytest
import torch
from onnx import ModelProto

import indexer.image_encoder.annotators as annotators
from indexer.captioner.attention_captioner import fastest_dtype
from indexer.image_encoder import ImageEncoder, load_image_encoder
from indexer.image_encoder.annotators import least_cosine, make_annotator, make_probes
from indexer.image_encoder.lite_graph import build_graph
from retrieval.errors import InstallationError, UsageError
from retrieval.graph_session import open_session
from retrieval.runtime import Runtime, is_installed

CPU = torch.device("cpu")
RUNTIMES = [
    pytest.param(runtime, marks=pytest.mark.skipif(not is_installed(runtime), reason=f"found no {runtime}"))
    for runtime in (Runtime.TORCH, Runtime.ONNXRUNTIME, Runtime.OPENVINO)
]


def load_encoder(name: str = "efficientnet-lite2-flickr8k") -> ImageEncoder:
    return load_image_encoder(name)


def make(runtime: Runtime, name: str = "efficientnet-lite2-flickr8k") -> annotators.Annotator:
    return make_annotator(load_encoder(name), CPU, fastest_dtype(CPU), runtime)


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """Crops of two photographs, uint8 (6, 320, 320, 3)."""
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the photos")
    whole = [data.astronaut(), data.rocket()]
    return np.stack([photo[top : top + 320, 100:420] for photo in whole for top in (0, 50, 100)])


@torch.inference_mode()
def annotate_plainly(name: str, pixels: np.ndarray) -> torch.Tensor:
    return load_image_encoder(name).eval()(torch.from_numpy(pixels))


def require_agreement(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Most photos to a cosine of 0.995 (of 100 in bfloat16 the median is 0.998), each to 0.99."""
    pairs = zip(found.split(1), expected.split(1), strict=True)
    each = [least_cosine(*pair) for pair in pairs]
    assert np.median(each) >= 0.995
    assert min(each) >= 0.99


@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite2", "efficientnet-lite2-flickr8k"])
def test_the_graph_is_the_network(name: str, photos: np.ndarray) -> None:
    encoder = load_encoder(name)
    pixels = photos[:3, : encoder.image_size, : encoder.image_size]
    encoder.for_inference(torch.float32)
    (found,) = open_session(Runtime.ONNXRUNTIME, build_graph(encoder)).run([{"pixels": pixels}])
    np.testing.assert_allclose(found, annotate_plainly(name, pixels).numpy(), atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_annotations_of_photos_are_those_of_float32(runtime: Runtime, photos: np.ndarray) -> None:
    annotator = make(runtime)
    assert annotator.runtime is runtime
    found = annotator.annotate(photos)
    assert found.shape == (6, 100, 1280)
    assert found.dtype is fastest_dtype(CPU)
    expected = annotate_plainly("efficientnet-lite2-flickr8k", photos)
    require_agreement(found, expected)
    # Each photo in its place.
    assert least_cosine(found.flip(0), expected) < 0.9


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_same_photos_give_the_same_bytes(runtime: Runtime, photos: np.ndarray) -> None:
    first, again = make(runtime), make(runtime)
    expected = first.annotate(photos)
    for annotator in (first, again, again):
        assert torch.equal(annotator.annotate(photos), expected)


def drifting(encoder: ImageEncoder) -> object:
    """The graph of another network than torch runs: its last filters are in another order."""
    other = load_encoder().for_inference(torch.float32)
    filters = other.trunk.get_parameter("conv_head.weight")
    with torch.no_grad():
        filters.copy_(filters.flip(0))
    return build_graph(other)


def test_a_runtime_that_drifts_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotators, "build_graph", drifting)
    with pytest.raises(InstallationError) as refused:
        make(Runtime.ONNXRUNTIME)
    said = str(refused.value)
    assert "\n" not in said
    assert "onnxruntime gives other annotations than torch in float32: found a cosine of 0." in said


def test_auto_goes_on_to_the_next_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(annotators, "build_graph", drifting)
    with caplog.at_level(logging.WARNING):
        assert make(Runtime.AUTO).runtime is Runtime.TORCH
    assert "onnxruntime gives other annotations" in caplog.text


def empty(encoder: ImageEncoder) -> ModelProto:
    """A graph that no library runs."""
    return ModelProto()


def test_a_runtime_that_fails_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotators, "build_graph", empty)
    with pytest.raises(
        InstallationError, match=r"\Aonnxruntime does not run the image encoder: .+; install .*\Z"
    ):
        make(Runtime.ONNXRUNTIME)


def test_auto_goes_on_to_the_next_where_one_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(annotators, "build_graph", empty)
    with caplog.at_level(logging.WARNING):
        assert make(Runtime.AUTO).runtime is Runtime.TORCH
    said = [each for each in caplog.messages if "does not run the image encoder" in each]
    assert len(said) == sum(map(is_installed, (Runtime.ONNXRUNTIME, Runtime.OPENVINO)))


def test_numbers_that_are_none_are_drift(photos: np.ndarray) -> None:
    right = torch.ones(2, 3, 4)
    assert least_cosine(right, right) == pytest.approx(1.0)
    assert not least_cosine(torch.full_like(right, torch.nan), right) >= 0.0


@pytest.mark.parametrize("name", ["resnet", "hrnet"])
def test_encoders_of_other_kinds_run_in_torch(name: str) -> None:
    encoder = load_image_encoder(name)
    assert make_annotator(encoder, CPU, torch.float32, Runtime.AUTO).runtime is Runtime.TORCH
    with pytest.raises(UsageError, match=f"image encoder {name}, which torch alone runs.*--runtime torch"):
        make_annotator(load_image_encoder(name), CPU, torch.float32, Runtime.ONNXRUNTIME)


def test_probes_are_like_photos_and_always_the_same() -> None:
    probes = make_probes(96)
    assert probes.shape == (2, 96, 96, 3)
    assert probes.std() > 30
    steps = np.abs(np.diff(probes.astype(int), axis=1)).mean()
    assert 5 < steps < 20
    np.testing.assert_array_equal(probes, make_probes(96))


def test_pixels_that_may_not_be_written_to_are_read(photos: np.ndarray) -> None:
    annotator = make(Runtime.TORCH)
    read_only = photos[:2].copy()
    read_only.flags.writeable = False
    expected = annotator.annotate(photos[:2])
    assert torch.equal(annotator.annotate(read_only), expected)
    assert torch.equal(
        annotator.annotate(photos[:2, :, ::-1]), annotator.annotate(photos[:2, :, ::-1].copy())
    )


@pytest.mark.gpu
def test_annotations_of_a_gpu_are_those_of_float32(photos: np.ndarray) -> None:
    gpu = torch.device("cuda")
    annotator = make_annotator(load_encoder(), gpu, fastest_dtype(gpu), Runtime.AUTO)
    assert annotator.runtime is Runtime.TORCH
    expected = annotate_plainly("efficientnet-lite2-flickr8k", photos)
    require_agreement(annotator.annotate(photos), expected)
