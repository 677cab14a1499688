import errno
import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from indexer.photo_files.scan import require_photos_exist, scan_photos
from retrieval.errors import RetrievalError


def touch(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return os.fsencode(path)


def test_finds_photos_by_their_names_in_any_case_sorted(folder: Path) -> None:
    expected = sorted(
        touch(folder / name)
        for name in ("b.JPG", "a.jpeg", "c/d/e.Png", "c/f.webp", "g.TIFF", "h.heic", "i.avif", "j.MPO")
    )
    for name in ("notes.txt", "movie.mp4", "jpg", ".hidden.jpg", ".thumbnails/a.jpg"):
        touch(folder / name)
    assert list(scan_photos([folder]).paths) == expected


@pytest.mark.parametrize(
    "name", ["$RECYCLE.BIN/S-1-5/$R1.jpg", "trip/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "lost+found/a.jpg"]
)
def test_what_systems_keep_for_themselves_is_passed_over_unless_it_is_named(folder: Path, name: str) -> None:
    path = touch(folder / name)
    assert scan_photos([folder]).paths == ()
    assert scan_photos([(folder / name).parent]).paths == (path,)


def test_what_people_keep_among_photos_and_nothing_reads_is_counted(folder: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "a.MOV", "b/c.mov", "b/d.CR2", "b/e.MPG", "notes.txt", ".hidden.mov"):
        touch(folder / name)
    touch(tmp_path / "elsewhere" / "e.jpg")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    scan = scan_photos([folder, folder / "b"])
    assert scan.passed_over == {".mov": 2, ".cr2": 1, ".mpg": 1, "links to folders": 1}


def test_file_given_by_name_counts_whatever_its_name(folder: Path) -> None:
    path = touch(folder / "photo.dat")
    assert scan_photos([folder / "photo.dat"]).paths == (path,)


def test_each_file_counts_once(folder: Path) -> None:
    path = touch(folder / "sub" / "a.jpg")
    scan = scan_photos([folder, folder / "sub", folder / "sub" / "a.jpg", folder / "sub" / ".." / "sub"])
    assert scan.paths == (path,)


def test_relative_folders_give_absolute_paths(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = touch(folder / "a.jpg")
    monkeypatch.chdir(folder)
    assert scan_photos([Path()]).paths == (path,)


def test_names_that_are_not_utf8_survive(folder: Path) -> None:
    name = os.fsencode(folder) + b"/caf\xe9\n.jpg"
    with open(name, "wb"):
        pass
    assert scan_photos([folder]).paths == (name,)


def test_links_to_files_are_followed_and_links_to_folders_are_not(folder: Path, tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "a.jpg")
    (folder / "linked.jpg").symlink_to(tmp_path / "elsewhere" / "a.jpg")
    (folder / "outside").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    assert scan_photos([folder]).paths == (os.fsencode(folder / "linked.jpg"),)
    assert scan_photos([folder / "outside"]).paths == (os.fsencode(folder / "outside" / "a.jpg"),)


def test_up_from_a_linked_folder_lies_what_is_above_where_the_link_leads(
    folder: Path, tmp_path: Path
) -> None:
    path = touch(tmp_path / "elsewhere" / "a.jpg")
    (tmp_path / "elsewhere" / "sub").mkdir()
    touch(folder / "b.jpg")
    (folder / "sub").symlink_to(tmp_path / "elsewhere" / "sub")
    (tmp_path / "elsewhere" / "linked").symlink_to(tmp_path / "elsewhere")
    assert scan_photos([folder / "sub" / ".."]).paths == (path,)
    # What comes after that is kept as it is named.
    linked = scan_photos([folder / "sub" / ".." / "linked"]).paths
    assert os.fsencode(tmp_path / "elsewhere" / "linked" / "a.jpg") in linked


def test_pipes_and_broken_links_are_found_to_be_named_as_failures(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")
    (folder / "broken.jpg").symlink_to(folder / "nowhere")
    names = [os.path.basename(path) for path in scan_photos([folder]).paths]
    assert names == [b"broken.jpg", b"pipe.jpg"]


def test_folder_that_cannot_be_listed_is_named_and_not_covered(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = touch(folder / "a.jpg")
    inside = touch(folder / "locked" / "b.jpg")
    list_folder = os.scandir

    def refuse(folder: bytes) -> object:
        if folder.endswith(b"locked"):
            raise PermissionError(13, "Permission denied")
        return list_folder(folder)

    # Tests may run as root, whom no mode keeps out.
    monkeypatch.setattr(os, "scandir", refuse)
    scan = scan_photos([folder])
    assert scan.paths == (path,)
    assert scan.unreadable == {os.fsencode(folder / "locked"): "unreadable_folder: Permission denied"}
    assert scan.covers(path)
    assert not scan.covers(inside)


def test_two_slashes_are_one(folder: Path) -> None:
    path = touch(folder / "a.jpg")
    assert scan_photos([Path("/" + str(folder))]).paths == (path,)


def test_what_a_scan_covers(folder: Path) -> None:
    name = os.fsencode(folder)
    scan = scan_photos([folder])
    assert scan.covers(name + b"/gone.jpg")
    assert scan.covers(name + b"/sub/gone.jpg")
    assert not scan.covers(name + b"2/a.jpg")
    assert not scan.covers(os.path.dirname(name) + b"/a.jpg")


@pytest.mark.parametrize(
    "name", [".private/a.jpg", ".a.jpg", "@eaDir/a.jpg", "scan.dat", "link/a.jpg", "link/sub/a.jpg"]
)
def test_a_scan_does_not_know_of_what_it_passed_over_until_that_is_gone(
    folder: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    path = touch(folder / name)
    assert not scan_photos([folder]).covers(path)
    assert scan_photos([folder, folder / name]).covers(path)
    if "/" in name:
        assert scan_photos([folder, (folder / name).parent]).covers(path)
    (folder / name).unlink()
    assert scan_photos([folder]).covers(path)
    (folder / name).mkdir()
    assert scan_photos([folder]).covers(path)


def test_what_a_scan_would_have_found_was_not_there_whatever_is_by_now(folder: Path) -> None:
    """Such as the former name of a photo on a disk that does not tell large letters from small."""
    scan = scan_photos([folder])
    assert scan.covers(touch(folder / "sub" / "A.JPG"))


@pytest.mark.parametrize(("name", "found"), [("nowhere", "nothing"), ("pipe", "something else")])
def test_what_is_missing_is_refused(folder: Path, name: str, found: str) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(
        RetrievalError, match=f"^found {found} at .*/{name}, expected a folder of photos or a photo; "
    ):
        require_photos_exist([folder, folder / name])
    with pytest.raises(RetrievalError):
        scan_photos([folder / name])


def test_a_disk_that_answers_with_errors_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: object, **_: object) -> os.stat_result:
        raise OSError(errno.EIO, "Input/output error", path)

    scan = scan_photos([folder])
    monkeypatch.setattr(os, "stat", fail)
    with pytest.raises(RetrievalError, match=f"^found nothing at {folder}|^found something else at {folder}"):
        require_photos_exist([folder])
    with pytest.raises(RetrievalError, match=f"^found no {folder} any more, or another disk there"):
        scan.require_still_there()


def test_another_disk_in_a_folders_place_is_not_the_folder(folder: Path, tmp_path: Path) -> None:
    """As where a disk was mounted, and the empty folder under it stays."""
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == folder.stat().st_dev:
        pytest.skip("needs two file systems")
    mounted = tmp_path / "mounted"
    mounted.symlink_to(folder)
    scan = scan_photos([mounted])
    scan.require_still_there()
    mounted.unlink()
    mounted.symlink_to(other)
    with pytest.raises(RetrievalError, match=f"^found no {mounted} any more, or another disk there"):
        scan.require_still_there()


def test_a_photo_that_was_given_by_name_may_go(folder: Path) -> None:
    photo = folder / "a.jpg"
    photo.touch()
    scan = scan_photos([photo])
    photo.unlink()
    scan.require_still_there()


def test_what_nobody_may_look_at_is_named_where_the_list_does_not_say_what_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hidden:
        name, path = b"a.jpg", os.fsencode(folder / "a.jpg")

        def is_dir(self, follow_symlinks: bool = True) -> bool:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "scandir", lambda _: nullcontext([Hidden()]))
    assert scan_photos([folder]).paths == (Hidden.path,)


def test_what_the_list_says_of_a_photo_is_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Listed:
        """Nothing else can be asked of it, such as its status, for which the disk would be."""

        name, path = b"a.jpg", os.fsencode(folder / "a.jpg")

        def is_dir(self, follow_symlinks: bool = True) -> bool:
            return False

    monkeypatch.setattr(os, "scandir", lambda _: nullcontext([Listed()]))
    assert scan_photos([folder]).paths == (Listed.path,)
