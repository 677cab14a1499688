"""What a published generation is called in Milvus. Reads and writes aliases and names of collections.

The collections of one generation are NAME_<generation>_<fingerprint>_<run>_captions, …_images, …_words and
…_stems. The alias NAME leads to the captions of the current one: setting it is what publishes all of them, in
one step. A run that was killed leaves collections that no alias leads to, which a later one removes.
"""

import json
import re
from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum

from retrieval.channel import Channel
from retrieval.channels.channel_vectors import vector_dimensions
from retrieval.errors import MilvusError
from retrieval.milvus.connection import Connection
from retrieval.store.files import hash_bytes
from retrieval.store.manifest import Manifest

_DIGITS = 16


class Part(StrEnum):
    """What a collection of a generation holds."""

    CAPTIONS = "captions"
    IMAGES = "images"
    WORDS = "words"
    STEMS = "stems"


VECTOR_PARTS = {Channel.CAPTION: Part.CAPTIONS, Channel.IMAGE: Part.IMAGES}
"""Where the vectors of a channel are."""


def list_parts(manifest: Manifest) -> list[Part]:
    """The parts that a generation has."""
    return [*(VECTOR_PARTS[channel] for channel in vector_dimensions(manifest)), Part.WORDS, Part.STEMS]


@dataclass(frozen=True, slots=True)
class Publication:
    """One generation as one run published it under a name; `run` tells two runs of the same apart."""

    name: str
    generation: int
    fingerprint: str
    run: str

    def collection(self, part: Part) -> str:
        """What the collection of a part is called."""
        return f"{self.name}_{self.generation:08d}_{self.fingerprint}_{self.run}_{part}"

    @classmethod
    def parse(cls, name: str, collection: str) -> "Publication | None":
        """The publication under `name` that a collection belongs to; None for another."""
        pattern = rf"{name}_([0-9]{{8}})_([0-9a-f]{{{_DIGITS}}})_([0-9a-f]{{8}})_({'|'.join(Part)})"
        match = re.fullmatch(pattern, collection)
        return cls(name, int(match[1]), match[2], match[3]) if match else None


def fingerprint(manifest: Manifest) -> str:
    """What tells generations apart: a hash of what its vectors and words are made of, and of its number."""
    models = (manifest.text_encoder, manifest.image_head)
    parts = [manifest.generation, *(model.sha256 if model else "" for model in models)]
    parts += [shard.sha256 for shard in manifest.shards]
    return hash_bytes(json.dumps(parts).encode())[:_DIGITS]


def find_current(milvus: Connection) -> Publication | None:
    """What is published under the name of the connection's address; None where there is nothing.

    Raises:
        MilvusError: no answer, or the name is that of something else.
    """
    name = milvus.address.name
    collections = milvus.call("list_collections")
    for collection in collections:
        publication = Publication.parse(name, collection)
        if publication is None or not collection.endswith(Part.CAPTIONS):
            continue
        if name in milvus.call("list_aliases", collection)["aliases"]:
            return publication
    # Also answers of an alias, which leads to a collection of somebody else.
    if milvus.call("has_collection", name):
        kind = "a collection" if name in collections else "an alias"
        raise MilvusError(
            f"found {kind} {name!r} at {milvus.address.uri} that is no published index, expected that "
            f"name to be free; choose another one: {milvus.address.uri}#NAME"
        )
    return None


def list_publications(milvus: Connection) -> set[Publication]:
    """All under the name of the connection's address, whole or not.

    Raises:
        MilvusError: no answer.
    """
    return set(_list_collections(milvus).values())


def make_current(milvus: Connection, publication: Publication, former: Publication | None) -> None:
    """Publish: from now on a search finds this one.

    Raises:
        MilvusError: no answer, in time; the change may have been made all the same.
    """
    change = "create_alias" if former is None else "alter_alias"
    milvus.call(change, publication.collection(Part.CAPTIONS), publication.name)


def remove_publications(milvus: Connection, publications: Container[Publication]) -> None:
    """Remove these, as far as Milvus answers; the next run removes the rest."""
    try:
        for collection, publication in _list_collections(milvus).items():
            if publication in publications:
                milvus.call("drop_collection", collection)
    except MilvusError:
        return


def _list_collections(milvus: Connection) -> dict[str, Publication]:
    """The collections under the name of the connection's address, and what each is a part of."""
    collections = milvus.call("list_collections")
    parsed = {collection: Publication.parse(milvus.address.name, collection) for collection in collections}
    return {collection: each for collection, each in parsed.items() if each is not None}


def withdraw(milvus: Connection, publication: Publication) -> None:
    """Remove what a run has written and not published, as far as Milvus answers."""
    for part in Part:
        try:
            milvus.call("drop_collection", publication.collection(part), seconds=2)
        except MilvusError:
            return
