"""Records of a lake: looks, attempts, decisions, signatures. What is kept, what changes, what is never lost."""

from __future__ import annotations

import math
import multiprocessing
import struct

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.digits import rounded_signed
from hnbc_assets.errors import NotInLake
from hnbc_assets.lake import attempts, registry
from hnbc_assets.lake.attempts import Attempt
from hnbc_assets.lake.decisions import Decision, decide, decisions
from hnbc_assets.lake.observations import Observation, all_observed, observed, record_problem, record_release
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.registry import Adoption, Registered
from hnbc_assets.tables import Signature, SignatureDescription, SingleSampleSignature

T1, T2, T3, T4 = (f"2026-03-0{day}T06:00:00+00:00" for day in (1, 2, 3, 4))


# --- looks ------------------------------------------------------------------------------------------------------------


def test_what_was_never_looked_at_is_empty(lake):
    assert observed(lake, "gdc/TCGA-BRCA") == Observation("gdc/TCGA-BRCA")
    assert all_observed(lake) == {}


def test_seen_at_changes_with_the_release_alone_and_looked_at_with_every_look(lake):
    record_release(lake, "gdc/TCGA-BRCA", "45.0", T1)
    assert record_release(lake, "gdc/TCGA-BRCA", "45.0", T2).seen_at == T1
    assert observed(lake, "gdc/TCGA-BRCA").looked_at == T2
    record_release(lake, "gdc/TCGA-BRCA", "46.0", T3)
    assert observed(lake, "gdc/TCGA-BRCA") == Observation("gdc/TCGA-BRCA", "46.0", seen_at=T3, looked_at=T3)


def test_a_failed_look_keeps_what_was_seen_and_since_when_it_fails(lake):
    record_release(lake, "gdsc", "8.5", T1)
    record_problem(lake, "gdsc", "no answer", T2)
    record_problem(lake, "gdsc", "HTTP 503", T3)
    assert observed(lake, "gdsc") == Observation("gdsc", "8.5", T1, T1, problem="HTTP 503", problem_since=T2)


def test_a_successful_look_ends_the_problem_and_the_next_one_is_new(lake):
    record_problem(lake, "gdsc", "no answer", T1)
    record_release(lake, "gdsc", "8.5", T2)
    assert (observed(lake, "gdsc").problem, observed(lake, "gdsc").problem_since) == ("", "")
    record_problem(lake, "gdsc", "no answer", T3)
    assert observed(lake, "gdsc").problem_since == T3


def test_objects_are_kept_apart_by_name(lake):
    record_release(lake, "gdc/TCGA-BRCA", "45.0", T1)
    record_release(lake, "gdsc", "8.5", T1)
    assert {name: one.release for name, one in all_observed(lake).items()} == {"gdc/TCGA-BRCA": "45.0", "gdsc": "8.5"}


# --- attempts ---------------------------------------------------------------------------------------------------------


def test_an_attempt_that_succeeds_is_deleted(lake):
    attempts.begin(lake, "cohorts/one", "basis", "run", T1)
    assert attempts.unsuccessful(lake) == {"cohorts/one": Attempt("cohorts/one", "basis", 1, T1, "run")}
    attempts.succeed(lake, "cohorts/one")
    assert attempts.latest(lake, "cohorts/one") is None
    attempts.succeed(lake, "cohorts/one")


def test_a_failed_attempt_keeps_its_reason_and_whether_a_gate_held_it(lake):
    attempts.begin(lake, "raw/gdc/one", "basis", "run", T1)
    attempts.fail(lake, "raw/gdc/one", "loses half of its patients", held=True)
    found = attempts.latest(lake, "raw/gdc/one")
    assert (found.reason, found.held, found.begun_at) == ("loses half of its patients", True, T1)


