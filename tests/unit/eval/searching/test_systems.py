"""Every channel is a system and all of them fused another."""

import numpy as np

from eval.dataset.collection import Collection
from eval.searching.systems import FUSED, list_systems, pick_headline

SCORES = np.zeros((12, 4))


def test_one_channel_is_one_system(small_collection: Collection, table_engine: type) -> None:
    systems = list_systems(table_engine(small_collection, {"caption": SCORES}))
    assert systems == {"caption": "caption"}
    assert pick_headline(systems) == "caption"


def test_several_channels_are_fused_as_well(small_collection: Collection, table_engine: type) -> None:
    tables = {"caption": SCORES, "image": SCORES, "lexical": SCORES, None: SCORES}
    systems = list_systems(table_engine(small_collection, tables))
    assert systems == {"caption": "caption", "image": "image", "lexical": "lexical", FUSED: None}
    assert pick_headline(systems) == FUSED
