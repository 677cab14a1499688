"""What else decides a number: the machine and the versions. Reads /proc and packages' metadata."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from retrieval.device import count_cores

_PACKAGES = (
    "retrieve",
    "numpy",
    "torch",
    "faiss-cpu",
    "faiss-gpu",
    "tantivy",
    "onnxruntime",
    "openvino",
    "sentence-transformers",
    "transformers",
    "pyarrow",
    "pillow",
    "pycocoevalcap",
)


def read_versions() -> dict[str, str]:
    """Python's version and those of the packages that are installed, by name."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def describe_hardware() -> str:
    """The processor, the cores that this process may use, the memory, and the system, in one line."""
    cores = count_cores()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.machine()}"
    return f"{_processor()}, {cores} core{'s' * (cores > 1)}, {memory:.0f} GiB, {system}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
