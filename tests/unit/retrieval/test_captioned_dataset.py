"""Every form of captioned dataset, whole and broken. Photos are empty files: the reader never opens them."""

import json
import re
from pathlib import Path

import pytest

from retrieval.captioned_dataset import CaptionedDataset, CaptionedPhoto, read_captioned_dataset, tokenize
from retrieval.errors import DatasetError
from retrieval.store.files import hash_file


def make_folder(folder: Path, photos: tuple[str, ...], **files: object) -> Path:
    (folder / "images").mkdir(parents=True)
    for photo in photos:
        (folder / "images" / photo).parent.mkdir(exist_ok=True)
        (folder / "images" / photo).touch()
    for name, content in files.items():
        add_file(folder, name.replace("__", "."), content)
    return folder


def add_file(folder: Path, name: str, content: object) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8")


def karpathy(*photos: tuple[str, str | None], tokens: list[str] | None = None) -> dict[str, object]:
    sentence = {"raw": "A  dog\truns ."} | ({"tokens": tokens} if tokens else {})
    return {
        "dataset": "tiny",
        "images": [
            {"filename": name, "sentences": [sentence], "imgid": 3} | ({"split": split} if split else {})
            for name, split in photos
        ],
    }


def coco(*names: str) -> dict[str, object]:
    return {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
        "annotations": [
            {"id": 9, "image_id": number, "caption": f"Photo of {name}"} for number, name in enumerate(names)
        ],
    }


class TestTokenize:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("A black-and-white dog .", "a black and white dog"),
            ("A girl's dog, and the girl 's cat!", "a girl s dog and the girl s cat"),
            ("They don't see an R.V.", "they dont see an rv"),
            ("It ca n't be seen", "it ca nt be seen"),
            ("Number 13_a", "number 13 a"),
            ("Cafe\u0301", "café"),
            ("?! …", ""),
        ],
    )
    def test_gives_words_without_punctuation(self, text: str, words: str) -> None:
        assert tokenize(text) == tuple(words.split())

    @pytest.mark.shared_data
    def test_agrees_with_karpathy_on_flickr8k(self, shared_data: Path) -> None:
        photos = read_captioned_dataset(shared_data / "flickr8k").photos
        pairs = [
            (tokenize(text), tokens)
            for photo in photos
            for text, tokens in zip(photo.captions, photo.tokens, strict=True)
        ]
        assert len(pairs) == 40_000
        assert sum(ours != theirs for ours, theirs in pairs) == 26


