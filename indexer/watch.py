"""Follows folders of photos. Reads what the system tells of changes; yields what each run did."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType

import watchfiles

from indexer.photo_files.scan import EXTENSIONS, find_device, is_passed_over, make_absolute
from indexer.updating.report import IndexReport
from retrieval.errors import IndexBusyError, RetrievalError, UsageError
from retrieval.normal_form import replace_surrogates
from retrieval.printable import make_printable

logger = logging.getLogger(__name__)

_TICK_MS = 1000
# Not every disk tells of its changes: those on a network don't.
_SECONDS_BETWEEN_SCANS = 300
_MOST_SECONDS_BUSY = 60
_MOST_SECONDS_BLIND = 60
# How watchfiles begins to say so; its error has no public class.
_NAME_IS_NOT_UTF8 = "Unable to decode path"


def follow(photos: Sequence[Path], index: Path, run: Callable[[], IndexReport]) -> Iterator[IndexReport]:
    """Run at once and after every change, once things have been quiet for a moment; endless.

    Runs that changed nothing are not reported, but for the first. While another process writes the index, the
    changes wait: for a second, then twice as long each time that it still does, up to a minute. While a
    folder's disk is away, they wait for it, with a notice on the log; of one that came back the system tells
    no more, and it is looked through every five minutes.

    Raises:
        RetrievalError: as `run`, such as for a photo that is gone, or a folder's name is not UTF-8, or the
            system has no watcher to spare.
    """
    known: tuple[tuple[bytes, str], ...] | None = None
    disks = _Disks(photos)
    due, wait = 0.0, 1
    for changed in _watch(photos, index):
        if time.monotonic() < due and not (changed and wait == 1):
            continue
        if not disks.are_there():
            # There is a run as soon as they are.
            due = 0.0
            continue
        try:
            report = run()
        except IndexBusyError:
            if known is None:
                raise
            due, wait = time.monotonic() + wait, min(2 * wait, _MOST_SECONDS_BUSY)
            continue
        due, wait = time.monotonic() + _SECONDS_BETWEEN_SCANS, 1
        if known is None or report.new or report.updated or report.removed or report.failures != known:
            yield report
        known = report.failures


def is_of_interest(path: str, roots: Sequence[str], index: str) -> bool:
    """Whether a change there may concern a photo: none in the index, and none that a scan passes over."""
    if _lies_in(path, index):
        return False
    if path in roots:
        return True
    if all(_passes_over(path, root) for root in roots if _lies_in(path, root)):
        return False
    extension = os.fsencode(os.path.splitext(path)[1].lower())
    # What is no file is a folder, or was one: of one that is moved away nothing else is told.
    return extension in EXTENSIONS or not os.path.isfile(path)


class _Disks:
    """The file systems that the folders are on at first: where one is away, no photo is gone."""

    def __init__(self, photos: Sequence[Path]) -> None:
        self._devices = {photo: _look_for_disk(photo) for photo in photos}
        self._noticed = False

    def are_there(self) -> bool:
        """Whether each folder is on its own, or on another with something on it; what is away is said once.

        A disk that comes back may have another number.
        """
        away = [photo for photo, device in self._devices.items() if _is_away(photo, device)]
        if away and not self._noticed:
            logger.warning(
                "found nothing in %s any more, and another disk there or none, expected the one that was "
                "followed; connect it, or stop and run again",
                make_printable(str(away[0])),
            )
        self._noticed = bool(away)
        return not away


def _look_for_disk(photo: Path) -> int | None:
    # A disk may be mounted where somebody looks into it.
    with suppress(OSError), os.scandir(photo):
        pass
    return find_device(os.fsencode(photo))


def _is_away(photo: Path, device: int | None) -> bool:
    if _look_for_disk(photo) == device:
        return False
    with suppress(OSError):
        return not os.listdir(photo)
    return True


def _watch(photos: Sequence[Path], index: Path) -> Iterator[bool]:
    """Whether there were changes of interest, each time that the system tells of any, or a second went by.

    The first comes as soon as none can be missed any more. Where a name that is not UTF-8 ends the watcher,
    another takes its place, and what was missed until then counts as a change. Where such a name ends that
    one as well, as a folder's does as soon as it is listed, there is a change each time, less and less often,
    in the end once a minute.
    """
    roots, own = [make_absolute(photo) for photo in photos], make_absolute(index)
    folders = {root if os.path.isdir(root) else os.path.dirname(root) for root in roots}
    _require_unicode(folders)
    stopped = threading.Event()
    begin = partial(
        watchfiles.watch,
        *sorted(folders),
        # A batch of which it lets nothing through would begin the second anew.
        watch_filter=None,
        stop_event=stopped,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    changes, blind, pause = begin(), True, 1
    while True:
        try:
            with _terminating(stopped):
                batch = next(changes, None)
        except RuntimeError as error:
            if not str(error).startswith(_NAME_IS_NOT_UTF8):
                raise RetrievalError(
                    f"found {make_printable(str(error))}, expected to be told of changes; close programs "
                    "that follow folders, or run without --watch"
                ) from None
            time.sleep(pause)
            changes = begin()
            if blind:
                yield True
            blind, pause = True, min(2 * pause, _MOST_SECONDS_BLIND)
            continue
        if batch is None:
            return
        # By now this watcher is there: a run finds what none told of, and misses nothing.
        yield blind or any(is_of_interest(path, roots, own) for _, path in batch)
        # Not before a run has left it be: what a run itself reads may end it again.
        blind, pause = False, pause if blind else 1


def _require_unicode(folders: Iterable[str]) -> None:
    for folder in folders:
        if replace_surrogates(folder) != folder:
            raise UsageError(
                f"found {make_printable(folder)}, expected a folder whose name is UTF-8 to follow; rename "
                "it, or run without --watch"
            )


@contextmanager
def _terminating(stopped: threading.Event) -> Iterator[None]:
    """Let SIGTERM end the watcher first: it turns whatever a handler raises into an interrupt."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
    if stopped.is_set():
        signal.raise_signal(signal.SIGTERM)


def _passes_over(path: str, root: str) -> bool:
    """Whether a scan of the root passes over what lies there in it."""
    return any(is_passed_over(os.fsencode(part)) for part in os.path.relpath(path, root).split(os.sep))


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