def test_a_killed_attempt_has_no_reason_and_is_counted_while_the_basis_is_the_same(lake):
    for moment in (T1, T2):
        attempts.begin(lake, "drug_models", "basis", "run", moment)
    assert (attempts.latest(lake, "drug_models").tries, attempts.latest(lake, "drug_models").reason) == (2, "")
    attempts.begin(lake, "drug_models", "another basis", "run", T3)
    assert attempts.latest(lake, "drug_models").tries == 1


def test_a_new_attempt_deletes_the_reason_of_the_previous_one(lake):
    attempts.begin(lake, "raw/gdc/one", "basis", "run", T1)
    attempts.fail(lake, "raw/gdc/one", "no answer", held=True)
    attempts.begin(lake, "raw/gdc/one", "basis", "next", T2)
    assert attempts.latest(lake, "raw/gdc/one") == Attempt("raw/gdc/one", "basis", 2, T2, "next")


def test_a_failure_without_an_attempt_is_not_recorded(lake):
    attempts.fail(lake, "raw/gdc/one", "no answer")
    assert attempts.unsuccessful(lake) == {}


# --- decisions --------------------------------------------------------------------------------------------------------


def test_decisions_are_added_and_none_is_changed(lake):
    first = Decision("accept", "gdc", "46.0", "ada@lab", T1, "loses 12 of 100 patients – as announced")
    second = Decision("promote", "signature", "0a1b2c", "bo@lab", T2)
    decide(lake, first)
    before = lake.decisions.read_bytes()
    decide(lake, second)
    assert lake.decisions.read_bytes().startswith(before)
    assert decisions(lake) == [first, second]
    assert decisions(lake, "promote") == [second]


def decide_often(root, who, count):
    for number in range(count):
        decide(Lake(root), Decision("accept", who, str(number), who, T1))


def test_people_who_decide_at_once_lose_no_decision(lake):
    context = multiprocessing.get_context("fork")
    people = [context.Process(target=decide_often, args=(lake.root, f"person{n}", 12)) for n in range(4)]
    for person in people:
        person.start()
    for person in people:
        person.join(60)
        assert person.exitcode == 0
    found = [(one.subject, int(one.choice)) for one in decisions(lake)]
    assert sorted(found) == [(f"person{n}", number) for n in range(4) for number in range(12)]
    assert all([m for who, m in found if who == f"person{n}"] == list(range(12)) for n in range(4))


# --- signatures -------------------------------------------------------------------------------------------------------

DIGITS = rounded_signed([0.1 + 0.2, -1 / 3, math.pi * 1e-3, np.nextafter(1.0, 2.0), 2e-10]).tolist()


def signature(**other):
    """A signature whose numbers have all their bits in use, and nulls where tables allow them."""
    rows = pd.DataFrame(
        {
            "signature_id": "0a1b2c",
            "gene": [f"G{n}" for n in range(5)],
            "coefficient": DIGITS,
            "mean": rounded_signed(np.array(DIGITS) * 7),
            "sd": np.abs(DIGITS),
            "selection_frequency": [1.0, 0.5, None, 0.25, 0.0],
            "direction": ["up_in_rd", "up_in_rd", "up_in_pcr", "up_in_rd", "up_in_rd"],
            "direction_concordant": pd.array([True, None, False, True, True], dtype="boolean"),
        }
    )
    alone = pd.DataFrame(
        {"single_sample_id": "d4e5f6", "gene": rows.gene, "coefficient": [0.5, None, None, -0.25, 0.1]}
    )
    alone = alone.assign(mean=[0.3, None, None, -0.2, 0.0], sd=[0.99999999, None, None, 1.0, 1.0])
    described = {
        "signature_id": "0a1b2c",
        "cohort_id": "tcga_brca",
        "endpoint": "pfi",
        "entry_rule": "p < 0.05",
        "penalty_rule": "lambda.min",
        **dict.fromkeys(("n_patients", "n_events", "n_candidates", "n_entered", "n_genes"), 250),
        "cutoff": DIGITS[0],
        "single_sample_cutoff": None,
        "note": None,
    }
    given = {
        "signature_id": "0a1b2c",
        "signature": registry.records(rows),
        "single_sample": registry.records(alone),
        "description": described,
        "trained_on": "gdc/TCGA-BRCA 45.0; geo/GSE25055 2022-11-02",
        "trained_at": T1,
        "code_version": "c1",
        "run_id": "run",
    }
    return Registered(**given | other)


