"""sidecar.log: 10 MB and 3 backups, each for its owner alone. stdout is not for logs."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
from io import TextIOWrapper
from pathlib import Path

from steelyard.machine.private_files import FILE_MODE, make_private_directory

LOG_BYTES = 10_000_000
BACKUPS = 3


class _PrivateLog(logging.handlers.RotatingFileHandler):
    """Makes its files with mode 0600 under any umask; the base class would leave that to the umask."""

    def emit(self, record: logging.LogRecord) -> None:
        """Whoever cleans up folders may have taken the log, or all of its folder, away: it is made anew."""
        if not os.path.exists(self.baseFilename):
            with contextlib.suppress(OSError):
                if self.stream is not None:
                    self.stream.close()
                make_private_directory(Path(self.baseFilename).parent)
            self.stream = None  # the base class opens it then
        super().emit(record)

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
        return os.fdopen(descriptor, "a", encoding=self.encoding, errors=self.errors)


def log_privately(path: Path) -> None:
    """Send everything that is logged from INFO up into this file. OSError."""
    handler = _PrivateLog(path, maxBytes=LOG_BYTES, backupCount=BACKUPS, encoding="utf-8", errors="replace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Where the disk is full, the log says nothing; a traceback for each lost line would tell no more.
    logging.raiseExceptions = False
