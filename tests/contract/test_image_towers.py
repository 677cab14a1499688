"""Image-text models of CLIP's and SigLIP's kind as the image channel, against transformers' own vectors.

The models are random and tiny, made here with their tokenizers: what they find is nonsense, but known.
"""

import io
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.build import build_index
from indexer.captioner.captioner import Caption
from indexer.config import IndexConfig
from indexer.describing.photo_vector import encode_photo
from indexer.image_head.image_tower import ImageTower, load_image_tower
from indexer.model_paths import find_image_head, find_image_tower
from indexer.models import Models
from indexer.pixels.decode import decode_photo
from indexer.updating.unchanged import hash_models
from retrieval import SearchEngine
from retrieval.channel import Channel
from retrieval.command.main import run
from retrieval.errors import CheckpointError, EncoderMismatchError
from retrieval.generations.human_caption import set_caption
from retrieval.search.fusion import FusionConfig
from retrieval.search.reranking import IndexedPhoto, RerankConfig, Reranker, Seen
from retrieval.store.files import hash_file
from retrieval.store.manifest import TowerRecord, read_manifest
from retrieval.text import text_tower
from retrieval.text.image_text_model import find_image_text_model, load_image_text_model
from tests.small_gpu import count_pixels, hold_at_most

TEXTS = ["a dog", "Two children play in the snow, laughing!", "zebra 🦓", "a dog " * 40, ""]
QUERY = "red square"
COLOURS = {"red": (220, 20, 30), "green": (10, 200, 40), "blue": (20, 30, 210), "grey": (120, 120, 120)}
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789,!"


def make_clip_tokenizer(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    words = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "do", "dog</w>"]
    vocabulary = {word: number for number, word in enumerate(["<|startoftext|>", "<|endoftext|>", *words])}
    return CLIPTokenizer(vocab=vocabulary, merges=[("d", "o"), ("do", "g</w>")])


def make_siglip_tokenizer(folder: Path) -> Any:
    import sentencepiece
    from transformers import SiglipTokenizer

    (folder / "text.txt").write_text("\n".join([*TEXTS[:2] * 20, " ".join(LETTERS)]).lower())
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"),
        model_prefix=str(folder / "spiece"),
        vocab_size=60,
        pad_id=-1,
        bos_id=-1,
        unk_id=0,
        eos_id=1,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    (folder / "text.txt").unlink()
    return SiglipTokenizer(vocab_file=str(folder / "spiece.model"), model_input_names=["input_ids"])


def make_siglip2_tokenizer(folder: Path) -> Any:
    from transformers import Siglip2Tokenizer

    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    words = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *LETTERS]
    vocabulary = {word: number for number, word in enumerate(words)}
    return Siglip2Tokenizer(vocab=vocabulary, merges=[], model_input_names=["input_ids"])


def save_clip(folder: Path) -> None:
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    tokenizer = make_clip_tokenizer(folder)
    text = TOWER | ENDS | {"vocab_size": len(tokenizer), "max_position_embeddings": 20}
    vision = TOWER | {"image_size": 32, "patch_size": 8}
    save(folder, CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)), tokenizer)
    size = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}
    CLIPImageProcessorPil(**size).save_pretrained(folder)


def save_siglip(folder: Path) -> None:
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    tokenizer = make_siglip_tokenizer(folder)
    text = TOWER | ENDS | {"vocab_size": len(tokenizer), "max_position_embeddings": 24, "projection_size": 16}
    vision = TOWER | {"image_size": 40, "patch_size": 8}
    save(folder, SiglipModel(SiglipConfig(text_config=text, vision_config=vision)), tokenizer)
    SiglipImageProcessorPil(size={"height": 40, "width": 40}).save_pretrained(folder)


def save_siglip2(folder: Path) -> None:
    from transformers import Siglip2Config, Siglip2ImageProcessorPil, Siglip2Model

    tokenizer = make_siglip2_tokenizer(folder)
    text = TOWER | ENDS | {"vocab_size": len(tokenizer), "max_position_embeddings": 64, "projection_size": 16}
    vision = TOWER | {"num_patches": 16, "patch_size": 8}
    save(folder, Siglip2Model(Siglip2Config(text_config=text, vision_config=vision)), tokenizer)
    Siglip2ImageProcessorPil(patch_size=8, max_num_patches=20).save_pretrained(folder)


