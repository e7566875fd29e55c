"""GDSC as a source of cell lines.

In scope: what it offers, by the functions of this folder. Out of scope: requests (files.py), formats (response.py,
expression.py, models.py), the settings `drugs` (study.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from hnbc_assets.sources.gdsc import files as gdsc
from hnbc_assets.sources.gdsc import probes
from hnbc_assets.sources.reading import Files
from hnbc_assets.sources.upstream import Upstream

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.listing import Listing
    from hnbc_assets.sources.web.http import Client
    from hnbc_assets.sources.web.probing import Ask


class ScreenFiles(Files):
    """The files of a release."""

    file_kinds: ClassVar = {
        "dose_response": r"GDSC.*dose_response.*\.xlsx",
        "cell_line_expression": r"expression_(rma|rnaseq)|Cell_line_.*\.zip|(https|file):.*",
        "cell_lines": gdsc.MODELS,
        "genes": gdsc.GENES,
    }
    known_bytes: ClassVar = gdsc.KNOWN_BYTES

    @staticmethod
    def release_of(manifest: pd.DataFrame) -> str:
        return gdsc.release_of(manifest)


@dataclass(frozen=True)
class Screen(Upstream):
    """The screen of cell lines, of the release and with the expression that the study names."""

    version: str = ""
    expression: str = ""

    look = "gdsc_release"
    seen = "The GDSC release that the study names; a look makes sure that it is still there."
    files = ScreenFiles
    contract = gdsc.CONTRACT
    guarded = False
    optional = "drugs"

    @property
    def description(self) -> str:
        return (
            f"GDSC release {self.version}: dose response and expression ({self.expression}) of cell lines. "
            "Non-commercial use."
        )

    @property
    def decided_by(self) -> Any:
        return [self.version, self.expression]

    def release(self, client: Client) -> str:
        return gdsc.release(client, self.version, self.expression, folder=self.folder)

    def listing(self, client: Client, archive: Archive) -> Listing:
        return gdsc.listing(client, archive, self.version, self.expression, folder=self.folder)

    def asks(self, client: Client) -> Iterable[Ask]:
        return probes.of_gdsc(client, self.version, self.expression, folder=self.folder)


SOURCE = Screen
