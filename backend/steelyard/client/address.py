"""Which sidecar a client speaks to, and how it finds the one that follows it on the same data directory."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from steelyard.client.errors import NoSidecar
from steelyard.client.record import read_record
from steelyard.machine.paths import data_directory


class Address:
    """Where a sidecar is reached. The token is a secret: it is left out of repr().

    data_dir: where its record lies; without it another sidecar cannot be found.
    """

    def __init__(self, url: str, token: str, data_dir: Path | None = None) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self.data_dir = data_dir

    def __repr__(self) -> str:
        return f"Address({self.url!r})"

    @classmethod
    def find(cls, data_dir: str | os.PathLike[str] | None) -> Address:
        """The sidecar's on data_dir (without it: STEELYARD_DATA_DIR, else the platform's). NoSidecar."""
        folder = data_directory(os.environ) if data_dir is None else Path(data_dir)
        try:
            record = read_record(folder)
        except NoSidecar as error:
            if data_dir is not None:
                error.remedy += f" --data-dir {shlex.quote(str(data_dir))}"
            raise
        return cls(record.url, record.token, folder)

    def find_again(self) -> bool | None:
        """Read the record again: whether it names another sidecar, to which this address leads now.

        None where there is no record to read; NoSidecar if it leads nowhere.
        """
        if self.data_dir is None:
            return None
        record = read_record(self.data_dir)
        if (record.url, record.token) == (self.url, self.token):
            return False
        self.url, self.token = record.url, record.token
        return True

    def moved(self) -> bool:
        """The same, where leading nowhere is no news."""
        try:
            return bool(self.find_again())
        except NoSidecar:
            return False