TOWER = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
ENDS = {"bos_token_id": 0, "eos_token_id": 1}
KINDS = {"clip": save_clip, "siglip": save_siglip, "siglip2": save_siglip2}


def save(folder: Path, model: Any, tokenizer: Any) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module", params=[*KINDS, "sentence-transformers"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(7)
    if request.param in KINDS:
        KINDS[request.param](path)
        return path
    (path / "0_CLIPModel").mkdir()
    save_clip(path / "0_CLIPModel")
    module = {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}
    (path / "modules.json").write_text(json.dumps([module]))
    return path


@pytest.fixture(scope="module")
def tower(folder: Path) -> ImageTower:
    return load_image_tower(str(folder))


@pytest.fixture(scope="module")
def original(folder: Path) -> tuple[Any, Any, Any]:
    """Model, tokenizer and image processor as transformers loads them."""
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    inner, _ = find_image_text_model(str(folder))
    return (
        AutoModel.from_pretrained(inner).eval(),
        AutoTokenizer.from_pretrained(inner),
        AutoImageProcessor.from_pretrained(inner),
    )


@torch.inference_mode()
def encode_texts(original: tuple[Any, Any, Any], texts: list[str]) -> np.ndarray:
    model, tokenizer, _ = original
    most = model.config.text_config.max_position_embeddings
    tokens = tokenizer(texts, padding="max_length", truncation=True, max_length=most, return_tensors="pt")
    features = model.get_text_features(**tokens).pooler_output
    return np.asarray(features / features.norm(dim=-1, keepdim=True))


@torch.inference_mode()
def encode_images(original: tuple[Any, Any, Any], images: list[Image.Image]) -> np.ndarray:
    model, _, processor = original
    features = model.get_image_features(**processor(images=images, return_tensors="pt")).pooler_output
    return np.asarray(features / features.norm(dim=-1, keepdim=True))


def paint(size: tuple[int, int], seed: int) -> Image.Image:
    """A few large blocks of colour, which survive being made smaller."""
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST)


def frame(image: Image.Image, tower: ImageTower, file: Path) -> np.ndarray:
    image.save(file)
    framed = decode_photo(file.read_bytes(), 16, framing=tower.framing).framed_HWC
    assert framed is not None
    return framed


