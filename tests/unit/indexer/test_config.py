import tomllib
from pathlib import Path

import pytest

from indexer.config import IndexConfig, VectorsConfig
from retrieval.config import load_config
from retrieval.errors import ConfigError

FILE = Path(__file__).resolve().parents[3] / "configs" / "index.toml"


def test_file_lists_every_key_with_its_default() -> None:
    assert tomllib.loads(FILE.read_text(encoding="utf-8")) == IndexConfig().model_dump()
    assert load_config(IndexConfig, FILE) == IndexConfig()


def test_every_key_of_the_file_has_a_comment() -> None:
    keys, table = FILE.read_text(encoding="utf-8").strip().split("\n\n[vectors]\n")
    paragraphs = [*keys.split("\n\n")[1:], *table.split("\n\n")]
    assert len(paragraphs) == len(IndexConfig.model_fields) - 1 + len(VectorsConfig.model_fields)
    for paragraph in paragraphs:
        *comments, key = paragraph.splitlines()
        assert comments
        assert all(line.startswith("# ") for line in comments)
        assert not key.startswith("#")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("beam_widht = 3", "beam_width"),
        ("beam_width = -1", "beam_width"),
        ("max_megapixels = 500", "max_megapixels"),
        ("workers = -1", "workers"),
        ("decode_seconds = 2_147_484", "decode_seconds"),
        ('runtime = "tensorrt"', "runtime is 'tensorrt'.*'torch', 'openvino' or 'onnxruntime'"),
        ('vectors.kind = "tree"', "vectors.kind"),
        ("vectors.ann_recall = 1.1", "vectors.ann_recall"),
        ("vectors.nprobe = 3", "unknown key 'vectors.nprobe'"),
        ('batch_photos = "many"', "batch_photos"),
    ],
)
def test_impossible_values_are_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "index.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(IndexConfig, path)
