import errno
import os
from pathlib import Path

from retrieval.generations.garbage import collect_garbage
from retrieval.generations.inventory import list_files
from retrieval.generations.verify import verify_index
from retrieval.store.manifest import list_generations, manifest_path, read_manifest


def test_what_cannot_be_removed_is_left_to_the_next_run(
    tmp_path, make_index, word_encoder, monkeypatch, caplog
):
    def refuse(path):
        if path.suffix != ".parquet":
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        unlink(path)

    unlink = Path.unlink
    make_index(tmp_path, {b"/a.jpg": "one dog"}, word_encoder)
    first = [
        manifest_path(tmp_path, 1),
        *(file.path for file in list_files(tmp_path, read_manifest(tmp_path))),
    ]
    for generation, caption in ((2, "two dogs"), (3, "three dogs")):
        make_index(tmp_path, {b"/a.jpg": caption}, word_encoder, generation)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        collect_garbage(tmp_path, 3)
    assert [path.suffix for path in first if path.exists()] == [".json", ".faiss"]
    (message,) = caplog.messages
    assert message.startswith(f"found 2 files that cannot be removed, such as {first[0]} (Operation not perm")
    assert verify_index(tmp_path).damaged == ()
    collect_garbage(tmp_path, 3)
    assert not any(path.exists() for path in first)
    assert list_generations(tmp_path) == [2, 3]
