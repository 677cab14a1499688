"""How much one request may ask for, and how many there may be."""

import asyncio
import threading
import time

import pytest
from starlette.exceptions import HTTPException

from retrieval.service.limits import MOST_BODY, Admission, Turns


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_refused_whatever_it_says_of_itself(client, image_ids, chunked):
    path = f"/api/photos/{image_ids['cat.png']}/caption"
    body = b'{"text": "' + b"x" * MOST_BODY + b'"}'
    content = iter([body[:100], body[100:]]) if chunked else body
    answer = client.put(path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert "expected at most that" in answer.json()["detail"]


def test_a_body_in_pieces_arrives_whole(client, image_ids):
    path = f"/api/photos/{image_ids['cat.png']}/caption"
    pieces = iter([b'{"te', b'xt": "a ti', b'ger"}'])
    answer = client.put(path, content=pieces, headers={"content-type": "application/json"})
    assert answer.json()["caption"] == "a tiger"


def test_what_is_too_much_at_once_is_asked_to_come_again():
    async def run():
        free, statuses = asyncio.Event(), []

        async def work(scope, receive, send):
            await free.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def ask(path):
            async def send(message):
                if message["type"] == "http.response.start":
                    statuses.append((path, message["status"], dict(message["headers"]).get(b"retry-after")))

            await admission({"type": "http", "path": path}, None, send)

        admission = Admission(work, concurrency=2)
        tasks = [asyncio.create_task(ask("/api/search")) for _ in range(2)]
        tasks.append(asyncio.create_task(ask("/health")))
        await asyncio.sleep(0)
        await ask("/api/search")
        assert statuses == [("/api/search", 503, b"1")]
        free.set()
        await asyncio.gather(*tasks)
        await ask("/api/search")
        assert [status for _, status, _ in statuses] == [503, 200, 200, 200, 200]

    asyncio.run(run())


def test_a_request_that_fails_makes_room_again():
    async def run():
        async def fail(scope, receive, send):
            raise LookupError

        admission = Admission(fail, concurrency=1)
        for _ in range(3):
            with pytest.raises(LookupError):
                await admission({"type": "http", "path": "/api/search"}, None, None)

    asyncio.run(run())


def test_whose_turn_does_not_come_in_time_is_asked_to_come_again():
    async def run():
        turns, free = Turns(2), threading.Event()
        busy = [asyncio.create_task(turns.run(free.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        first = [asyncio.create_task(turns.run(lambda: "first")) for _ in range(2)]
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(turns.run(lambda: "late")) for _ in range(3)]
        for each in waiting:
            with pytest.raises(HTTPException) as refusal:
                await each
            assert (refusal.value.status_code, refusal.value.headers) == (503, {"retry-after": "1"})
        soon = asyncio.create_task(turns.run(lambda: "in time"))
        await asyncio.sleep(0.01)
        free.set()
        assert await asyncio.gather(*first, soon) == ["first", "first", "in time"]
        assert await asyncio.gather(*busy) == [True, True]
        assert await asyncio.gather(*[turns.run(lambda: "done") for _ in range(20)]) == ["done"] * 20

    asyncio.run(run())


def test_who_is_gone_when_the_turn_comes_holds_nobody_up():
    async def run():
        turns, free, done = Turns(1, next_ones=0, usual_seconds=1.0), threading.Event(), []

        async def is_gone():
            return True

        busy = asyncio.create_task(turns.run(free.wait))
        await asyncio.sleep(0)
        gone = [asyncio.create_task(turns.run(lambda: done.append("gone"), is_gone)) for _ in range(5)]
        await asyncio.sleep(0)
        waiting = asyncio.create_task(turns.run(lambda: "in time"))
        await asyncio.sleep(0.25)
        free.set()
        assert await waiting == "in time"
        for each in gone:
            with pytest.raises(HTTPException, match="nobody who waits"):
                await each
        assert (await busy, done) == (True, [])

    asyncio.run(run())


def test_long_work_is_waited_for():
    async def run():
        turns = Turns(1)
        await turns.run(lambda: time.sleep(1))
        free = threading.Event()
        busy = asyncio.create_task(turns.run(free.wait))
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(turns.run(lambda: "in time")) for _ in range(3)]
        await asyncio.sleep(0.25)
        free.set()
        assert await asyncio.gather(*waiting) == ["in time"] * 3
        await busy

    asyncio.run(run())


def test_work_that_fails_gives_its_turn_to_the_next():
    async def run():
        turns = Turns(1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await turns.run(lambda: 1 / 0)
        assert await turns.run(lambda: "done") == "done"

    asyncio.run(run())
