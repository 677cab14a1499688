import gc

import pytest

from retrieval.command.short_run import spare_collections


def test_nothing_is_collected_meanwhile_and_everything_after():
    before = gc.get_freeze_count()
    seen = []

    @spare_collections()
    def fail():
        seen.append(gc.isenabled())
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (seen, gc.isenabled()) == ([False], True)
    assert gc.get_freeze_count() > before
    gc.unfreeze()


def test_who_collects_nothing_anyway_is_left_alone():
    gc.disable()
    try:
        with spare_collections():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
