"""The docstring of a package names every module in it: who reads them in that order misses none."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [
    path.parent
    for package in ("retrieval", "indexer", "eval")
    for path in sorted((ROOT / package).rglob("__init__.py"))
]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_names_its_modules(package: Path) -> None:
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    modules = [f"`{path.stem}`" for path in package.glob("*.py") if not path.stem.startswith("__")]
    folders = [f"`{path.parent.name}/`" for path in package.glob("*/__init__.py")]
    assert [name for name in sorted([*modules, *folders]) if name not in docstring] == []
