"""Finds a captioner by name or path; the default is the checkpoint shipped in `weights/`."""

from pathlib import Path

from indexer.captioner.captioner import Captioner
from indexer.captioner.checkpoint_hash import hash_image_encoder
from retrieval.errors import UsageError
from retrieval.runtime import Runtime

DEFAULT_CAPTIONER = "default"
_SHIPPED = Path(__file__).parent / "weights" / "flickr8k-gru.safetensors"


def load_captioner(
    name_or_path: str = DEFAULT_CAPTIONER,
    device: str = "cpu",
    beam_width: int = 0,
    runtime: Runtime = Runtime.TORCH,
) -> Captioner:
    """`default`, a .safetensors of `retrieve train captioner`, or an image-to-text model of transformers.

    A `beam_width` above 0 overrides its own. `runtime` is what runs a CNN of ours.

    Raises:
        CheckpointError: there is no such captioner.
        InstallationError, UsageError: the runtime is not there, or not for this captioner or device.
    """
    path = find_checkpoint(name_or_path)
    if path is not None:
        from indexer.captioner.attention_captioner import load_attention_captioner

        return load_attention_captioner(path, device, beam_width, runtime)
    if runtime not in (Runtime.AUTO, Runtime.TORCH):
        raise UsageError(
            f"found captioner {name_or_path}, which torch alone runs, and --runtime {runtime}; use --runtime "
            "torch"
        )
    from indexer.captioner.transformers_captioner import load_transformers_captioner

    return load_transformers_captioner(name_or_path, device, beam_width or 3)


def find_checkpoint(name_or_path: str) -> Path | None:
    """Where the checkpoint of this captioner is; None where it is a model of transformers."""
    if name_or_path == DEFAULT_CAPTIONER:
        return _SHIPPED
    return Path(name_or_path) if name_or_path.endswith(".safetensors") else None


def is_over_encoder_of(name_or_path: str, checkpoint: Path) -> bool:
    """Whether under this captioner is the very CNN that an image head or tagger was trained over."""
    captioner, encoder = find_checkpoint(name_or_path), hash_image_encoder(checkpoint)
    return captioner is not None and encoder is not None and hash_image_encoder(captioner) == encoder
