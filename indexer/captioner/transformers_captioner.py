"""Any image-to-text model of the `transformers` library as a captioner, without attention."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from indexer.captioner.captioner import Caption
from retrieval.errors import CheckpointError, first_line
from retrieval.in_halves import in_halves
from retrieval.pretrained.cached_first import load_cached_first
from retrieval.pretrained.quiet_loading import quiet_loading
from retrieval.pretrained.whole_weights import load_weights
from retrieval.printable import make_printable

_MAX_WORDS = 20


class TransformersCaptioner:
    """A model such as BLIP or GIT, with its own processor.

    Its `weights_sha256` is to cover the beam width as well, which nobody adds for a captioner that keeps its
    beams to itself.
    """

    def __init__(
        self,
        name: str,
        weights_sha256: str,
        image_size: int,
        model: Any,
        processor: Any,
        beam_width: int,
    ) -> None:
        self.name = name
        self.weights_sha256 = weights_sha256
        self.image_size = image_size
        self._model = model
        self._processor = processor
        self._beam_width = beam_width

    def caption(self, pixels_BHWC: np.ndarray) -> list[Caption]:
        """The best caption of each photo by beam search, lower case, for uint8 RGB (B, S, S, 3)."""
        return in_halves(lambda part: self._caption(pixels_BHWC[part]), 0, len(pixels_BHWC))

    @torch.inference_mode()
    def _caption(self, pixels_BHWC: np.ndarray) -> list[Caption]:
        inputs = self._processor(images=list(pixels_BHWC), return_tensors="pt").to(self._model.device)
        generated = self._model.generate(
            pixel_values=inputs["pixel_values"],
            num_beams=self._beam_width,
            max_new_tokens=2 * _MAX_WORDS,
            return_dict_in_generate=True,
            output_scores=True,
        )
        steps_BT = self._model.compute_transition_scores(
            generated.sequences,
            generated.scores,
            getattr(generated, "beam_indices", None),
            normalize_logits=True,
        )
        logprobs = torch.where(steps_BT.isfinite(), steps_BT, 0.0).sum(dim=1).tolist()
        texts = self._processor.batch_decode(generated.sequences, skip_special_tokens=True)
        words = [tuple(text.lower().split()[:_MAX_WORDS]) for text in texts]
        return [Caption(caption, logprob) for caption, logprob in zip(words, logprobs, strict=True)]


def load_transformers_captioner(name_or_path: str, device: str, beam_width: int) -> TransformersCaptioner:
    """The image-to-text model of that name or in that folder, in float32; its weights must be safetensors.

    Raises `CheckpointError` where there is no such model, where weights are missing, or where it cannot
    caption a photo by itself.
    """
    try:
        with quiet_loading():
            model, processor = load_cached_first(name_or_path, partial(_load, name_or_path))
        size = processor.image_processor.size
        image_size: int = size["height"] if "height" in size else size["shortest_edge"]
        torch.nn.Module.to(model, device)
        name, sha256 = make_printable(Path(name_or_path).name), _hash(model, beam_width)
        captioner = TransformersCaptioner(name, sha256, image_size, model.eval(), processor, beam_width)
        # A model that wants a prompt beside a photo is loaded like any other.
        captioner.caption(np.zeros((1, image_size, image_size, 3), dtype=np.uint8))
    except (torch.OutOfMemoryError, MemoryError):
        raise
    # Models and processors have no exception of their own.
    except Exception as error:
        reason = first_line(error)
        raise CheckpointError(
            f"no captioner {name_or_path!r} ({reason}); expected `default`, a .safetensors file from "
            "`retrieve train captioner`, or an image-to-text model of the transformers library in "
            "safetensors that captions a photo without a prompt"
        ) from None
    return captioner


def _load(name_or_path: str, offline: bool) -> tuple[Any, Any]:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    loader: Any = AutoModelForImageTextToText
    model, missing = load_weights(loader, name_or_path, offline, trust_remote_code=False)
    processor = AutoProcessor.from_pretrained(name_or_path, local_files_only=offline, trust_remote_code=False)
    if missing:
        raise ValueError(f"found no {missing[0]}, {len(missing)} weights are missing")
    return model, processor


def _hash(model: Any, beam_width: int) -> str:
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode() + weight.float().cpu().numpy().tobytes())
    digest.update(f"beam width {beam_width}".encode())
    return digest.hexdigest()
