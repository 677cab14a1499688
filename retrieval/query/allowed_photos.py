"""Which photos a query lets through, however near the others are. Reads the columns of a photo table.

Shapes: P photos.
"""

from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retrieval.errors import UsageError
from retrieval.query.caption_words import CaptionWords
from retrieval.query.filters import Bounds, Field, Filter, parse_value
from retrieval.query.query_language import Query
from retrieval.store.photo_table import PhotoTable


def select_photos(photos: PhotoTable, words: CaptionWords | None, query: Query) -> np.ndarray | None:
    """Bool (P,): the photos that the phrases, the words to leave out and the filters allow; None: all.

    Raises:
        UsageError: there are phrases or words to leave out, and photos, but no `words` to look for them in.
    """
    masks = _list_masks(photos, words, query)
    return reduce(np.logical_and, masks) if masks else None


def _list_masks(photos: PhotoTable, words: CaptionWords | None, query: Query) -> list[np.ndarray]:
    masks = [_match(photos, each) != each.negated for each in query.filters]
    # An index whose first run was stopped has neither photos nor words yet.
    if not len(photos) or not (query.phrases or query.excluded):
        return masks
    if words is None:
        raise UsageError(
            "found an index without the words of its captions, expected them for phrases and -words; "
            "run `retrieve index` on its photos again"
        )
    masks += [words.find_exactly(phrase) for phrase in query.phrases]
    return masks + [~words.find(excluded) for excluded in query.excluded]


def _match(photos: PhotoTable, wanted: Filter) -> np.ndarray:
    value = parse_value(wanted.field, wanted.value)
    if isinstance(value, Bounds):
        return _match_bounds(photos.columns[wanted.field], value)
    if wanted.field is Field.CAMERA:
        cameras = photos.lowered_cameras
        matches = pc.match_substring(cameras.dictionary, value)
        return _to_bool(matches.take(cameras.indices))
    if wanted.field is Field.PATH:
        return _match_any(photos.columns["paths"], pc.match_substring(photos.lowered_paths, value))
    if wanted.field is Field.TAG:
        tags = photos.lowered_tags
        matches = pc.equal(tags.dictionary, value)
        return _match_any(photos.columns["tags"], matches.take(tags.indices))
    return _to_bool(pc.equal(photos.main_captions.field("provenance"), value))


def _match_bounds(column: pa.Array, bounds: Bounds) -> np.ndarray:
    number_P = column.cast(pa.int64()).fill_null(0).to_numpy()
    match_P: np.ndarray = column.is_valid().to_numpy(zero_copy_only=False)
    if bounds.low is not None:
        match_P = match_P & (number_P >= bounds.low)
    if bounds.end is not None:
        match_P = match_P & (number_P < bounds.end)
    return match_P


def _match_any(lists: pa.ListArray, matches: pa.BooleanArray) -> np.ndarray:
    """Bool (P,): the photos of whose list one value at least matches."""
    match_P = np.zeros(len(lists), dtype=bool)
    match_P[pc.list_parent_indices(lists).to_numpy()[_to_bool(matches)]] = True
    return match_P


def _to_bool(matches: pa.BooleanArray) -> np.ndarray:
    found: np.ndarray = matches.fill_null(False).to_numpy(zero_copy_only=False)
    return found
