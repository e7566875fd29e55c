"""Over-representation: gseapy's test against the genes that could have been chosen, without a network."""

from __future__ import annotations

import socket

import numpy as np
import pytest
from scipy.stats import false_discovery_control, fisher_exact

from hnbc_assets.science.genes.enrichment import over_representation

BACKGROUND = [f"g{n}" for n in range(600)]


@pytest.fixture(name="sets")
def two_collections():
    rng = np.random.default_rng(20250101)
    drawn = {f"set {n}": [*rng.choice(BACKGROUND, 30, replace=False), "not measured"] for n in range(25)}
    return {"drawn": drawn, "planted": {"half": BACKGROUND[:15] + BACKGROUND[500:510], "away": BACKGROUND[300:320]}}


def test_p_values_are_fishers_exact_and_the_fdr_counts_terms_without_overlap(sets):
    """P values equal scipy's one-sided Fisher test; the FDR is over all tested terms, with p = 1 without overlap."""
    chosen = set(BACKGROUND[:20])
    found = over_representation(chosen, sets, BACKGROUND)
    for collection, terms in sets.items():
        expected = {}
        for term, members in terms.items():
            members = set(members) & set(BACKGROUND)
            both = len(members & chosen)
            rest = len(BACKGROUND) - len(members | chosen)
            table = [[both, len(members) - both], [len(chosen) - both, rest]]
            expected[term] = fisher_exact(table, alternative="greater").pvalue
        fdr = dict(zip(expected, false_discovery_control(list(expected.values())), strict=True))
        rows = found[found["collection"] == collection]
        assert set(rows["term"]) == {term for term in terms if set(terms[term]) & chosen}
        for row in rows.itertuples():
            assert row.p_value == pytest.approx(expected[row.term], rel=1e-8)
            assert row.fdr == pytest.approx(fdr[row.term], rel=1e-8)
    assert found.loc[found["term"] == "half", "fdr"].item() < 1e-8


def test_genes_outside_the_background_do_not_count(sets):
    once = over_representation(BACKGROUND[:20], sets, BACKGROUND)
    again = over_representation([*BACKGROUND[:20], "not measured", "elsewhere"], sets, BACKGROUND)
    assert once.equals(again)
    assert (once.loc[once["collection"] == "drawn", "n_term"] == 30).all()


def test_terms_too_small_or_too_large_are_not_tested(sets):
    found = over_representation(BACKGROUND[:20], sets, BACKGROUND, min_term=26)
    assert set(found["collection"]) == {"drawn"}
    found = over_representation(BACKGROUND[:20], sets, BACKGROUND, max_term=29)
    assert set(found["collection"]) == {"planted"}


def test_no_gene_of_interest_is_a_table_without_rows(sets):
    found = over_representation([], sets, BACKGROUND)
    assert found.empty
    assert found["fdr"].dtype == float


def test_no_network_is_used(sets, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert len(over_representation(BACKGROUND[:20], sets, BACKGROUND))