def bits(values):
    return [struct.pack("d", value) for value in values]


def test_a_signature_comes_back_with_every_bit_of_its_published_numbers(lake):
    assert registry.register(lake, signature())
    back = registry.signature_of(lake, "0a1b2c")
    assert back == signature()
    rows, alone, described = back.frames()
    assert bits(rows.coefficient) == bits(DIGITS)
    assert bits(rows["mean"]) == bits(rounded_signed(np.array(DIGITS) * 7))
    assert bits(rows.sd) == bits(np.abs(DIGITS))
    assert bits(alone.sd.dropna()) == bits([0.99999999, 1.0, 1.0])
    assert bits(described.cutoff) == bits(DIGITS[:1])


def test_what_was_null_is_null_again_with_the_types_of_its_tables(lake):
    registry.register(lake, signature())
    rows, alone, described = registry.signature_of(lake, "0a1b2c").frames()
    assert list(rows.selection_frequency.isna()) == [False, False, True, False, False]
    assert list(rows.direction_concordant.isna()) == [False, True, False, False, False]
    assert list(rows.direction_concordant.dropna()) == [True, False, True, True]
    only_ranks = alone[alone.coefficient.isna()]
    assert list(only_ranks.gene) == ["G1", "G2"]
    assert only_ranks[["mean", "sd"]].isna().all(axis=None)
    assert bits(alone.coefficient.dropna()) == bits([0.5, -0.25, 0.1])
    assert described[["single_sample_cutoff", "alpha", "note"]].isna().all(axis=None)
    assert Signature.problems(rows).empty
    assert SingleSampleSignature.problems(alone).empty
    assert SignatureDescription.problems(described).empty


def test_a_signature_without_a_single_sample_form_comes_back_without_one(lake):
    registry.register(lake, signature(single_sample=[]))
    _, alone, _ = registry.signature_of(lake, "0a1b2c").frames()
    assert alone.empty
    assert list(alone.columns) == list(SingleSampleSignature.columns)


def test_a_signature_is_written_once_and_never_changed(lake):
    assert registry.register(lake, signature())
    assert not registry.register(lake, signature(trained_on="something else", trained_at=T2))
    assert registry.signature_of(lake, "0a1b2c").trained_on.startswith("gdc/TCGA-BRCA 45.0")


def test_signatures_come_in_the_order_in_which_they_were_trained(lake):
    for signature_id, moment in (("ffff00", T1), ("000001", T3), ("abcdef", T2)):
        registry.register(lake, signature(signature_id=signature_id, trained_at=moment))
    assert list(registry.registered(lake)) == ["ffff00", "abcdef", "000001"]


def test_a_signature_that_was_never_trained_here_is_named_with_those_that_were(lake):
    with pytest.raises(NotInLake, match=r"'123456'.*none"):
        registry.signature_of(lake, "123456")
    registry.register(lake, signature())
    with pytest.raises(NotInLake, match="known are 0a1b2c"):
        registry.signature_of(lake, "123456")
    with pytest.raises(ValueError, match="not the name of a record"):
        registry.register(lake, signature(signature_id="../escape"))


def test_the_published_signature_is_adopted_once_until_another_is(lake):
    for moment in (T1, T2):
        registry.adopt(lake, Adoption("0a1b2c", moment))
    registry.adopt(lake, Adoption("abcdef", T3, "ada@lab"))
    registry.adopt(lake, Adoption("0a1b2c", T4))
    found = [(one.signature_id, one.at, one.by) for one in registry.adoptions(lake)]
    assert found == [("0a1b2c", T1, ""), ("abcdef", T3, "ada@lab"), ("0a1b2c", T4, "")]
