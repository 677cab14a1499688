"""What malloc does is read in a process of its own, as glibc itself lists it."""

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

BEGIN = """
import ctypes, sys, threading
from indexer.pipeline.arenas import keep_freed, limit_arenas
if sys.argv[1] == "limited":
    limit_arenas()
if sys.argv[1] == "kept":
    keep_freed()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
"""
THREADS = """
barrier = threading.Barrier(8)
def take():
    barrier.wait()
    libc.malloc(1000)
    barrier.wait()
threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
BLOCKS = """
for _ in range(3):
    block = libc.malloc(20 * 2**20)
    libc.free(ctypes.c_void_p(block))
libc.malloc(20 * 2**20)
"""
AGAIN = """
import resource
def count():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def take():
    block = ctypes.c_void_p(libc.malloc(5 * 2**20))
    libc.memset(block, 1, 5 * 2**20)
    return block
before = count()
for _ in range(20):
    for block in [take() for _ in range(3)]:
        libc.free(block)
with open(sys.argv[2], "w") as file:
    file.write(str(count() - before))
sys.exit()
"""
END = """
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(sys.argv[2].encode(), b"w")
libc.malloc_info(0, ctypes.c_void_p(file))
libc.fclose(ctypes.c_void_p(file))
"""


pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc is not glibc's")


def list_memory(how: str, program: str, out: Path) -> str:
    subprocess.run([sys.executable, "-c", BEGIN + program + END, how, out], check=True)
    return out.read_text()


def test_threads_share_two_arenas(tmp_path: Path) -> None:
    arenas = {
        how: list_memory(how, THREADS, tmp_path / how).count("<heap nr=") for how in ("free", "limited")
    }
    assert arenas["limited"] == 2
    assert arenas["free"] > 2


def test_large_blocks_lie_outside_of_them(tmp_path: Path) -> None:
    outside = {
        how: sum(
            int(size)
            for size in re.findall(
                r'type="mmap" count="\d+" size="(\d+)"', list_memory(how, BLOCKS, tmp_path / how)
            )
        )
        for how in ("free", "limited")
    }
    assert outside["limited"] >= 20 * 2**20
    assert outside["free"] < 20 * 2**20


def test_what_one_photo_freed_the_next_one_gets_without_the_system(tmp_path: Path) -> None:
    faults = {how: int(list_memory(how, AGAIN, tmp_path / how)) for how in ("free", "kept")}
    assert faults["kept"] < faults["free"] / 5
