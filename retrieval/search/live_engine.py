"""A search engine that follows its index. Reads CURRENT before every use; writes nothing."""

import logging
import threading
from pathlib import Path

from retrieval.errors import EncoderMismatchError, RetrievalError
from retrieval.search.calibration import Calibration
from retrieval.search.engine import SearchEngine
from retrieval.search.fusion import FusionConfig
from retrieval.store.manifest import read_current_line
from retrieval.text.text_encoder import TextEncoder

logger = logging.getLogger(__name__)


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

    @property
    def engine(self) -> SearchEngine:
        """The engine of the generation that is current now.

        Where that cannot be opened (it is damaged, say), the former one goes on answering, with a notice on
        the log, and the next generation is tried in its turn.
        """
        if read_current_line(self._path) == self._current:
            return self._engine
        with self._lock:
            # While this one waited, another thread may have opened it, or a later one.
            current = read_current_line(self._path)
            if current != self._current:
                self._reopen()
                # Last: who asks in the meantime waits, and sees what was committed before it asked.
                self._current = current
            return self._engine

    @property
    def opened(self) -> SearchEngine | None:
        """The same where that is open already; None where to open it takes a moment."""
        return self._engine if read_current_line(self._path) == self._current else None

    def _reopen(self) -> None:
        try:
            try:
                self._engine = self._open(self._engine.text_encoder)
            except EncoderMismatchError:
                # The index was made anew with another one.
                self._engine = self._open(self._text_encoder)
        except (RetrievalError, OSError) as error:
            logger.warning("generation %d goes on answering: %s", self._engine.generation, error)

    def _open(self, text_encoder: TextEncoder | None) -> SearchEngine:
        return SearchEngine.open(
            self._path, text_encoder, self._device, self._fusion, calibration=self._calibration
        )
