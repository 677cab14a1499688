"""Stages at once: in order, bounded, and what one of them raises reaches the caller."""

import threading
from collections.abc import Iterator

import pytest

from indexer.pipeline.conveyor import Conveyor, Stage


@pytest.fixture
def make() -> Iterator[object]:
    made: list[Conveyor[str]] = []

    def open_conveyor(*stages: Stage) -> Conveyor[str]:
        made.append(Conveyor(stages))
        return made[-1]

    yield open_conveyor
    for conveyor in made:
        conveyor.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("stage")]


def test_batches_come_out_in_their_order_with_what_was_made_of_them(make) -> None:
    conveyor = make(lambda x: x + 1, lambda x: 2 * x, str)
    out = [each for number in range(10) for each in conveyor.put(f"batch {number}", number)]
    # Three under way, and one that waits.
    assert len(out) == 7
    out += conveyor.empty()
    assert out == [(f"batch {number}", str(2 * (number + 1))) for number in range(10)]


def test_stages_work_at_once(make) -> None:
    both = threading.Barrier(2, timeout=20)

    def meet(value: int) -> int:
        # Each batch but the first meets, in stage one, the batch before it in stage two.
        both.wait()
        return value

    conveyor = make(lambda x: meet(x) if x > 0 else x, lambda x: meet(x) if x < 5 else x)
    out = [each for number in range(6) for each in conveyor.put("", number)]
    assert [value for _, value in [*out, *conveyor.empty()]] == list(range(6))


def test_what_a_stage_raises_is_raised_where_its_batch_would_come_out(make) -> None:
    def refuse(value: int) -> int:
        if value == 2:
            raise ValueError("not two")
        return value

    conveyor = make(lambda x: x, refuse, lambda x: x)
    out = [value for number in range(5) for _, value in conveyor.put("", number)]
    assert out == [0, 1]
    with pytest.raises(ValueError, match="not two"):
        list(conveyor.put("", 5))


def test_closing_drops_what_has_not_begun(make) -> None:
    began, go_on = threading.Event(), threading.Event()
    seen = []

    def wait(value: int) -> int:
        began.set()
        assert go_on.wait(20)
        return value

    conveyor = make(wait, seen.append)
    for number in range(2):
        assert list(conveyor.put("", number)) == []
    assert began.wait(20)
    closing = threading.Thread(target=conveyor.close)
    closing.start()
    go_on.set()
    closing.join(20)
    assert not closing.is_alive()
    # What was at work may have been passed on; what waited was not begun.
    assert seen in ([], [0])


def test_a_single_stage_runs_in_the_callers_thread(make) -> None:
    conveyor = make(lambda _: threading.current_thread())
    assert list(conveyor.put("a", 1)) == [("a", threading.current_thread())]
    assert list(conveyor.empty()) == []