class TestForms:
    def test_karpathy_with_its_tokens_splits_and_name(self, tmp_path: Path) -> None:
        content = karpathy(("b.jpg", "train"), ("a.jpg", "test"), tokens=["a", "dog", "#", "runs"])
        dataset = read_captioned_dataset(
            make_folder(tmp_path / "d", ("a.jpg", "b.jpg"), dataset_x__json=content)
        )
        first = CaptionedPhoto(
            tmp_path / "d" / "images" / "b.jpg", ("A dog runs .",), (("a", "dog", "#", "runs"),), "train"
        )
        assert dataset.name == "tiny"
        assert dataset.photos[0] == first
        assert dataset.splits == ("train", "test")
        assert dataset.split("train") == [first]

    def test_karpathy_without_tokens_is_tokenised(self, tmp_path: Path) -> None:
        folder = make_folder(tmp_path, ("a.jpg",), dataset_x__json=karpathy(("a.jpg", None)))
        assert read_captioned_dataset(folder).split("test")[0].tokens == (("a", "dog", "runs"),)

    def test_karpathy_finds_photos_in_the_subfolder_it_names_or_in_one(self, tmp_path: Path) -> None:
        content = karpathy(("a.jpg", "test"), ("b.jpg", "test"))
        for image in content["images"]:  # type: ignore[attr-defined]
            image["filepath"] = "val2014"
        folder = make_folder(tmp_path, ("val2014/a.jpg", "b.jpg"), dataset_coco__json=content)
        paths = [photo.path.relative_to(folder / "images") for photo in read_captioned_dataset(folder).photos]
        assert paths == [Path("val2014/a.jpg"), Path("b.jpg")]

    def test_one_coco_file_is_the_test_split(self, tmp_path: Path) -> None:
        content = coco("a.jpg", "b.jpg")
        content["annotations"] += [{"image_id": 0, "caption": "Once more"}]  # type: ignore[operator]
        dataset = read_captioned_dataset(
            make_folder(tmp_path, ("a.jpg", "b.jpg"), captions_val2017__json=content)
        )
        assert dataset.name == tmp_path.name
        assert dataset.hash_captions() == hash_file(tmp_path / "captions_val2017.json")
        assert dataset.splits == ("test",)
        assert [photo.captions for photo in dataset.photos] == [
            ("Photo of a.jpg", "Once more"),
            ("Photo of b.jpg",),
        ]

    def test_several_coco_files_are_splits(self, tmp_path: Path) -> None:
        folder = make_folder(
            tmp_path,
            ("a.jpg", "b.jpg"),
            captions_val2014__json=coco("b.jpg"),
            captions_train2014__json=coco("a.jpg"),
        )
        dataset = read_captioned_dataset(folder)
        assert dataset.splits == ("train", "val")
        assert [photo.path.name for photo in dataset.split("val")] == ["b.jpg"]
        assert dataset.file_names == "captions_train2014.json, captions_val2014.json"
        before = dataset.hash_captions()
        add_file(folder, "captions_val2014.json", coco("b.jpg", "c.jpg"))
        assert dataset.hash_captions() != before

    def test_flickr_lines(self, tmp_path: Path) -> None:
        lines = "a.jpg#0\tA dog .\r\nb.jpg#0\tA cat .\n\na.jpg#1\tA # dog\n"
        dataset = read_captioned_dataset(
            make_folder(tmp_path, ("a.jpg", "b.jpg"), Flickr8k__token__txt=lines)
        )
        assert [photo.captions for photo in dataset.photos] == [("A dog .", "A # dog"), ("A cat .",)]

    def test_flickr_prefers_the_captions_as_written(self, tmp_path: Path) -> None:
        folder = make_folder(
            tmp_path,
            ("a.jpg",),
            Flickr8k__lemma__token__txt="a.jpg#0\tdog run",
            Flickr8k__token__txt="a.jpg#0\tDogs run",
        )
        assert read_captioned_dataset(folder).photos[0].captions == ("Dogs run",)

    def test_json_lines_with_and_without_splits(self, tmp_path: Path) -> None:
        lines = '{"image": "a.jpg", "captions": ["one", "two"], "split": "val"}\n'
        dataset = read_captioned_dataset(make_folder(tmp_path / "with", ("a.jpg",), captions__jsonl=lines))
        assert dataset.split("val")[0].captions == ("one", "two")
        lines = '{"image": "a.jpg", "captions": ["one"]}\n{"image": "a.jpg", "captions": ["two"]}'
        dataset = read_captioned_dataset(make_folder(tmp_path / "without", ("a.jpg",), captions__jsonl=lines))
        assert dataset.split("test")[0].captions == ("one", "two")

    def test_of_several_forms_the_first_is_read(self, tmp_path: Path) -> None:
        folder = make_folder(
            tmp_path, ("a.jpg",), captions__jsonl='{"image": "a.jpg", "captions": ["lines"]}'
        )
        sources = ["captions.jsonl"]
        for name, content in (
            ("x.token.txt", "a.jpg#0\tflickr"),
            ("captions_a.json", coco("a.jpg")),
            ("dataset_a.json", karpathy(("a.jpg", "test"))),
        ):
            add_file(folder, name, content)
            sources.append(read_captioned_dataset(folder).file_names)
        assert sources == ["captions.jsonl", "x.token.txt", "captions_a.json", "dataset_a.json"]

    def test_photos_that_the_file_does_not_list_are_ignored(self, tmp_path: Path) -> None:
        folder = make_folder(
            tmp_path, ("a.jpg", "other.jpg"), captions__jsonl='{"image":"a.jpg","captions":["x"]}'
        )
        assert len(read_captioned_dataset(folder).photos) == 1


