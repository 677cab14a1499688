"""A search engine that follows its index. Reads CURRENT before every use; writes nothing."""

import logging
import math
import threading
import time
from pathlib import Path

from retrieval.errors import EncoderMismatchError, IndexNotFoundError, NewerFormatError, RetrievalError
from retrieval.search.calibration import Calibration
from retrieval.search.engine import SearchEngine
from retrieval.search.fusion import FusionConfig
from retrieval.store.manifest import read_current_line
from retrieval.text.text_encoder import TextEncoder

logger = logging.getLogger(__name__)

# Another try would end as the first did. Not so of what is damaged: its files may still be on their way.
_UNUSABLE = (NewerFormatError, IndexNotFoundError, EncoderMismatchError)
_LEAST_SECONDS_BETWEEN_TRIES = 5
# Times as long as the try that failed, for which whoever asked had to wait.
_BETWEEN_TRIES = 100


class LiveEngine:
    """The engine of the current generation, whichever that is by now. May be shared by threads.

    One `SearchEngine` answers from one generation: take `engine` once per request and ask it everything.
    """

    def __init__(
        self,
        path: str | Path,
        text_encoder: TextEncoder | None = None,
        device: str = "auto",
        fusion: FusionConfig | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        """Open the index; the arguments and what is raised are those of `SearchEngine.open`."""
        self._path = Path(path)
        self._device = device
        self._fusion = fusion
        self._calibration = calibration
        self._lock = threading.Lock()
        self._text_encoder = text_encoder
        self._current = read_current_line(self._path)
        self._engine = self._open(text_encoder)
        self._failed: bytes | None = None
        self._next_try = 0.0
        self._said = ""

    @property
    def engine(self) -> SearchEngine:
        """The engine of the generation that is current now.

        Where that cannot be opened, the former one goes on answering, with a notice on the log. A generation
        that cannot be used (a newer program wrote it, say) is left to the next one; whatever else fails (a
        file is damaged or not there yet, or there is no memory to spare) is tried again after a few seconds,
        while others go on with the former one.
        """
        if self.opened is None:
            with self._lock:
                # While this one waited, another thread may have opened it, or a later one.
                if self.opened is None:
                    self._reopen()
        return self._engine

    @property
    def opened(self) -> SearchEngine | None:
        """The same where it would not open another one now; None where it would, which takes a moment."""
        try:
            current = read_current_line(self._path)
        except OSError:
            current = None
        waits = current == self._failed and time.monotonic() < self._next_try
        return self._engine if waits or current == self._current else None

    def _reopen(self) -> None:
        current, start, wait = None, time.monotonic(), 0.0
        # Who asks while it is tried again need not wait.
        self._next_try = math.inf
        try:
            current = read_current_line(self._path)
            self._engine = self._open_next()
            self._said = ""
        except (RetrievalError, OSError, MemoryError) as error:
            self._say(f"generation {self._engine.generation} goes on answering: {str(error) or 'no memory'}")
            if not isinstance(error, _UNUSABLE):
                wait = max(_LEAST_SECONDS_BETWEEN_TRIES, _BETWEEN_TRIES * (time.monotonic() - start))
                self._failed = current
                return
        finally:
            self._next_try = time.monotonic() + wait
        # Last: who asks in the meantime waits, and sees what was committed before it asked.
        self._current = current

    def _say(self, notice: str) -> None:
        """Once, however often the same is tried again."""
        if notice != self._said:
            logger.warning("%s", notice)
        self._said = notice

    def _open_next(self) -> SearchEngine:
        try:
            return self._open(self._engine.text_encoder)
        except EncoderMismatchError:
            # The index was made anew with another one.
            return self._open(self._text_encoder)

    def _open(self, text_encoder: TextEncoder | None) -> SearchEngine:
        return SearchEngine.open(
            self._path, text_encoder, self._device, self._fusion, calibration=self._calibration
        )
