"""Where a process works: which study, which upstream, which lake, from the environment.

In scope: HNBC_STUDY, HNBC_UPSTREAM and HNBC_DATA_LAKE, and their defaults. Out of scope: what is in
the study (study.py), what is in the lake (lake/).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hnbc_assets.errors import StudyError
from hnbc_assets.redaction import redacted
from hnbc_assets.study_mistakes import nearest

PACKAGED = Path(__file__).with_name("study.yaml")


@dataclass(frozen=True)
class Place:
    """Where a process works: the upstream, the lake and the study file, each absolute.

    `upstream` has no user name or password in it and may be shown; requests to a mirror use `address`, which may have
    both.
    """

    upstream: str
    data_lake: Path
    study_file: Path
    with_secrets: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """The address for requests to the upstream: it must never be shown or kept."""
        return self.with_secrets or self.upstream

    @property
    def simulated(self) -> bool:
        """Whether results come from the simulated upstream."""
        return self.upstream == "simulated"

    @property
    def watermark(self) -> str | None:
        """What every figure and the database are marked with; None unless the upstream is simulated."""
        return "SIMULATED" if self.simulated else None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Place:
        """HNBC_UPSTREAM, HNBC_DATA_LAKE and HNBC_STUDY, or their defaults.

        Raises
        ------
        StudyError
            If HNBC_UPSTREAM is neither 'simulated', 'live' nor an http(s) address.
        """
        environment = os.environ if environment is None else environment
        upstream = environment.get("HNBC_UPSTREAM", "").strip().rstrip("/") or "simulated"
        mirror = re.match(r"https?://[^/\s]\S*$", upstream)
        if upstream not in ("simulated", "live") and not mirror:
            near = nearest(upstream, ("simulated", "live"))
            hint = f", near {near}" if near else ""
            raise StudyError(
                f"HNBC_UPSTREAM is '{redacted(upstream)}'{hint}: set it to simulated, live, "
                "or the http(s) base address of a mirror."
            )
        return cls(
            upstream=redacted(upstream),
            with_secrets=upstream,
            data_lake=Path(environment.get("HNBC_DATA_LAKE") or "data_lake").absolute(),
            study_file=Path(environment.get("HNBC_STUDY") or PACKAGED).absolute(),
        )
