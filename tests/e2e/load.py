"""Clients that ask a service as fast as it answers, or at a rate whatever it answers. Opens sockets."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """One answer: its status, how many seconds it took, and whether it says when to come again."""

    status: int
    seconds: float
    says_when: bool


class Connection:
    """One that is kept."""

    async def open(self, port: int) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def ask(self, path: str) -> Asked:
        start = time.perf_counter()
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        await self._reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        return Asked(int(head.split()[1]), time.perf_counter() - start, b"retry-after:" in head)

    def close(self) -> None:
        self._writer.close()


def ask_in_turn(port: int, clients: int, seconds: float, paths: Iterator[str]) -> list[Asked]:
    """What so many clients are answered, each of which asks again when it has its answer."""

    async def run() -> list[Asked]:
        end, answers = time.perf_counter() + seconds, list[Asked]()

        async def ask_on() -> None:
            connection = await Connection().open(port)
            while time.perf_counter() < end:
                answers.append(await connection.ask(next(paths)))
            connection.close()

        await asyncio.gather(*(ask_on() for _ in range(clients)))
        return answers

    return asyncio.run(run())


def ask_at_rate(port: int, rate: float, seconds: float, paths: Iterator[str]) -> list[Asked]:
    """What is answered to `rate` requests a second, over 300 connections; none is sent while all wait."""

    async def run() -> list[Asked]:
        free = [await Connection().open(port) for _ in range(300)]
        answers, working = list[Asked](), set[asyncio.Task[None]]()

        async def ask(connection: Connection) -> None:
            answers.append(await connection.ask(next(paths)))
            free.append(connection)

        begin, counted = time.perf_counter(), itertools.count()
        while (now := time.perf_counter()) < begin + seconds:
            for _ in itertools.takewhile(lambda number: number < (now - begin) * rate, counted):
                if free:
                    task = asyncio.create_task(ask(free.pop()))
                    working.add(task)
                    task.add_done_callback(working.discard)
            await asyncio.sleep(0.002)
        await asyncio.gather(*working)
        for connection in free:
            connection.close()
        return answers

    return asyncio.run(run())
