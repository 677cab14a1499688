"""The decoder with its step in OpenVINO, exported from `AttentionDecoder`. Reads and writes nothing.

Shapes: B photos, K captions of each, L locations, F features of φ, A attention units, H hidden units, N words
that may come next.
"""

import copy
import logging
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from indexer.captioner.decoder import Annotated, AttentionDecoder, NextWords, State
from indexer.captioner.exponential_attention import ExponentialAttention, exponentiate
from indexer.image_encoder.annotators import least_cosine
from indexer.pipeline.threads import half_the_cores
from retrieval.errors import one_line
from retrieval.graph_session import import_openvino

logger = logging.getLogger(__name__)

# Of a probe's states, attention and log-probabilities and those of torch in float32.
_LEAST_COSINE = 0.995
# Photos, captions of each and locations: what it is exported with, and what it is then compared on.
_EXPORTED, _COMPARED = (4, 2, 16), (3, 5, 9)


class _Exported(nn.Module):
    """`AttentionDecoder.next_words` with tensors alone going in and coming out."""

    def __init__(self, decoder: AttentionDecoder, count: int) -> None:
        super().__init__()
        self.decoder = decoder
        self.count = count

    def forward(
        self, y_BK: Tensor, phi_BLF: Tensor, keys_BLA: Tensor, h_BKH: Tensor, memory_BKH: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        following = self.decoder.next_words(
            y_BK, State(h_BKH, memory_BKH), Annotated(phi_BLF, keys_BLA), self.count
        )
        state, *others = following
        return (*others, *(part for part in state if part is not None))


class OpenVinoDecoder:
    """What beam search asks of a decoder, on the CPU, for one `count` of next words."""

    def __init__(self, decoder: AttentionDecoder, count: int, dtype: torch.dtype) -> None:
        """`decoder` is in float32 now, and in `dtype`, which is computed in, when `begin` is called."""
        openvino = import_openvino()
        y_BK, state, a_BLD = make_probes(decoder, *_EXPORTED)
        exported = copy.deepcopy(decoder)
        exported.attention = ExponentialAttention(exported.attention)
        self._decoder, self._count, self._dtype = decoder, count, dtype
        example = (y_BK, *(part.float() for part in self.annotate(a_BLD)), *_present(state))
        with warnings.catch_warnings():
            # torch advises against its tracer, which is what OpenVINO reads modules through. Whether the step
            # is right is measured by `speed_up`: the tracer's own check takes two thirds of a second.
            warnings.simplefilter("ignore", DeprecationWarning)
            traced = torch.jit.trace(_Exported(exported, count).eval(), example, check_trace=False)
            model = openvino.convert_model(traced, example_input=example)
        self._precision = openvino.Type.bf16 if dtype is torch.bfloat16 else openvino.Type.f32
        process = openvino.preprocess.PrePostProcessor(model)
        for photos_input in (1, 2):
            process.input(photos_input).tensor().set_element_type(self._precision)
        compiled = openvino.Core().compile_model(
            process.build(),
            "CPU",
            {"INFERENCE_PRECISION_HINT": self._precision, "INFERENCE_NUM_THREADS": half_the_cores()},
        )
        self._share = partial(_share, openvino.Tensor, self._precision)
        self._request = compiled.create_infer_request()

    @torch.no_grad()
    def annotate(self, a_BLD: Tensor) -> Annotated:
        """Annotations → φ and e^(2 U_a φ), in `dtype`."""
        phi_BLF, keys_BLA = self._decoder.annotate(a_BLD)
        return Annotated(phi_BLF.to(self._dtype), exponentiate(keys_BLA.float()).to(self._dtype))

    def begin(self, photos: Annotated, captions: int) -> State:
        """As `AttentionDecoder.begin`, in float32."""
        return self._decoder.begin(photos, captions).map(lambda part: part.float().contiguous())

    def next_words(self, y_BK: Tensor, state: State, photos: Annotated, count: int) -> NextWords:
        """As `AttentionDecoder.next_words`; the state is in float32, the photos are what `annotate` gave."""
        assert count == self._count
        inputs = [y_BK.numpy(), *map(self._share, photos), *(part.numpy() for part in _present(state))]
        outputs = self._request.infer(inputs, share_inputs=True)
        alpha_BKL, words_BKN, logprob_BKN, end_BK, h_BKH, *memory = map(torch.from_numpy, outputs.values())
        return NextWords(State(h_BKH, *(memory or (None,))), alpha_BKL, words_BKN, logprob_BKN, end_BK)


def speed_up(decoder: AttentionDecoder, count: int, dtype: torch.dtype) -> OpenVinoDecoder | None:
    """The decoder, which is in float32, in OpenVINO; None where that cannot run it or says something else."""
    # OpenVINO has no exceptions of one tree for a module that it cannot read.
    try:
        fast = OpenVinoDecoder(decoder, count, dtype)
        cosine = _least_cosine(fast, decoder, count)
    except Exception as error:
        logger.warning("captions are left to torch, which is slower: OpenVINO says: %s", one_line(error))
        return None
    if cosine >= _LEAST_COSINE:
        return fast
    logger.warning(
        "captions are left to torch, which is slower: found a cosine of %.4f between what OpenVINO makes of "
        "a step and what is right, expected at least %s",
        cosine,
        _LEAST_COSINE,
    )
    return None


@torch.no_grad()
def make_probes(
    decoder: AttentionDecoder, photos: int, captions: int, locations: int
) -> tuple[Tensor, State, Tensor]:
    """Words, states and annotations of captions of photos that there are not."""
    random, size = torch.Generator().manual_seed(0), decoder.size
    a_BLD = torch.randn(photos, locations, size.channels, generator=random).relu()
    y_BK = torch.randint(size.vocabulary, (photos, captions), generator=random)
    return y_BK, decoder.begin(decoder.annotate(a_BLD), captions).map(torch.clone), a_BLD


@torch.inference_mode()
def _least_cosine(fast: OpenVinoDecoder, decoder: AttentionDecoder, count: int) -> float:
    """The least cosine of a probe's state, attention or log-probabilities; NaN where one is no number."""
    y_BK, state, a_BLD = make_probes(decoder, *_COMPARED)
    expected = decoder.next_words(y_BK, state, decoder.annotate(a_BLD), count)
    found = fast.next_words(y_BK, state, fast.annotate(a_BLD), count)
    return float(np.min(list(map(least_cosine, _compared(found), _compared(expected)))))


def _compared(following: NextWords) -> list[Tensor]:
    logprobs = torch.cat([following.logprob_BKN, following.end_BK.unsqueeze(-1)], dim=-1)
    return [*_present(following.state), following.alpha_BKL, logprobs]


def _present(state: State) -> list[Tensor]:
    return [part for part in state if part is not None]


def _share(make_tensor: Callable[..., Any], precision: Any, part: Tensor) -> Any:
    """The same memory as a tensor of OpenVINO's, by way of its bits: numpy has no bfloat16."""
    bits = part.contiguous()
    if part.dtype is torch.bfloat16:
        return make_tensor(bits.view(torch.int16).numpy(), list(part.shape), precision)
    return bits.numpy()
