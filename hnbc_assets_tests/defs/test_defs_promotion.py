"""Which signature is published: the rule as a table of cases."""

from __future__ import annotations

import pytest

from hnbc_assets.defs.stages.promotion import NONE, choose
from hnbc_assets.lake.decisions import Decision
from hnbc_assets.lake.registry import Adoption

T = [f"2026-03-0{day}T06:00:00.000000+00:00" for day in range(10)]
A, B, C = "aaaaaa", "bbbbbb", "cccccc"


def adopted(*signatures):
    """Each became the published one, a day after the other, from T1 on."""
    return [Adoption(signature, T[day]) for day, signature in enumerate(signatures, start=1)]


def promoted(signature, at):
    return Decision("promote", "signature", signature, "ada@lab", T[at])


CASES = [
    # policy, refit, published before, adoptions, promotions, chosen
    pytest.param("automatic", A, None, [], [], A, id="first time, automatic"),
    pytest.param("approval", A, None, [], [], A, id="first time, approval: there is nothing to keep"),
    pytest.param("never", A, None, [], [], A, id="first time, never: there is nothing to keep"),
    pytest.param("automatic", NONE, None, [], [], NONE, id="first time, nothing selected"),
    pytest.param("automatic", A, A, adopted(A), [], A, id="same refit, automatic"),
    pytest.param("approval", A, A, adopted(A), [], A, id="same refit, approval"),
    pytest.param("automatic", B, A, adopted(A), [], B, id="another refit, automatic: published at once"),
    pytest.param("approval", B, A, adopted(A), [], A, id="another refit, approval: frozen"),
    pytest.param("never", B, A, adopted(A), [], A, id="another refit, never: frozen"),
    pytest.param("automatic", NONE, A, adopted(A), [], NONE, id="refit selects nothing, automatic"),
    pytest.param("approval", NONE, A, adopted(A), [], A, id="refit selects nothing, approval: frozen"),
    pytest.param("approval", B, NONE, [], [], B, id="nothing was selected before: the first signature is published"),
    pytest.param("never", B, NONE, [], [], B, id="nothing was selected before, never"),
    pytest.param("approval", B, A, adopted(A), [promoted(B, 2)], B, id="promoted"),
    pytest.param("approval", C, A, adopted(A), [promoted(B, 2)], B, id="promoted was an earlier challenger"),
    pytest.param("approval", B, A, adopted(A), [promoted(B, 2), promoted(C, 3)], C, id="the last promotion counts"),
    pytest.param("approval", C, A, adopted(A), [promoted(B, 2), promoted(A, 3)], A, id="promotion taken back"),
    pytest.param("approval", C, B, adopted(A, B), [promoted(B, 1)], B, id="promotion was followed already"),
    pytest.param("approval", C, A, adopted(B, A), [promoted(B, 0)], A, id="promotion from before the last adoption"),
    pytest.param("approval", C, B, adopted(A, B), [promoted(A, 3)], A, id="back to a retired one"),
    pytest.param("automatic", C, A, adopted(A), [promoted(B, 2)], C, id="automatic follows no promotion"),
    pytest.param("never", C, A, adopted(A), [promoted(B, 2)], A, id="never follows no promotion"),
]


@pytest.mark.parametrize(("policy", "refit", "before", "adoptions", "promotions", "chosen"), CASES)
def test_the_published_signature_follows_the_study_s_rule(policy, refit, before, adoptions, promotions, chosen):
    assert choose(policy, refit, before, adoptions, promotions) == chosen


@pytest.mark.parametrize("policy", ["approval", "never"])
def test_a_frozen_signature_stays_through_any_number_of_refits(policy):
    before = A
    for refit in (B, C, NONE, B):
        before = choose(policy, refit, before, adopted(A), [])
    assert before == A


def test_a_promotion_is_followed_once_and_the_choice_then_stays():
    adoptions, promotions = adopted(A), [promoted(B, 2)]
    assert choose("approval", C, A, adoptions, promotions) == B
    adoptions.append(Adoption(B, T[3]))
    assert choose("approval", C, B, adoptions, promotions) == B
