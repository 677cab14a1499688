"""What decides a number is named with its version."""

from importlib.metadata import version

from eval.report.environment import describe_hardware, read_versions


def test_what_ranks_encodes_and_scores_is_among_the_versions() -> None:
    found = read_versions()
    for package in ("numpy", "tantivy", "onnxruntime", "pycocoevalcap"):
        assert found[package] == version(package)
    assert found["python"].startswith("3.")


def test_the_machine_is_one_line() -> None:
    assert "\n" not in describe_hardware()
    assert " GiB, " in describe_hardware()
