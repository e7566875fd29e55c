"""Published numbers are rounded alike everywhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.digits import rounded, rounded_expression, rounded_score, rounded_signed
from hnbc_assets.lake.hashing import content_hash
from hnbc_assets.tables import Table, column
from hnbc_assets.tables.schema import score


class Measured(Table):
    """Measured."""

    effect: float = column("an effect")
    p_value: float = column("a p value", ge=0, le=1)
    coarse: float = column("a rough number", digits=3)
    risk: float = score("a score")
    n: int = column("a count")


VALUES = np.concatenate([
    np.random.default_rng(1).normal(size=2000), np.exp(np.random.default_rng(2).normal(0, 100, 2000)),
    [0.0, -0.0, 1.0, 9.9999999499, 1e-300, 1.7e308, 12345678.5, 1e22, 1e23],
])  # fmt: skip


def test_a_rounded_number_is_the_double_nearest_to_its_decimal():
    expected = [float(f"{value:.7e}") for value in VALUES]
    np.testing.assert_array_equal(rounded(VALUES), expected)


@pytest.mark.parametrize("round_", [rounded, rounded_signed, rounded_score, rounded_expression])
def test_rounding_twice_changes_nothing(round_):
    once = round_(VALUES[np.abs(VALUES) < 1e15])
    np.testing.assert_array_equal(round_(once), once)


def test_missing_and_infinite_values_stay():
    np.testing.assert_array_equal(rounded([np.nan, np.inf, -np.inf]), [np.nan, np.inf, -np.inf])


def test_a_cancelled_number_is_zero_and_has_no_sign():
    made = rounded_signed([3e-17, -3e-17, -0.0, 1.234567e-9])
    assert made.tolist() == [0.0, 0.0, 0.0, 1.2e-9]
    assert not np.signbit(made).any()


def test_noise_in_the_last_digits_changes_neither_table_nor_version():
    rng = np.random.default_rng(3)
    exact = pd.DataFrame(rng.normal(size=(200, 4)), columns=["effect", "p_value", "coarse", "risk"])
    exact["p_value"] = np.exp(-50 * rng.random(200))
    noisy = exact * (1 + 1e-14 * rng.normal(size=exact.shape))
    frames = [Measured.conform(frame.assign(n=1)) for frame in (exact, noisy)]
    pd.testing.assert_frame_equal(*frames, check_exact=True)
    assert content_hash(frames[0]) == content_hash(frames[1])


def test_every_float_column_states_its_published_digits():
    described = {entry["name"]: entry["description"] for entry in Measured.dictionary()}
    assert described == {
        "effect": "an effect (8 significant digits, at most 10 decimals)",
        "p_value": "a p value (8 significant digits)",
        "coarse": "a rough number (3 significant digits, at most 10 decimals)",
        "risk": "a score (12 significant digits, at most 8 decimals)",
        "n": "a count",
    }
