"""An archive that gives damaged bytes in place of one file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from hnbc_assets.sources.archive.store import Archive


class Damaged(Archive):
    """An archive in which one file has other content, as if the upstream had always sent it."""

    def __init__(self, whole: Archive, row: pd.Series, path: Path) -> None:
        super().__init__(whole.root)
        self._instead, self._path = str(row["path"]), path

    def place(self, row):
        return self._path if str(row["path"]) == self._instead else super().place(row)

    def holds(self, row):
        return str(row["path"]) == self._instead or super().holds(row)

    def damaged(self, rows):
        return super().damaged(rows[rows["path"] != self._instead])
