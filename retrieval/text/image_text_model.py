"""A pretrained image-text model of CLIP's or SigLIP's kind: finds and loads it. Reads its folder only.

Radford et al. 2021; Zhai et al. 2023. Such a model has two towers, one for pictures and one for texts, that
meet in one space. Nothing is ever downloaded: a name must be in the cache that the hub's programs keep.
"""

import json
from pathlib import Path
from typing import Any

from retrieval.errors import CheckpointError, one_line
from retrieval.pretrained.quiet_loading import quiet_loading
from retrieval.pretrained.whole_weights import load_weights
from retrieval.text.encoder_weights import hash_weights, name_folder

_EXPECTED = (
    "expected an image-text model of CLIP's or SigLIP's kind, by its folder or its name in the hub's cache"
)
_TOWERS = ("get_text_features", "get_image_features")


def find_image_text_model(name_or_path: str) -> tuple[Path, str]:
    """The folder of a model as transformers has it, and the name that finds it again.

    Of a folder of sentence-transformers it is the folder of its first module.

    Raises:
        CheckpointError: there is no such folder or name, or as `name_folder`.
    """
    folder = Path(name_or_path)
    if name_or_path and folder.is_dir():
        return _enter_modules(folder.resolve()), name_folder(folder)
    return _enter_modules(_find_cached(name_or_path)), name_or_path


def hash_image_text_model(folder: Path) -> str:
    """SHA-256 of its weights, in hex, as `hash_weights`.

    Raises:
        CheckpointError: no model there, or none with its weights in safetensors.
    """
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"found no config.json in {folder}, {_EXPECTED}")
    return hash_weights(folder)


def load_image_text_model(folder: Path, device: str) -> Any:
    """The model with both towers, in float32 and evaluation mode; `device` is torch's.

    Raises:
        CheckpointError: it has one tower alone or none, or its weights are not whole or not safetensors.
    """
    with quiet_loading():
        from safetensors import SafetensorError
        from transformers import MODEL_MAPPING, AutoConfig

        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            kind: Any = MODEL_MAPPING.get(type(config), None)
            if not all(hasattr(kind, tower) for tower in _TOWERS):
                raise CheckpointError(f"found a model of type {config.model_type!r} in {folder}, {_EXPECTED}")
            model, missing = load_weights(kind, folder, offline=True)
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            ImportError,
            RuntimeError,
            SafetensorError,
        ) as error:
            raise _refuse(folder, error) from None
    if missing:
        raise CheckpointError(
            f"found no {missing[0]} in {folder} ({len(missing)} weights are missing), {_EXPECTED}"
        )
    return model.to(device).eval()


def load_tokenizer(folder: Path) -> Any:
    """What turns texts into the tokens of the model's text tower.

    Raises:
        CheckpointError: there is none, or a package that it needs is missing.
    """
    return _load("AutoTokenizer", folder)


def load_image_processor(folder: Path) -> Any:
    """What says how the model's image tower wants its pixels.

    Raises:
        CheckpointError: there is none.
    """
    return _load("AutoImageProcessor", folder)


def read_features(output: Any) -> Any:
    """The vectors in what a tower gives: older versions of transformers give them bare."""
    return getattr(output, "pooler_output", output)


def _load(kind: str, folder: Path) -> Any:
    with quiet_loading():
        import transformers

        loader = getattr(transformers, kind)
        try:
            return loader.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError, TypeError, ImportError, AttributeError) as error:
            raise _refuse(folder, error) from None


def _refuse(folder: Path, error: Exception) -> CheckpointError:
    reason = one_line(error)[:300]
    return CheckpointError(f"cannot load the model in {folder} ({reason}), {_EXPECTED}; check the folder")


def _enter_modules(folder: Path) -> Path:
    modules = folder / "modules.json"
    if not modules.is_file():
        return folder
    try:
        first, *rest = json.loads(modules.read_text(encoding="utf-8"))
        kinds = [str(module["type"]).rpartition(".")[2] for module in rest]
        inner = folder / str(first["path"])
    except (ValueError, KeyError, TypeError) as error:
        raise _refuse(folder, error) from None
    if any(kind != "Normalize" for kind in kinds):
        raise CheckpointError(f"found the modules {kinds} after the model in {folder}, {_EXPECTED} alone")
    return inner


def _find_cached(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (OSError, HfHubHTTPError, HFValidationError, ValueError):
        raise CheckpointError(f"found neither a folder nor a model {name!r}, {_EXPECTED}") from None
