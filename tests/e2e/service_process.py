"""A running `retrieve serve`. Starts a process; reads what it says and answers."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ("retrieval.command", "serve", "--port", "0")
# The same with the text encoder of the tests, which is there at once.
COMMAND_WITH_WORDS = ("tests.e2e.serve_words", "--port", "0")


class ServiceProcess:
    """Stands where it says that it does; `end` ends it whatever it does."""

    def __init__(self, command: tuple[str, ...], *arguments: str, **environment: str) -> None:
        # What runs the tests may itself ignore an interrupt, as a background job does; children inherit that.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command, *arguments],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env=os.environ | environment,
            )
        finally:
            signal.signal(signal.SIGINT, before)
        self.said: list[str] = []
        while not (found := re.search(r" photos at http://\S+:([0-9]+)/ ", self._read_line())):
            pass
        self.port = int(found[1])
        self.address = f"http://127.0.0.1:{self.port}"

    def _read_line(self) -> str:
        line = self.process.stderr.readline()
        assert line, f"the service ended: {self.said}"
        self.said.append(line)
        return line

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body) of a request on a connection of its own."""
        return self._ask("GET", path, None, headers)

    def put(self, path: str, document: object) -> tuple[int, dict[str, str], bytes]:
        """The same, of one with a document that becomes JSON."""
        return self._ask("PUT", path, json.dumps(document), {"Content-Type": "application/json"})

    def _ask(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def stop(self, by: signal.Signals) -> tuple[int, str]:
        """(exit code, what it said last)."""
        self.process.send_signal(by)
        rest = self.process.stderr.read()
        return self.process.wait(timeout=20), rest

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()