class TestStrayKey:
    LINES = "b.jpg#0\tA cat\na.jpg.1#0\tpeople wait\na.jpg#1\tSome people\n"

    def test_its_caption_belongs_to_the_photo_of_the_name_without_the_number(self, tmp_path: Path) -> None:
        dataset = read_captioned_dataset(make_folder(tmp_path, ("a.jpg", "b.jpg"), x__token__txt=self.LINES))
        assert dataset.photos[1].captions == ("people wait", "Some people")
        assert dataset.left_out == ()

    def test_its_photo_may_be_absent_and_is_then_named(self, tmp_path: Path) -> None:
        dataset = read_captioned_dataset(make_folder(tmp_path, ("b.jpg",), x__token__txt=self.LINES))
        assert [photo.path.name for photo in dataset.photos] == ["b.jpg"]
        assert dataset.left_out == ("a.jpg",)

    @pytest.mark.shared_data
    def test_flickr8k_as_published(self, tmp_path: Path, shared_data: Path) -> None:
        (tmp_path / "images").symlink_to(shared_data / "flickr8k" / "images")
        (tmp_path / "Flickr8k.token.txt").symlink_to(shared_data / "flickr8k" / "Flickr8k.token.txt")
        dataset = read_captioned_dataset(tmp_path)
        assert len(dataset.split("test")) == 8_091
        assert {len(photo.captions) for photo in dataset.photos} == {5}
        assert dataset.left_out == ("2258277193_586949ec62.jpg",)


def test_a_slice_has_the_first_photos_of_each_split(tmp_path: Path) -> None:
    photos = [("a.jpg", "train"), ("b.jpg", "val"), ("c.jpg", "train"), ("d.jpg", "train")]
    folder = make_folder(tmp_path, tuple(name for name, _ in photos), dataset_x__json=karpathy(*photos))
    dataset = read_captioned_dataset(folder).first(2)
    assert {split: [photo.path.name for photo in dataset.split(split)] for split in dataset.splits} == {
        "train": ["a.jpg", "c.jpg"],
        "val": ["b.jpg"],
    }
    assert (dataset.name, dataset.file_names) == ("tiny", "dataset_x.json")


@pytest.mark.shared_data
def test_karpathys_flickr8k(shared_data: Path) -> None:
    dataset: CaptionedDataset = read_captioned_dataset(shared_data / "flickr8k")
    assert dataset.name == "flickr8k"
    assert [len(dataset.split(name)) for name in ("train", "val", "test")] == [6_000, 1_000, 1_000]