def test_texts_have_the_vectors_of_the_original(tower: ImageTower, original: Any) -> None:
    vectors = tower._text.encode(TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, encode_texts(original, TEXTS), atol=2e-6)
    # Each by itself, as a search asks, and those that are no UTF-8.
    alone = np.concatenate([tower._text.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, vectors, atol=2e-6)
    np.testing.assert_array_equal(tower._text.encode(["a \udcff"]), tower._text.encode(["a ?"]))
    assert tower._text.encode([]).shape == (0, tower.dimension)


def test_pixels_of_its_size_have_the_vectors_of_the_original(
    tower: ImageTower, original: Any, tmp_path: Path
) -> None:
    edge = tower.framing.least_edge
    images = [paint((edge, edge), seed) for seed in range(5)]
    framed = np.stack([frame(image, tower, tmp_path / "photo.png") for image in images])
    assert framed.shape == (5, tower.framing.side, tower.framing.side, 3)
    np.testing.assert_allclose(tower.encode(framed), encode_images(original, images), atol=2e-6)


def test_pixels_that_are_too_much_for_a_gpu_are_seen_in_halves(
    tower: ImageTower, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = tower.framing.side
    framed = np.stack([np.asarray(paint((side, side), seed)) for seed in range(5)])
    together, see = tower.encode(framed), tower._model.get_image_features
    monkeypatch.setattr(tower._model, "get_image_features", hold_at_most(2, see, count_pixels))
    np.testing.assert_allclose(tower.encode(framed), together, atol=2e-6)


@pytest.mark.parametrize("size", [(90, 60), (61, 97), (400, 300)])
def test_photos_of_any_size_have_about_the_vectors_of_the_original(
    tower: ImageTower, original: Any, tmp_path: Path, size: tuple[int, int]
) -> None:
    if tower.framing.resample == Image.Resampling.BILINEAR:
        # NaFlex keeps the photo's shape; here it is squeezed.
        size = (size[0], size[0])
    images = [paint(size, seed) for seed in range(4)]
    framed = np.stack([frame(image, tower, tmp_path / "photo.png") for image in images])
    cosines = (tower.encode(framed) * encode_images(original, images)).sum(axis=1)
    assert cosines.min() > 0.995


def test_a_photo_on_its_side_is_framed_upright(tower: ImageTower, tmp_path: Path) -> None:
    upright = paint((90, 60), 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    turned = decode_photo((tmp_path / "turned.png").read_bytes(), 16, framing=tower.framing).framed_HWC
    np.testing.assert_array_equal(turned, frame(upright, tower, tmp_path / "photo.png"))


class Captioner:
    """Names the colour of a photo's middle."""

    name, weights_sha256, image_size = "colours", "c" * 64, 8

    def caption(self, pixels_BHWC: np.ndarray) -> list[Caption]:
        middles = pixels_BHWC[:, 4, 4].astype(int)
        colours = np.array(list(COLOURS.values()))
        nearest = np.abs(middles[:, None] - colours).sum(axis=2).argmin(axis=1)
        return [Caption(("a", list(COLOURS)[number], "photo"), -1.0) for number in nearest]


@pytest.fixture(scope="module")
def index(tower: ImageTower, tmp_path_factory: pytest.TempPathFactory, word_encoder: Any) -> Path:
    root = tmp_path_factory.mktemp("indexed")
    (root / "photos").mkdir()
    for number, colour in enumerate(COLOURS.values()):
        photo = paint((48, 40), number)
        photo.paste(colour, (8, 8, 40, 32))
        photo.save(root / "photos" / f"{list(COLOURS)[number]}.png")
    report = build_index(
        [root / "photos"],
        root / "index",
        Models(Captioner(), word_encoder, image_tower=tower),  # type: ignore[arg-type]
    )
    assert (report.new, report.failed) == (len(COLOURS), 0)
    return root / "index"


def list_photos(index: Path) -> list[Path]:
    return sorted((index.parent / "photos").iterdir())


def test_an_index_is_searched_by_both_towers(
    index: Path, tower: ImageTower, folder: Path, original: Any, word_encoder: Any
) -> None:
    record = read_manifest(index).image_head
    assert isinstance(record, TowerRecord)
    assert (record.name, record.dimension) == (str(folder), tower.dimension)
    (weights,) = folder.rglob("*.safetensors")
    assert record.sha256 == hash_file(weights)
    engine = SearchEngine.open(index, word_encoder)
    assert engine.channels == ("caption", "image", "lexical")
    framed = [
        decode_photo(path.read_bytes(), 8, framing=tower.framing).framed_HWC for path in list_photos(index)
    ]
    images = tower.encode(np.stack([each for each in framed if each is not None]))
    scores = encode_texts(original, [QUERY])[0] @ images.T
    found = {Path(hit.path).name: hit.score for hit in engine.search(QUERY, channel="image", fold=False)}
    expected = {path.name: score for path, score in zip(list_photos(index), scores.tolist(), strict=True)}
    assert found == pytest.approx(expected, abs=1e-5)
    fused = engine.search(QUERY, fold=False)
    assert len(fused) == len(COLOURS)
    assert all(set(hit.channels) >= {"caption", "image"} for hit in fused)
    assert [Path(hit.path).stem for hit in fused if "lexical" in hit.channels] == ["red"]
    assert all(hit.probability is None for hit in fused)
    explanation = engine.explain(QUERY, fused[0].image_id)
    assert explanation.channels["image"].score == pytest.approx(found[Path(fused[0].path).name], abs=1e-5)


def test_photos_like_a_photo_are_those_of_the_image_tower(
    index: Path, tower: ImageTower, word_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = Models(Captioner(), word_encoder, image_tower=tower)  # type: ignore[arg-type]
    monkeypatch.setattr("indexer.models.load_models", lambda config, device: models)
    engine = SearchEngine.open(index, word_encoder)
    photo = list_photos(index)[0]
    seen = encode_photo(photo.read_bytes(), read_manifest(index), IndexConfig(), "cpu")
    assert seen.channel == "image"
    best = engine.similar_to_vector(seen.vector_D, channel="image", fold=False)[0]
    assert (Path(best.path), best.score) == (photo, pytest.approx(1, abs=1e-5))
    assert {Path(hit.path) for hit in engine.similar(best.image_id, fold=False)} == {*list_photos(index)[1:]}


def test_what_people_wrote_lifts_no_scores_of_another_space(
    index: Path, word_encoder: Any, tmp_path: Path
) -> None:
    shutil.copytree(index, tmp_path / "index")
    (before,) = SearchEngine.open(tmp_path / "index", word_encoder).search("a red photo", 1, "caption")
    set_caption(tmp_path / "index", before.image_id, "a red photo", word_encoder)
    engine = SearchEngine.open(tmp_path / "index", word_encoder)
    place = engine.explain("a red photo", before.image_id).channels["caption"]
    assert place.score == pytest.approx(1, abs=1e-5)
    assert place.contribution == pytest.approx(FusionConfig().weight(Channel.CAPTION) * place.score)


def test_opening_and_the_other_channels_need_no_tower(
    index: Path, word_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_tower, "find_image_text_model", lambda name: pytest.fail("the tower was loaded"))
    text_tower._load_tower.cache_clear()
    engine = SearchEngine.open(index, word_encoder)
    for channel in ("caption", "lexical"):
        assert engine.search("a red photo", channel=channel)[0].caption == "a red photo"


class TableOfSights:
    """Nats by the name of a photo's file; image vectors where it is asked for them, which it must not be."""

    def __init__(self, nats: dict[str, float], tower: ImageTower) -> None:
        self.image_head_sha256 = tower.weights_sha256
        self._nats = nats
        self._dimension = tower.dimension

    def look(self, sentence: str, photos: Sequence[IndexedPhoto], vectors: bool) -> Seen:
        names = [photo.paths[0].stem for photo in photos]
        vectors_NE = np.eye(len(names), self._dimension, dtype=np.float32) if vectors else None
        return Seen(np.array([self._nats[name] for name in names]), vectors_NE)


def test_the_likelihood_alone_ranks_the_first_photos_again(
    index: Path, tower: ImageTower, word_encoder: Any
) -> None:
    nats = {"red": -9.0, "green": -1.0, "blue": -5.0, "grey": -7.0}
    reranker = Reranker(TableOfSights(nats, tower), RerankConfig(weight=10))
    engine = SearchEngine.open(index, word_encoder)
    fused = {hit.image_id: hit for hit in engine.search(QUERY, fold=False)}
    again = engine.search(QUERY, fold=False, reranker=reranker)
    assert [Path(hit.path).stem for hit in again] == sorted(nats, key=nats.__getitem__, reverse=True)
    for hit in again:
        said = nats[Path(hit.path).stem]
        assert hit.score == pytest.approx(fused[hit.image_id].score + 10 * (said + 9), abs=1e-4)
        assert hit.channels["rerank"].score == pytest.approx(10 * said)
        assert hit.channels["image"] == fused[hit.image_id].channels["image"]
        explanation = engine.explain(QUERY, hit.image_id, reranker=reranker)
        assert (explanation.score, explanation.channels) == (hit.score, hit.channels)


REVISION = "c0ffee" + "0" * 34


@pytest.fixture
def cached(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache as the hub's programs lay it out, with the model under the name `someone/tiny`."""
    text_tower._load_tower.cache_clear()
    cache = tmp_path / "hub"
    model = cache / "models--someone--tiny"
    for path in (path for path in folder.rglob("*") if path.is_file()):
        blob = model / "blobs" / hash_file(path)
        link = model / "snapshots" / REVISION / path.relative_to(folder)
        blob.parent.mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, blob)
        link.symlink_to(blob)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(REVISION)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return model


def test_a_model_of_the_hubs_cache_is_found_by_its_name(
    cached: Path, tower: ImageTower, tmp_path: Path, word_encoder: Any
) -> None:
    named = load_image_tower("someone/tiny")
    assert (named.name, named.weights_sha256) == ("someone/tiny", tower.weights_sha256)
    np.testing.assert_array_equal(named._text.encode(TEXTS), tower._text.encode(TEXTS))
    framed = frame(paint((90, 60), 3), tower, tmp_path / "photo.png")[None]
    np.testing.assert_array_equal(named.encode(framed), tower.encode(framed))
    index = index_with("someone/tiny", tmp_path, word_encoder)
    record = read_manifest(index).image_head
    assert record is not None
    assert record.name == "someone/tiny"
    (hit,) = SearchEngine.open(index, word_encoder).search(QUERY, channel="image")
    assert Path(hit.path).name == "red.png"


def test_of_a_name_in_the_hubs_cache_the_revision_of_its_main_branch_is_taken(cached: Path) -> None:
    other = REVISION[::-1]
    shutil.copytree(cached / "snapshots" / REVISION, cached / "snapshots" / other)
    for revision in (REVISION, other):
        (cached / "refs" / "main").write_text(revision)
        found, _ = find_image_text_model("someone/tiny")
        assert revision in found.parts


@pytest.fixture
def own(folder: Path, tmp_path: Path) -> Path:
    """A copy of the model's folder, to be damaged; the folder that transformers reads is what comes back."""
    text_tower._load_tower.cache_clear()
    shutil.copytree(folder, tmp_path / "model")
    return find_image_text_model(str(tmp_path / "model"))[0]


def index_with(model: str | Path, tmp_path: Path, word_encoder: Any) -> Path:
    Image.new("RGB", (30, 30), COLOURS["red"]).save(tmp_path / "red.png")
    models = Models(Captioner(), word_encoder, image_tower=load_image_tower(str(model)))  # type: ignore[arg-type]
    build_index([tmp_path / "red.png"], tmp_path / "index", models)
    return tmp_path / "index"


def test_a_model_that_was_moved_or_changed_is_refused(own: Path, tmp_path: Path, word_encoder: Any) -> None:
    from safetensors.numpy import load_file, save_file

    index = index_with(own, tmp_path, word_encoder)
    record = read_manifest(index).image_head
    assert record is not None
    own.rename(own.parent / "elsewhere")
    with pytest.raises(CheckpointError, match="found neither a folder nor a model"):
        SearchEngine.open(index, word_encoder).search(QUERY)
    (own.parent / "elsewhere").rename(own)
    weights = load_file(own / "model.safetensors")
    weights["text_model.embeddings.token_embedding.weight"] *= 1.5
    save_file({name: np.asarray(weight) for name, weight in weights.items()}, own / "model.safetensors")
    with pytest.raises(EncoderMismatchError, match=f"expected the one with SHA-256 {record.sha256}"):
        SearchEngine.open(index, word_encoder).search(QUERY)
    assert SearchEngine.open(index, word_encoder).search("red", channel="lexical")[0].caption == "a red photo"


def test_another_tokenizer_beside_the_same_weights_is_refused(
    own: Path, tmp_path: Path, word_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = index_with(own, tmp_path, word_encoder)
    tokenizer = text_tower.load_tokenizer(own)
    monkeypatch.setattr(
        text_tower,
        "load_tokenizer",
        lambda folder: lambda texts, **how: tokenizer([text[::-1] for text in texts], **how),
    )
    with pytest.raises(EncoderMismatchError, match="gives other vectors than when the index was made"):
        SearchEngine.open(index, word_encoder).search(QUERY)


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def with_a_pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def without_a_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def with_weights_cut_off(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def with_weights_left_out(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["text_model.embeddings.token_embedding.weight"]
    save_file(weights, folder / "model.safetensors")


def without_a_processor(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()


def with_oblong_pictures(folder: Path) -> None:
    config = json.loads((folder / "preprocessor_config.json").read_text())
    size = {"size": {"height": 40, "width": 24}, "do_center_crop": False, "max_num_patches": None}
    (folder / "preprocessor_config.json").write_text(json.dumps(config | size))


def update_json(file: Path, **entries: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def with_a_model_of_its_own(folder: Path) -> None:
    update_json(folder / "config.json", model_type="own", auto_map={"AutoConfig": "own.Config"})


def with_a_processor_of_its_own(folder: Path) -> None:
    classes = {"AutoImageProcessor": "own.Processor"}
    update_json(folder / "preprocessor_config.json", image_processor_type="Own", auto_map=classes)


@pytest.mark.parametrize("change", [with_a_model_of_its_own, with_a_processor_of_its_own])
def test_python_that_lies_beside_a_model_is_not_run(
    own: Path,
    change: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    change(own)
    (own / "own.py").write_text("raise SystemExit('it was run')")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    with pytest.raises(CheckpointError, match="contains custom code"):
        load_image_tower(str(own))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (without_weights, "found no safetensors weights in"),
        (with_a_pickle, "found no safetensors weights in"),
        (without_a_config, "found no config.json in"),
        (with_weights_cut_off, "cannot load the model in"),
        (with_weights_left_out, "found no text_model.embeddings.token_embedding.weight in"),
        (without_a_processor, "cannot load the model in"),
        (with_oblong_pictures, "found a model that looks at pictures of"),
    ],
)
def test_what_is_no_whole_model_is_refused_in_one_line(
    own: Path, damage: Callable[[Path], None], found: str
) -> None:
    damage(own)
    with pytest.raises(CheckpointError, match=f"^{found}") as refused:
        load_image_tower(str(own))
    assert "expected" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_model_of_texts_alone_is_refused(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    BertModel(BertConfig(vocab_size=10, **TOWER)).save_pretrained(tmp_path)
    with pytest.raises(
        CheckpointError, match=r"found a model of type 'bert' in .*, expected an image-text model"
    ):
        load_image_text_model(tmp_path, "cpu")


@pytest.mark.parametrize("name", ["", "nowhere/to-be-found", "./missing"])
def test_a_name_that_is_nowhere_is_refused_without_network(name: str) -> None:
    with pytest.raises(CheckpointError, match="found neither a folder nor a model"):
        load_image_tower(name)


def test_what_a_config_asks_for(tmp_path: Path) -> None:
    shipped = find_image_head(IndexConfig())
    for asked, head, tower in (
        ("default", shipped, None),
        ("none", None, None),
        ("own.safetensors", Path("own.safetensors"), None),
        ("/models/clip", shipped, "/models/clip"),
        ("openai/clip-vit-base-patch32", shipped, "openai/clip-vit-base-patch32"),
    ):
        config = IndexConfig(image_head=asked)
        assert (find_image_head(config), find_image_tower(config)) == (head, tower)


def test_the_command_with_the_shipped_captioner(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clip").mkdir()
    (tmp_path / "photos").mkdir()
    torch.manual_seed(7)
    save_clip(tmp_path / "clip")
    for number in range(3):
        paint((64, 48), number).save(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "index.toml").write_text(f'image_head = "{tmp_path / "clip"}"\n')
    captions = []
    for index, config in (("plain", []), ("towers", ["--config", str(tmp_path / "index.toml")])):
        capsys.readouterr()
        for _ in range(2):
            place = ["--index", str(tmp_path / index)]
            assert run(["index", str(tmp_path / "photos"), *place, *config, "--json"]) == 0
        first, again = map(json.loads, capsys.readouterr().out.splitlines())
        assert (first["new"], again["new"], again["unchanged"]) == (3, 0, 3)
        assert again["generation"] == first["generation"]
        assert run(["search", QUERY, *place, "--json", "--explain", "--no-fold"]) == 0
        hits = json.loads(capsys.readouterr().out)["hits"]
        assert all({"caption", "image"} <= set(hit["channels"]) for hit in hits)
        captions.append({Path(hit["path"]).name: hit["caption"] for hit in hits})
    assert captions[0] == captions[1]
    # What a run with nothing to do goes by, which loads no model.
    made_with = read_manifest(tmp_path / "towers").captioner
    assert made_with is not None
    assert made_with.sha256 == hash_models(IndexConfig(image_head=str(tmp_path / "clip")))
    assert run(["info", *place, "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["image_head"] == {
        "name": str(tmp_path / "clip"),
        "sha256": hash_file(tmp_path / "clip" / "model.safetensors"),
    }
    photo = str(tmp_path / "photos" / "0.png")
    assert run(["similar", photo, *place, *config, "--json", "--no-fold"]) == 0
    assert run(["verify", *place]) == 0
    capsys.readouterr()
    shutil.rmtree(tmp_path / "clip")
    text_tower._load_tower.cache_clear()
    assert run(["search", QUERY, *place]) == 1
    refusal = capsys.readouterr().err.splitlines()
    assert len(refusal) == 1
    assert "found neither a folder nor a model" in refusal[0]
    assert run(["search", QUERY, *place, "--channel", "caption"]) == 0
