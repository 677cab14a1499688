"""The default captioner, whole: pixels → CNN → annotations → attention and RNN → captions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from indexer.captioner.captioner import Caption
from indexer.captioner.checkpoint import read_captioner, read_encoder
from indexer.captioner.checkpoint_hash import hash_captioner
from indexer.captioner.config import DecodingConfig
from indexer.captioner.decoder import Annotated, AttentionDecoder
from indexer.captioner.decoding import BeamDecoder, Decoded, beam_search, sample
from indexer.captioner.likelihood import measure_log_likelihood
from indexer.captioner.openvino_decoder import speed_up
from indexer.captioner.vocabulary import PAD, Vocabulary
from indexer.image_encoder import ImageEncoder
from indexer.image_encoder.annotators import make_annotator
from indexer.pipeline.threads import torch_on_half_the_cores
from retrieval.in_halves import in_halves
from retrieval.runtime import Runtime


class AttentionCaptioner:
    """Show, Attend and Tell over a CNN. Shapes: B photos, S pixels a side, L locations, D channels."""

    def __init__(
        self,
        name: str,
        weights_sha256: str,
        image_encoder: ImageEncoder,
        decoder: AttentionDecoder,
        vocabulary: Vocabulary,
        decoding: DecodingConfig,
        device: str = "cpu",
        runtime: Runtime = Runtime.TORCH,
        writes: bool = True,
    ) -> None:
        """`runtime` runs the CNN, and where it is OpenVINO the steps of beam search too; torch the rest.

        Who reads sentences alone needs no captioner that `writes`: nothing is compiled for beam search then.

        Raises:
            InstallationError, UsageError: as `make_annotator`.
        """
        self.name = name
        self.weights_sha256 = weights_sha256
        self.image_size = image_encoder.image_size
        self.image_encoder_sha256 = image_encoder.weights_sha256
        self.grid = image_encoder.grid
        self.hidden_units = decoder.size.hidden
        self.decoding = decoding
        self.vocabulary = vocabulary
        self.device = torch.device(device)
        self._dtype = fastest_dtype(self.device)
        self._annotator = make_annotator(image_encoder, self.device, self._dtype, runtime)
        self._decoder = decoder.eval()
        fast = None
        if writes and self.runtime is Runtime.OPENVINO:
            fast = speed_up(self._decoder, decoding.beam_width + 1, self._dtype)
        self._decoder.to(self.device, self._dtype)
        self._next_words: BeamDecoder = fast or self._decoder

    @property
    def runtime(self) -> Runtime:
        """What runs the CNN, and perhaps beam search."""
        return self._annotator.runtime

    def encode(self, pixels_BSSC: np.ndarray) -> Tensor:
        """uint8 RGB (B, S, S, 3) → annotations a_BLD."""
        parts = in_halves(
            lambda part: [self._annotator.annotate(pixels_BSSC[part]).to(self._dtype)], 0, len(pixels_BSSC)
        )
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def caption(self, pixels_BHWC: np.ndarray) -> list[Caption]:
        """The best caption of each photo by beam search."""
        return [captions[0] for captions in self.decode(self.encode(pixels_BHWC))]

    @torch.inference_mode()
    def decode(self, a_BLD: Tensor) -> list[list[Caption]]:
        """What beam search found of each photo, best first."""
        return in_halves(lambda part: self._decode(a_BLD[part]), 0, len(a_BLD))

    def _decode(self, a_BLD: Tensor) -> list[list[Caption]]:
        decoding = self.decoding
        width, words, penalty = decoding.beam_width, decoding.max_words, decoding.length_penalty
        # Meanwhile the CNN looks at the next photos.
        with torch_on_half_the_cores():
            photos = self._next_words.annotate(a_BLD)
            decoded = beam_search(self._next_words, photos, width, words, penalty)
        return self._to_captions(decoded)

    @torch.inference_mode()
    def sample(self, a_BLD: Tensor, samples: int, temperature: float, seed: int) -> list[list[Caption]]:
        """`samples` captions of each photo; low temperatures stay close to the best one.

        The same seed gives a photo the same captions whatever the other photos are.
        """
        return in_halves(lambda part: self._sample(a_BLD[part], samples, temperature, seed), 0, len(a_BLD))

    def _sample(self, a_BLD: Tensor, samples: int, temperature: float, seed: int) -> list[list[Caption]]:
        photos = self._decoder.annotate(a_BLD)
        generator = torch.Generator(self.device).manual_seed(seed)
        words = self.decoding.max_words
        return self._to_captions(sample(self._decoder, photos, samples, words, temperature, generator))

    @torch.inference_mode()
    def read_states(self, a_BLD: Tensor, captions: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """The hidden state once each word of a photo's caption was read: float32 (words, hidden units)."""
        encoded = [torch.tensor(self.vocabulary.encode(words)[:-1]) for words in captions]
        words_BT = pad_sequence(encoded, batch_first=True, padding_value=PAD).to(self.device)
        photos = self._decoder.annotate(a_BLD)
        state, read = self._decoder.begin(photos, 1), []
        for y_B in words_BT.unbind(dim=1):
            state = self._decoder.step(y_B.unsqueeze(1), state, photos).state
            read.append(state.h_BKH.squeeze(1))
        h_BTH = torch.stack(read, dim=1).float().cpu().numpy()
        return [h_TH[1 : len(words) + 1] for h_TH, words in zip(h_BTH, captions, strict=True)]

    @torch.inference_mode()
    def annotate(self, a_BLD: Tensor) -> list[Annotated]:
        """What the decoder reads of each photo: φ (L, F) and keys (L, A)."""
        photos = self._decoder.annotate(a_BLD)
        # Clones: a view of one photo would keep the whole batch in memory.
        return [Annotated(phi.clone(), keys.clone()) for phi, keys in zip(*photos, strict=True)]

    def find_words(self, tokens: Sequence[str]) -> tuple[str, ...]:
        """Those of the tokens that are words of this captioner, no more than a caption may have."""
        return self.vocabulary.find_words(tokens)[: self.decoding.max_words]

    def measure_log_likelihood(self, photos: Sequence[Annotated], words: Sequence[str]) -> np.ndarray:
        """Log p(words | photo) in nats, float32 (B,), for what `annotate` and `find_words` gave."""
        phi_BLF, keys_BLA = (torch.stack(parts) for parts in zip(*photos, strict=True))
        numbers = self.vocabulary.encode(words)[1:-1]
        return measure_log_likelihood(self._decoder, Annotated(phi_BLF, keys_BLA), numbers).cpu().numpy()

    def _to_captions(self, decoded: Decoded) -> list[list[Caption]]:
        numbers_BKT = decoded.words_BKT.tolist()
        logprob_BK = decoded.logprob_BK.tolist()
        alpha_BKTRC = decoded.alpha_BKTL.float().unflatten(-1, self.grid).cpu().numpy()
        captions: list[list[Caption]] = []
        for photo, beams in enumerate(numbers_BKT):
            captions.append([])
            for beam, numbers in enumerate(beams):
                words = self.vocabulary.decode(numbers)
                attention_TRC = alpha_BKTRC[photo, beam, : len(words)]
                captions[-1].append(Caption(words, logprob_BK[photo][beam], attention_TRC))
        return captions


def load_attention_captioner(
    checkpoint: Path,
    device: str = "cpu",
    beam_width: int = 0,
    runtime: Runtime = Runtime.TORCH,
    enlarged: float = 1.0,
    writes: bool = True,
) -> AttentionCaptioner:
    """The captioner of a checkpoint, its CNN taken from where the checkpoint's config says.

    It looks at photos `enlarged` times as large as in training (see `ImageEncoder.enlarge`), and is made for
    beam search where it `writes`.

    Raises:
        CheckpointError: the checkpoint was trained on another CNN's annotations.
        InstallationError, UsageError: as `make_annotator`.
    """
    decoder, header = read_captioner(checkpoint)
    image_encoder = read_encoder(checkpoint, header).enlarge(enlarged)
    decoding = header.config.decoding
    if beam_width:
        decoding = decoding.model_copy(update={"beam_width": beam_width})
    digest = hash_captioner(checkpoint, image_encoder.weights_sha256)
    name = f"{checkpoint.stem} on {image_encoder.name}"
    vocabulary = Vocabulary(header.vocabulary)
    return AttentionCaptioner(
        name, digest, image_encoder, decoder, vocabulary, decoding, device, runtime, writes
    )


def fastest_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the processor multiplies it natively, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if native else torch.float32
