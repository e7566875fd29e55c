"""Arithmetic with the same bits everywhere: it agrees with numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from hnbc_assets import arithmetic
from hnbc_assets_tests.everywhere import machines

PROGRAM = """
import hashlib, numpy as np
from hnbc_assets.arithmetic import exp, exp2, log2, product
rng = np.random.default_rng(1)
x, a, b = rng.uniform(-40, 40, 20_000), rng.normal(size=(70, 900)), rng.normal(size=(900, 50))
made = [exp(x), exp2(x), log2(np.abs(x)), product(a, b), product(a, a.T)]
print(hashlib.sha256(b"".join(m.tobytes() for m in made)).hexdigest())
"""


def test_exponentials_and_logarithms_are_within_three_units_of_the_last_place():
    x = np.random.default_rng(1).uniform(-40, 40, 20_000)
    np.testing.assert_allclose(arithmetic.exp(x), np.exp(x), rtol=3 * 2**-52)
    np.testing.assert_allclose(arithmetic.exp2(x), np.exp2(x), rtol=3 * 2**-52)
    np.testing.assert_allclose(arithmetic.log2(np.exp(x)), np.log2(np.exp(x)), rtol=3 * 2**-52)


def test_whole_powers_are_exact():
    powers = np.arange(-30.0, 31.0)
    assert arithmetic.exp(0.0) == 1.0
    np.testing.assert_array_equal(arithmetic.exp2(powers), 2.0**powers)
    np.testing.assert_array_equal(arithmetic.log2(2.0**powers), powers)


def test_the_logarithm_keeps_shape_missing_and_infinite_values():
    made = arithmetic.log2(np.array([[np.nan, 4.0], [np.inf, 0.5]]))
    np.testing.assert_array_equal(made, [[np.nan, 2.0], [np.inf, -1.0]])


@pytest.mark.parametrize("shape", [(3, 1, 4), (40, 300, 20), (5, 5000, 7), (2, 0, 3)])
def test_a_product_is_numpy_s_to_rounding(shape):
    m, k, n = shape
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(m, k)) * 10.0 ** rng.integers(-5, 5, (m, 1)), rng.normal(size=(k, n))
    scale = np.abs(a).sum(axis=1, keepdims=True) * np.abs(b).max(initial=0.0)
    assert (np.abs(arithmetic.product(a, b) - a @ b) <= 1e-14 * scale).all()


def test_a_product_does_not_depend_on_the_order_of_its_terms():
    rng = np.random.default_rng(3)
    a, b, order = rng.normal(size=(20, 500)), rng.normal(size=(500, 30)), rng.permutation(500)
    np.testing.assert_array_equal(arithmetic.product(a, b), arithmetic.product(a[:, order], b[order]))


def test_a_missing_value_makes_its_row_missing_and_no_other():
    a = np.ones((3, 4))
    a[1, 2] = np.nan
    np.testing.assert_array_equal(arithmetic.product(a, np.ones((4, 2))), [[4, 4], [np.nan, np.nan], [4, 4]])


def test_every_machine_computes_the_same_bits():
    machines.need_processors()
    made = {
        name: machines.python(["-c", PROGRAM], machine, check=True).stdout
        for name, machine in machines.MACHINES.items()
    }
    assert len(set(made.values())) == 1, made
