"""What tells whether a file changed since it was read. Reads and writes nothing."""

import os
from dataclasses import dataclass

from retrieval.regular_file import is_settled


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What tells that a file is unchanged, and when it was read (nanoseconds since 1970)."""

    size: int
    mtime_ns: int
    inode: int
    read_ns: int

    def is_of(self, status: os.stat_result) -> bool:
        """Whether the file is surely as it was when it was read."""
        unchanged = (self.size, self.mtime_ns, self.inode) == (
            status.st_size,
            status.st_mtime_ns,
            status.st_ino,
        )
        return unchanged and is_settled(self.mtime_ns, self.read_ns)
