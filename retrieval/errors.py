"""The one tree of exceptions. Reads nothing, writes nothing.

Every message says what was found, what was expected and what to do. The command prints it as one line
and exits with `exit_code`; a library user catches `RetrievalError`.
"""

from typing import ClassVar


class RetrievalError(Exception):
    """Refused or failed for a reason that the user can act on."""

    exit_code: ClassVar[int] = 1


class UsageError(RetrievalError):
    """An argument or a query that makes no sense, such as `-k 0` or an empty sentence."""

    exit_code: ClassVar[int] = 2


class UnknownPhotoError(UsageError):
    """The image_id of a photo that the index does not hold."""


class ConfigError(RetrievalError):
    """A config file with an unknown key or an impossible value."""

    exit_code: ClassVar[int] = 2


class PhotoError(RetrievalError):
    """One photo that cannot be read. The indexer turns it into a row; it never stops a run."""


class DatasetError(RetrievalError):
    """A captioned dataset that is missing, incomplete or in no known form."""


class CheckpointError(RetrievalError):
    """Model weights that are missing, damaged, in an unsafe format, or made for something else."""


class IndexBusyError(RetrievalError):
    """An index that another process is writing."""


class IndexNotFoundError(RetrievalError):
    """A folder that holds no index."""


class IndexFormatError(RetrievalError):
    """An index that is damaged, or written by a newer version."""


class NewerFormatError(IndexFormatError):
    """An index that a newer version of this program wrote."""


class UnreadableError(IndexFormatError):
    """A file of an index that cannot be read now, such as on a share that is away, and may be whole."""


class EncoderMismatchError(RetrievalError):
    """An index opened with another text encoder than the one that made its vectors."""


class MilvusError(RetrievalError):
    """A Milvus that does not answer, or that does not hold what is looked for."""


class InstallationError(RetrievalError):
    """A package that is missing, or two that exclude each other."""


def first_line(error: Exception) -> str:
    """What an error of a library says first, and its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def one_line(error: Exception) -> str:
    """All that an error of a library says, in one line, and its type where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
