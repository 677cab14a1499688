"""The captioner of an index whose captions a test gives."""

from retrieval.store.manifest import ModelRecord

PEOPLE = ModelRecord("people", "0" * 64)
