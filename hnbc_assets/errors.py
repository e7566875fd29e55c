"""Errors, one type per cause. Their messages name the file, field or gene, and the remedy.

In scope: exception types that more than one layer of the package raises or catches, each with the exit status
that `hnbc` gives for it. Out of scope: anything that handles them.
"""

from __future__ import annotations

from hnbc_assets.redaction import redacted_text


class HnbcError(Exception):
    """Anything this package raises on purpose. `exit_status` is what the command line returns for it.

    Messages reach logs and databases: addresses in them are shown without what may be secret.
    """

    exit_status = 1

    def __init__(self, *parts: object) -> None:
        super().__init__(*(redacted_text(part) if isinstance(part, str) else part for part in parts))


class CommandError(HnbcError):
    """A command cannot be carried out: a port in use, a missing database, SQL with a mistake."""

    exit_status = 2


class StudyError(HnbcError):
    """The study file, or a file that it names, requests something that cannot be done."""

    exit_status = 2


class LakeBelongsElsewhere(StudyError):
    """The data lake was filled from another upstream; simulated and real results are never mixed."""


class UpstreamUnreachable(HnbcError):
    """An upstream host could not be reached, or kept failing, after all retries."""

    exit_status = 3


class UpstreamRefused(HnbcError):
    """An upstream host refused the request: 403, 404 or another final status."""

    exit_status = 3


class UpstreamChanged(HnbcError):
    """An upstream answered in a shape that this version does not know: a missing field, a warning, another format."""


class FieldVanished(UpstreamChanged):
    """An upstream no longer has a field, under any known name. `fields` names the missing ones."""

    exit_status = 4

    def __init__(self, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class GateHeld(HnbcError):
    """A release changes more than the study allows; the previous data are kept until a person accepts it."""

    exit_status = 4


class UpstreamInconsistent(HnbcError):
    """What an upstream states about a file and the file itself belong to two versions; neither is damaged."""

    exit_status = 3


class DamagedDownload(HnbcError):
    """The download is not the requested file: it is truncated, empty, or a web page."""

    exit_status = 3


class ChecksumMismatch(DamagedDownload):
    """Size or checksum differ from what the upstream's index gives."""


class ArchiveDamaged(ChecksumMismatch):
    """Archived files differ from their record or are missing; `paths` names them, below the archive's root."""

    exit_status = 1

    def __init__(self, message: str, paths: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.paths = paths


class DownloadsIncomplete(HnbcError):
    """Some files of a batch could not be downloaded; the others are kept. `failures` maps file id to its error."""

    exit_status = 3

    def __init__(self, message: str, failures: dict[str, Exception]) -> None:
        super().__init__(message)
        self.failures = failures


class FormatError(HnbcError):
    """A file does not conform to its format."""


class CohortUnusable(HnbcError):
    """A cohort lacks what its role needs: patients, events, responses or expression."""


class TooFewEvents(HnbcError):
    """A survival analysis was requested for a cohort with too few events."""


class PublicationRefused(HnbcError):
    """The database was not replaced: an input is missing, or its latest blocking check failed."""


class NotInLake(HnbcError):
    """The requested table belongs to an asset that has not been materialised into this lake yet."""
