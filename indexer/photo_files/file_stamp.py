"""What tells whether a file changed since it was read. Reads and writes nothing."""

import os
from dataclasses import dataclass

from retrieval.regular_file import is_settled


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What tells that a file is unchanged, and when it was read (nanoseconds since 1970).

    Whoever writes a file may put its modification time back, but not `ctime_ns`, that of its last change.
    The former is the nearest that 64 bits hold: files may be dated before 1678 and after 2262. The inode
    tells nothing: on FAT and exFAT a disk has others whenever it is mounted.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    read_ns: int

    @classmethod
    def of(cls, status: os.stat_result, read_ns: int) -> "FileStamp":
        """The stamp of a file of which this was found, and which was read then."""
        mtime_ns = max(-(2**63), min(status.st_mtime_ns, 2**63 - 1))
        return cls(status.st_size, mtime_ns, status.st_ctime_ns, read_ns)

    def is_of(self, status: os.stat_result) -> bool:
        """Whether the file is surely as it was when it was read."""
        # A modification time may lie in the future, such as a camera's whose clock was wrong.
        changed_ns = min(self.mtime_ns, self.ctime_ns)
        return self == FileStamp.of(status, self.read_ns) and is_settled(changed_ns, self.read_ns)
