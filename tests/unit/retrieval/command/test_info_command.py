"""`retrieve info` tells what an index takes on the disk."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from retrieval.command.main import run
from retrieval.generations.commit import commit_next
from retrieval.generations.inventory import FOLDERS
from retrieval.store.manifest import ModelRecord, UnfinishedRun, read_manifest
from retrieval.store.shards import shard_schema, write_shard
from retrieval.text.text_encoder import TextEncoder
from tests.unit.retrieval.conftest import IMAGE_DIMENSION, commit_rows, make_photo


def test_bytes_are_those_of_all_files_a_text_head_and_an_unfinished_run_among_them(
    tmp_path: Path, word_encoder: TextEncoder, capsys: pytest.CaptureFixture[str]
) -> None:
    row = make_photo("a", "a dog runs")
    commit_rows(tmp_path, [row], word_encoder, np.eye(1, IMAGE_DIMENSION, dtype=np.float32))
    manifest = read_manifest(tmp_path)
    other = dataclasses.replace(row, camera="other", caption_vector=word_encoder.encode(["a dog runs"])[0])
    # A shard of both is one file.
    shards = (*manifest.shards, write_shard(tmp_path, [other], shard_schema(manifest)))
    run_of = UnfinishedRun(ModelRecord("captioner", "0" * 64), shards)
    commit_next(tmp_path, dataclasses.replace(manifest, unfinished=run_of))
    assert run(["info", "--json", "--index", str(tmp_path)]) == 0
    folders = set(FOLDERS) - {"manifests"}
    sizes = {
        name: sum(f.stat().st_size for f in (tmp_path / name).rglob("*") if f.is_file()) for name in folders
    }
    assert min(sizes.values()) > 0
    assert json.loads(capsys.readouterr().out)["bytes"] == sum(sizes.values())
