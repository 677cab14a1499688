import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import retrieval


def test_public_names():
    assert (
        sorted(retrieval.__all__)
        == dir(retrieval)
        == [
            "Calibration",
            "ChannelHit",
            "Explanation",
            "Field",
            "Filter",
            "FusionConfig",
            "Hit",
            "LiveEngine",
            "PhotoFacts",
            "Provenance",
            "Query",
            "Ranking",
            "RerankConfig",
            "Reranker",
            "Results",
            "RetrievalError",
            "SearchEngine",
            "TextEncoder",
            "load_reranker",
            "load_text_encoder",
            "parse_query",
            "read_calibration",
        ]
    )
    assert all(getattr(retrieval, name).__name__ == name for name in retrieval.__all__)


@pytest.mark.parametrize("package", ["retrieval", "indexer", "eval"])
def test_who_installs_a_package_gets_its_types(package):
    files = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["tool"]["setuptools"][
        "package-data"
    ]
    assert "py.typed" in files[package]
    assert (Path(importlib.import_module(package).__path__[0]) / "py.typed").is_file()


def test_unknown_name_is_an_attribute_error():
    assert not hasattr(retrieval, "nothing")


def test_importing_the_package_imports_nothing_heavy():
    heavy = {"torch", "faiss", "pyarrow", "numpy", "transformers", "sentence_transformers", "pydantic"}
    script = f"import sys, retrieval; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("folder", ["", *"store text channels query search pictures".split()])
def test_reading_order_names_every_module(folder):
    package = importlib.import_module(f"retrieval.{folder}".rstrip("."))
    named = re.findall(r"`(\w+)/?`", package.__doc__.split("Reading order:")[1])
    assert sorted(set(named) - {"retrieve"}) == sorted(
        module.name for module in pkgutil.iter_modules(package.__path__)
    )
