"""Arenas of malloc are counted in a process of its own, as glibc itself lists them."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys, threading
from indexer.arenas import limit_arenas
if sys.argv[1] == "limited":
    limit_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
barrier = threading.Barrier(8)
def take():
    barrier.wait()
    libc.malloc(1000)
    barrier.wait()
threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(sys.argv[2].encode(), b"w")
libc.malloc_info(0, ctypes.c_void_p(file))
libc.fclose(ctypes.c_void_p(file))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc is not glibc's")
def test_threads_share_two_arenas(tmp_path):
    arenas = {}
    for how in ("free", "limited"):
        out = tmp_path / how
        subprocess.run([sys.executable, "-c", PROGRAM, how, out], check=True)
        arenas[how] = out.read_text().count("<heap nr=")
    assert arenas["limited"] == 2
    assert arenas["free"] > 2
