"""What to type to install a package. Knows which Python runs; reads and writes nothing."""

import shlex
import sys


def how_to_install(*packages: str) -> str:
    """The command, quoted for a shell, that installs packages by their names on PyPI.

    It installs them where this Python looks for them, whatever environment the shell is in. They are
    the packages themselves and no extras of ours: PyPI's `retrieve` is somebody else's.
    """
    return _pip("install", packages)


def how_to_uninstall(*packages: str) -> str:
    """The command, quoted for a shell, that takes packages out of where this Python looks for them."""
    return _pip("uninstall", packages)


def _pip(command: str, packages: tuple[str, ...]) -> str:
    return shlex.join([sys.executable, "-m", "pip", command, *packages])
