"""What a person decides with `hnbc refresh`: a release is accepted, a signature is promoted.

In scope: checking that the decision applies, and recording it. Out of scope: what follows (defs).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hnbc_assets.errors import CommandError, NotInLake
from hnbc_assets.vocabulary import Promotion

if TYPE_CHECKING:
    from hnbc_assets.lake.attempts import Attempt
    from hnbc_assets.lake.paths import Lake
    from hnbc_assets.study import Study


def accept(lake: Lake, source: str, release: str) -> str:
    """Record that a held release is accepted; returns the message.

    Raises
    ------
    CommandError
        If no release of that name is held.
    """
    from hnbc_assets.defs.checks.gates import evidence
    from hnbc_assets.lake.decisions import Decision, decide, this_person

    held = held_releases(lake)
    matching = [a for (name, at), a in held.items() if at == release and source in (name, name.split("/")[0])]
    if not matching:
        known = "; ".join(f"{name.split('/')[0]} {at}" for name, at in held) or "nothing"
        raise CommandError(f"No gate holds {source} {release}. Held now: {known}.")
    because = " ".join(evidence(attempt.reason) for attempt in matching)
    who = this_person()
    decide(lake, Decision("accept", source, release, who, _now(), because))
    return f"accepted {source} {release} as {who}; held because: {because}"


def held_releases(lake: Lake) -> dict[tuple[str, str], Attempt]:
    """The releases that gates hold now: object and release to the attempt."""
    from hnbc_assets.lake.attempts import unsuccessful
    from hnbc_assets.lake.lineage import RAW_PREFIX
    from hnbc_assets.lake.observations import observed

    held = {asset.removeprefix(RAW_PREFIX): a for asset, a in unsuccessful(lake).items() if a.held}
    return {(name, observed(lake, name).release): attempt for name, attempt in held.items()}


def promote(lake: Lake, study: Study, signature_id: str) -> str:
    """Record that a signature is promoted; returns the message.

    Raises
    ------
    CommandError
        If the study decides otherwise, or the signature was never trained here.
    """
    from hnbc_assets.lake import registry
    from hnbc_assets.lake.decisions import Decision, decide, this_person

    policy = study.challengers.promotion
    if policy != Promotion.APPROVAL:
        raise CommandError(
            f"challengers.promotion is {policy} in the study: a person chooses only with approval. Change it there."
        )
    try:
        chosen = registry.signature_of(lake, signature_id)
    except NotInLake as error:
        raise CommandError(str(error)) from error
    who = this_person()
    decide(lake, Decision("promote", "signature", signature_id, who, _now(), f"trained on {chosen.trained_on}"))
    return f"promoted {signature_id}, trained on {chosen.trained_on}, as {who}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
