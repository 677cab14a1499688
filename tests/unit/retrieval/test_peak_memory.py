import subprocess
import sys

import pytest

from retrieval.peak_memory import PeakMemory

needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc")


# In a process of its own: what this one held once, under other tests, is more than any that it takes now.
_GIVEN_BACK = """
from retrieval.peak_memory import PeakMemory
memory = PeakMemory()
before = memory.bytes()
held = bytearray(before + 100 * 2**20)
held[::4096] = b"x" * len(held[::4096])
grown = memory.bytes()
del held
print(before, grown, memory.bytes())
"""


def test_memory_that_was_given_back_still_counts() -> None:
    done = subprocess.run([sys.executable, "-c", _GIVEN_BACK], stdout=subprocess.PIPE, check=True)
    before, grown, after = map(int, done.stdout.split())
    assert grown - before > 90 * 2**20
    # The kernel counts pages in batches of some dozens.
    assert after >= grown - 2**20


@needs_linux
def test_processes_that_were_started_count_while_they_were_seen() -> None:
    memory = PeakMemory()
    script = "held = b'x' * (200 * 2**20); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        before = memory.bytes()
        child.stdout.readline()
        memory.sample()
        child.communicate(b"\n")
    memory.sample()
    assert 200 * 2**20 < memory.bytes() - before < 300 * 2**20