class TestRefusals:
    def refuse(self, folder: Path, *parts: str) -> None:
        with pytest.raises(DatasetError, match=".*".join(map(re.escape, parts))) as caught:
            read_captioned_dataset(folder)
        assert "\n" not in str(caught.value)

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        self.refuse(tmp_path / "none", "none: not a folder", "images/ and one of")

    def test_no_images(self, tmp_path: Path) -> None:
        add_file(tmp_path, "captions.jsonl", "")
        self.refuse(tmp_path, "no folder images/", "captions.jsonl")

    def test_no_annotations(self, tmp_path: Path) -> None:
        self.refuse(make_folder(tmp_path, ("a.jpg",)), "no file of captions", "dataset_*.json")

    @pytest.mark.parametrize("name", ["dataset_x.json", "captions_x.json", "captions.jsonl", "x.token.txt"])
    def test_nonsense(self, tmp_path: Path, name: str) -> None:
        add_file(make_folder(tmp_path, ()), name, '{"images": 3')
        self.refuse(tmp_path, name, "expected")

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("dataset_x.json", {"images": []}),
            ("captions_x.json", {"images": [], "annotations": []}),
            ("captions.jsonl", "\n"),
            ("x.token.txt", "\n"),
        ],
    )
    def test_no_photos_listed(self, tmp_path: Path, name: str, content: object) -> None:
        add_file(make_folder(tmp_path, ()), name, content)
        self.refuse(tmp_path, f"{name}: lists no photos")

    def test_absent_photos_are_counted_and_the_first_named(self, tmp_path: Path) -> None:
        content = karpathy(*((f"{n}.jpg", "test") for n in range(6)))
        folder = make_folder(tmp_path, ("0.jpg",), dataset_x__json=content)
        self.refuse(folder, "5 of the 6 photos", "(1.jpg, 2.jpg, 3.jpg, …)")

    @pytest.mark.parametrize("captions", [[], ["A dog", "  "]])
    def test_photos_without_captions(self, tmp_path: Path, captions: list[str]) -> None:
        line = json.dumps({"image": "a.jpg", "captions": captions})
        self.refuse(
            make_folder(tmp_path, ("a.jpg",), captions__jsonl=line), "1 of 1 photos have no caption", "a.jpg"
        )

    def test_a_coco_photo_without_captions(self, tmp_path: Path) -> None:
        content = coco("a.jpg", "b.jpg")
        content["annotations"] = content["annotations"][:1]  # type: ignore[index]
        self.refuse(
            make_folder(tmp_path, ("a.jpg", "b.jpg"), captions_x__json=content), "1 of 2 photos", "b.jpg"
        )

    def test_a_coco_caption_of_no_photo(self, tmp_path: Path) -> None:
        content = coco("a.jpg")
        content["annotations"] += [{"image_id": number, "caption": "x"} for number in (77, 78)]  # type: ignore[operator]
        self.refuse(
            make_folder(tmp_path, ("a.jpg",), captions_x__json=content), "2 of 3 captions", "(77, 78)"
        )

    def test_a_photo_in_two_splits(self, tmp_path: Path) -> None:
        content = karpathy(("a.jpg", "train"), ("a.jpg", "test"))
        self.refuse(
            make_folder(tmp_path, ("a.jpg",), dataset_x__json=content), "'a.jpg'", "'train'", "'test'"
        )

    def test_splits_for_some(self, tmp_path: Path) -> None:
        content = karpathy(("a.jpg", "train"), ("b.jpg", None))
        folder = make_folder(tmp_path, ("a.jpg", "b.jpg"), dataset_x__json=content)
        self.refuse(folder, "1 of 2 photos have no split", "b.jpg")

    @pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd"])
    def test_names_that_lead_outside(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "a.jpg").touch()
        self.refuse(make_folder(tmp_path / "d", (), dataset_x__json=karpathy((name, "test"))), "leads out of")

    def test_a_broken_line_is_named(self, tmp_path: Path) -> None:
        self.refuse(make_folder(tmp_path, (), x__token__txt="a.jpg#0\tx\na.jpg 1 y"), "line 2 is 'a.jpg 1 y'")

    def test_an_unknown_key_of_a_line_is_named(self, tmp_path: Path) -> None:
        line = '{"image": "a.jpg", "captions": ["x"], "spilt": "val"}'
        self.refuse(make_folder(tmp_path, ("a.jpg",), captions__jsonl=line), "line 1", "spilt")

    def test_bytes_that_are_not_utf8(self, tmp_path: Path) -> None:
        (make_folder(tmp_path, ()) / "x.token.txt").write_bytes(b"a.jpg#0\tcaf\xe9")
        self.refuse(tmp_path, "x.token.txt: not UTF-8", "byte 11")

    def test_an_unknown_split_names_the_known(self, tmp_path: Path) -> None:
        content = karpathy(("a.jpg", "train"), ("b.jpg", "val"))
        dataset = read_captioned_dataset(make_folder(tmp_path, ("a.jpg", "b.jpg"), dataset_x__json=content))
        expected = (
            r"split 'test' is not in dataset_x\.json; it has: train, val, expected one of these; name one"
        )
        with pytest.raises(DatasetError, match=expected):
            dataset.split("test")
