"""The command: where it is installed, and what the fixture `retrieve_here` is."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

RETRIEVE = Path(sys.executable).with_name("retrieve")
Retrieve = Callable[..., subprocess.CompletedProcess[str]]
