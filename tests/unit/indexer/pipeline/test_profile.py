"""Seconds add up by stage, shares are of the run, and rates are those of a stage alone."""

import itertools

import pytest

import indexer.pipeline.profile
from indexer.pipeline.profile import Profile, StageTime


def test_times_are_what_the_clock_said(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.chain([0.0, 1.0, 3.0, 4.0, 5.0, 8.0], itertools.repeat(10.0))
    monkeypatch.setattr(indexer.pipeline.profile.time, "perf_counter", lambda: next(ticks))
    profile = Profile()
    with profile.stage("CNN"):  # 1 to 3
        pass
    assert profile.timed("captions", lambda x: 2 * x)(21) == 42  # 4 to 5
    with pytest.raises(ValueError, match="stop"), profile.stage("CNN"):  # 8 to 10
        raise ValueError("stop")
    profile.add("decoding", 0.5)
    profile.count(6)
    profile.count(2)
    assert list(profile.times()) == [
        StageTime("CNN", 4.0, 0.4, 2.0),
        StageTime("captions", 1.0, 0.1, 8.0),
        StageTime("decoding", 0.5, 0.05, 16.0),
        StageTime("all", 10.0, 1.0, 0.8),
    ]
