"""Questions that wait while others are answered."""

import asyncio
import threading

import pytest
from starlette.exceptions import HTTPException

from retrieval.search.engine import SearchEngine
from retrieval.search.live_engine import LiveEngine
from retrieval.service.batches import MOST, Batches
from retrieval.service.searches import Question, answer_questions


class Doubler:
    """Doubles numbers when it may; a text is an error of its own, None one of all that are asked with it."""

    def __init__(self):
        self.free = threading.Event()
        self.asked = []

    def __call__(self, questions):
        self.asked.append(questions)
        assert self.free.wait(10)
        return [ValueError(each) if isinstance(each, str) else 2 * each for each in questions]


async def ask_all(batches, questions):
    tasks = []
    for question in questions:
        tasks.append(asyncio.create_task(batches.ask(question)))
        await asyncio.sleep(0)
    return tasks


def test_those_that_wait_are_answered_together_each_with_its_own():
    async def run():
        doubler = Doubler()
        tasks = await ask_all(Batches(doubler), range(MOST + 3))
        doubler.free.set()
        assert await asyncio.gather(*tasks) == [2 * number for number in range(MOST + 3)]
        assert doubler.asked == [[0], list(range(1, MOST + 1)), [MOST + 1, MOST + 2]]

    asyncio.run(run())


def test_what_is_wrong_with_one_is_told_to_it_alone():
    async def run():
        doubler = Doubler()
        tasks = await ask_all(Batches(doubler), [1, 2, "bad", 3])
        doubler.free.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [found[0], found[1], str(found[2]), found[3]] == [2, 4, "bad", 6]

    asyncio.run(run())


def test_after_a_failure_it_goes_on():
    async def run():
        doubler = Doubler()
        doubler.free.set()
        batches = Batches(doubler)
        for _ in range(3):
            with pytest.raises(TypeError):
                await batches.ask(None)
        assert await batches.ask(4) == 8

    asyncio.run(run())


class Panic(BaseException):
    """As Rust's packages raise it."""


def test_after_a_panic_it_goes_on():
    def answer(questions):
        if None in questions:
            raise Panic
        return questions

    async def run():
        batches = Batches(answer)
        with pytest.raises(Panic):
            await asyncio.wait_for(batches.ask(None), 10)
        assert await asyncio.wait_for(batches.ask(4), 10) == 4

    asyncio.run(run())


def test_without_room_for_a_thread_the_next_one_tries_again(monkeypatch):
    def fail(thread):
        raise RuntimeError("can't start new thread")

    async def run():
        batches = Batches(lambda questions: questions)
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", fail)
            with pytest.raises(RuntimeError):
                await batches.ask(1)
        assert await asyncio.wait_for(batches.ask(2), 10) == 2

    asyncio.run(run())


def test_who_waits_for_too_long_behind_the_next_ones_is_asked_to_come_again():
    async def run():
        doubler = Doubler()
        tasks = await ask_all(Batches(doubler), range(1 + 2 * MOST + 5))
        await asyncio.sleep(0.15)
        doubler.free.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        served = [each for each in found if isinstance(each, int)]
        refused = [each for each in found if isinstance(each, HTTPException)]
        assert served == [2 * number for number in range(1 + 2 * MOST)]
        assert [(each.status_code, each.headers) for each in refused] == [(503, {"retry-after": "1"})] * 5

    asyncio.run(run())


def test_who_is_gone_is_no_hindrance():
    async def run():
        doubler = Doubler()
        tasks = await ask_all(Batches(doubler), range(4))
        tasks[0].cancel()
        tasks[2].cancel()
        doubler.free.set()
        assert await asyncio.gather(tasks[1], tasks[3]) == [2, 6]

    asyncio.run(run())


QUESTIONS = [
    Question(q, where, k, channel, 0.0, fold, False)
    for q in ("a dog on a log", "children at the sea", "taken:2020", 'a "cat sleeps', "")
    for where in ("", "taken:2019..2020", "taken:soon")
    for k, channel, fold in ((2, None, True), (3, "caption", False), (3, "smell", False))
]


def test_questions_of_all_kinds_are_answered_as_each_alone(index, word_encoder):
    engine = LiveEngine(index, word_encoder).engine
    together = answer_questions(engine, QUESTIONS)
    alone = [answer_questions(engine, [question])[0] for question in QUESTIONS]
    assert [str(each) for each in together] == [str(each) for each in alone]
    assert [type(each) for each in together] == [type(each) for each in alone]
    # Four of the five can be read, two of the three filters, and two of the three channels are there.
    assert sum(isinstance(each, bytes) for each in together) == 4 * 2 * 2


def test_a_question_that_breaks_something_breaks_it_for_no_other(index, word_encoder, monkeypatch):
    real = SearchEngine.search_many

    def search_many(engine, queries, *arguments, **settings):
        assert all(query.text != "a broken dog" for query in queries)
        return real(engine, queries, *arguments, **settings)

    monkeypatch.setattr(SearchEngine, "search_many", search_many)
    engine = LiveEngine(index, word_encoder).engine
    questions = [
        Question(q, "", 2, None, 0.0, True, False) for q in ("a dog on a log", "a broken dog", "a cat")
    ]
    assert [type(answer) for answer in answer_questions(engine, questions)] == [bytes, AssertionError, bytes]
