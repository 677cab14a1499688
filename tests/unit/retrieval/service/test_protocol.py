"""What is refused unread, and what is not, over a real connection."""

import asyncio

import pytest
import uvicorn
from uvicorn.server import ServerState

from retrieval.service.limits import Gate, Turns
from retrieval.service.protocol import ClockedProtocol

SEARCH = b"GET /api/search?q=dog HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Counted(Gate):
    """A gate with room for so many."""

    def __init__(self, room):
        self.room = room
        self.inside = 0

    def enter(self):
        if self.inside == self.room:
            return False
        self.inside += 1
        return True

    def leave(self):
        self.inside -= 1


class Service:
    """An application that answers when `free` is set, behind the gate, at a port of its own."""

    def __init__(self, room, seconds=6.0):
        self.gate = Counted(room)
        self.seconds = seconds
        self.free = asyncio.Event()
        self.free.set()
        self.paths = []

    async def __call__(self, scope, receive, send):
        self.paths.append(scope["path"])
        while (await receive()).get("more_body"):
            pass
        await self.free.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def __aenter__(self):
        protocol = type("Protocol", (ClockedProtocol,), {"gate": self.gate, "seconds": self.seconds})
        config = uvicorn.Config(self, http=protocol, ws="none", lifespan="off", log_config=None)
        config.load()
        state = ServerState()
        self.server = await asyncio.get_running_loop().create_server(
            lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()


class Client:
    """A connection."""

    async def open(self, service):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", service.port)
        return self

    async def ask(self, *pieces):
        for piece in pieces:
            self.writer.write(piece)
            await asyncio.sleep(0.02)
        return await self.read()

    async def read(self):
        """(status, headers, body) of one answer."""
        lines = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        body = await self.reader.readexactly(int(headers["content-length"]))
        return int(lines[0].split()[1]), headers, body


def test_a_search_that_is_too_much_is_refused_unread_and_the_connection_goes_on():
    async def run():
        async with Service(room=0) as service:
            client = await Client().open(service)
            for search in (SEARCH, SEARCH, SEARCH.replace(b"q=dog", b"q=dog&rerank=false")):
                status, headers, body = await client.ask(search)
                assert (status, headers["retry-after"]) == (503, "1")
                assert body.startswith(b'{"detail": "found more to do')
            assert (await client.ask(HEALTH))[0] == 200
            assert (await client.ask(SEARCH))[0] == 503
            service.gate.room = 1
            assert (await client.ask(SEARCH))[0] == 200
            assert service.paths == ["/health", "/api/search"]
            client.writer.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "pieces",
    [
        [SEARCH[:20], SEARCH[20:]],
        [SEARCH.replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n") + b"{}"],
        [SEARCH.replace(b"\r\n\r\n", b"\r\ncontent-length: 2\r\n\r\n"), b"{}"],
        [SEARCH.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"), b"0\r\n\r\n"],
        [SEARCH.replace(b"\r\n\r\n", b"\r\nConnection:  close\r\n\r\n")],
        [SEARCH.replace(b"HTTP/1.1", b"HTTP/1.0")],
        [SEARCH.replace(b"GET", b"PUT")],
        [SEARCH.replace(b"search", b"about")],
        [SEARCH.replace(b"q=dog", b"q=dog&rerank=true")],
    ],
    ids=[
        *("in pieces", "body", "body that follows", "chunks", "last one", "old"),
        *("other method", "other path", "second look"),
    ],
)
def test_what_is_not_simply_one_search_is_read(pieces):
    async def run():
        async with Service(room=0) as service:
            client = await Client().open(service)
            assert (await client.ask(*pieces))[0] == 200
            client.writer.close()

    asyncio.run(run())


def test_two_searches_in_one_piece_are_both_read():
    async def run():
        async with Service(room=0) as service:
            client = await Client().open(service)
            assert (await client.ask(SEARCH + SEARCH))[0] == 200
            assert (await client.read())[0] == 200
            assert service.paths == ["/api/search"] * 2
            client.writer.close()

    asyncio.run(run())


def test_a_request_that_began_behind_another_has_no_longer_to_arrive():
    async def run():
        async with Service(room=0, seconds=0.3) as service:
            client = await Client().open(service)
            began = b"POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{"
            assert (await client.ask(HEALTH + began))[0] == 200
            assert await asyncio.wait_for(client.reader.read(), 3) == b""
            assert service.paths == ["/health", "/api/session"]
            client.writer.close()

    asyncio.run(run())


def test_who_has_been_answered_or_is_gone_makes_room():
    async def run():
        async with Service(room=2) as service:
            service.free.clear()
            clients = [await Client().open(service) for _ in range(3)]
            for client in clients[:2]:
                client.writer.write(SEARCH)
            await asyncio.sleep(0.05)
            assert service.gate.inside == 2
            assert (await clients[2].ask(SEARCH))[0] == 503
            clients[0].writer.close()
            await asyncio.sleep(0.05)
            assert service.gate.inside == 1
            service.free.set()
            assert (await clients[1].read())[0] == 200
            assert (await clients[2].ask(SEARCH))[0] == 200
            for client in clients[1:]:
                client.writer.close()
            await asyncio.sleep(0.05)
            assert service.gate.inside == 0

    asyncio.run(run())


def test_the_gate_lets_in_what_can_be_begun_in_time():
    refused = []
    turns = Turns(1)
    gate = Gate(lambda: turns.usual_seconds, lambda: refused.append(1))
    for usual, room in ((0.01, 10), (0.05, 4), (0.5, 4), (1e-9, 24)):
        turns.usual_seconds = usual
        refused.clear()
        entered = 0
        while gate.enter():
            entered += 1
        assert (entered, len(refused)) == (room, 1)
        gate.leave()
        assert gate.enter()
        for _ in range(entered):
            gate.leave()
