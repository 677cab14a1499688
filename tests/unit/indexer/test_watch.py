"""What changes an index that is followed is run for."""

import pytest
import watchfiles

from indexer.watch import follow, is_of_interest


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", True),
        ("sub/b.JPG", True),
        ("notes.txt", False),
        ("trip.2019", True),
        # What is gone may have been a folder, whatever it is called.
        ("gone.2018", True),
        ("gone", True),
        (".hidden", False),
        ("sub/.hidden.2018/gone.2017", False),
        ("index/gone.2018", False),
        ("../gone.2018", False),
    ],
)
def test_a_change_is_of_interest_where_it_may_concern_a_photo(tmp_path, name, expected):
    photos = tmp_path / "photos"
    (photos / "trip.2019").mkdir(parents=True)
    (photos / "notes.txt").write_text("Dear diary")
    path = tmp_path / "gone.2018" if name.startswith("..") else photos / name
    assert is_of_interest(str(path), [str(photos)], str(photos / "index")) is expected


def test_up_from_a_linked_folder_is_followed_what_is_scanned(tmp_path, monkeypatch):
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    (tmp_path / "linked").symlink_to(tmp_path / "photos" / "sub")
    followed = []
    monkeypatch.setattr(watchfiles, "watch", lambda *folders, **_: followed.extend(folders) or iter(()))
    assert list(follow([tmp_path / "linked" / ".."], tmp_path / "index", pytest.fail)) == []
    assert followed == [str(tmp_path / "photos")]
