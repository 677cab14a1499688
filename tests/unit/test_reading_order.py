"""The docstring of a package names every module in it, and none before one that it imports.

Who reads the modules in that order misses none, and knows of each what it is made of.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [
    path.parent
    for package in ("retrieval", "indexer", "eval")
    for path in sorted((ROOT / package).rglob("__init__.py"))
]

each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))


@each_package
def test_a_package_names_its_modules(package: Path) -> None:
    assert [path.stem for path, place in find_places(package).items() if place < 0] == []


@each_package
def test_a_package_names_a_module_after_those_that_it_imports(package: Path) -> None:
    places = find_places(package)
    later = [
        f"{path.stem} imports {other.stem}"
        for path, place in places.items()
        for name in list_imports(path)
        for other in places
        if places[other] > place and f"{name}.".startswith(f"{'.'.join(other.relative_to(ROOT).parts)}.")
    ]
    assert later == []


def find_places(package: Path) -> dict[Path, int]:
    """Where the docstring first names each module and folder, -1 where it doesn't; without their suffix."""
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    modules = [path for path in sorted(package.glob("*.py")) if not path.stem.startswith("__")]
    folders = [path.parent for path in sorted(package.glob("*/__init__.py"))]
    places = {path.with_suffix(""): docstring.find(f"`{path.stem}`") for path in modules}
    return places | {path: docstring.find(f"`{path.name}/`") for path in folders}


def list_imports(path: Path) -> Iterator[str]:
    """What a module, or one of a folder, imports when it is imported, and not for its types alone."""
    for file in [*path.rglob("*.py")] if path.is_dir() else [path.with_suffix(".py")]:
        for statement in ast.parse(file.read_text()).body:
            if isinstance(statement, ast.Import):
                yield from (alias.name for alias in statement.names)
            elif isinstance(statement, ast.ImportFrom):
                yield from (f"{statement.module}.{alias.name}" for alias in statement.names)
