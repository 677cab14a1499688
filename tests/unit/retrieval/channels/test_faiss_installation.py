import sys

import pytest

from retrieval.channels.faiss_installation import import_faiss
from retrieval.errors import InstallationError


def install(folder, *names: str) -> None:
    """Put the metadata of these distributions into `folder`, as pip does."""
    for name in names:
        metadata = folder / f"{name.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")


@pytest.fixture
def only(tmp_path, monkeypatch):
    """Make a folder of metadata the only one that Python looks into."""

    def look_here(*names):
        install(tmp_path, *names)
        monkeypatch.setattr("sys.path", [str(tmp_path)])

    import_faiss.cache_clear()
    yield look_here
    import_faiss.cache_clear()


def test_the_installed_build_is_imported():
    assert import_faiss().IndexFlatIP(3).d == 3


def test_neither_build_is_one_clear_line(only, monkeypatch):
    only("numpy")
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(InstallationError, match=r"^found no FAISS") as caught:
        import_faiss()
    assert f"run `{sys.executable} -m pip install faiss-cpu` (or faiss-gpu)" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("gpu", ["faiss-gpu", "faiss-gpu-cu12"])
def test_both_builds_are_one_clear_line(only, gpu):
    only("faiss-cpu", gpu)
    with pytest.raises(InstallationError, match=f"^found faiss-cpu and {gpu}, expected one") as caught:
        import_faiss()
    pip = f"{sys.executable} -m pip"
    assert f"run `{pip} uninstall faiss-cpu {gpu}`, then `{pip} install faiss-cpu` (or" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["faiss-cpu", "faiss-gpu", "faiss-gpu-cu12", "faiss-of-a-distribution"])
def test_one_build_is_enough(only, name):
    only(name)
    import_faiss()
