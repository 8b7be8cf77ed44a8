"""Vectors in compiled code do to every lane what numpy does to every number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bandits.compiled_vectors import (
    alike,
    bits_of,
    counting,
    first_of,
    floats_of,
    floor_of,
    fused,
    how_many,
    largest,
    load,
    lowest,
    reaching,
    root_of,
    splat,
    store,
    where_above,
    where_at_least,
    woven_first,
    woven_second,
)
from bandits.jit import compiled

A = np.array([1.5, -2.0, 0.0, 7.25, -0.5, 1e300, 3.0, -7.0])
B = np.array([2.0, 3.0, -0.0, 7.25, 1e-3, -1e300, 0.1, 11.0])
WORDS = np.array([0, 1, 2**32 - 1, 2**63, 2**64 - 1, 12345, 7, 2**40], np.uint64)


@compiled()
def _arithmetic(a: Any, b: Any, out: Any) -> None:
    x, y = load(a, 0, 1), load(b, 0, 1)
    store(out[0], 0, x + y)
    store(out[1], 0, x - y)
    store(out[2], 0, x * y)
    store(out[3], 0, x / y)
    store(out[4], 0, 2.0 - x)
    store(out[5], 0, x * 0.5)
    store(out[6], 0, root_of(x * x))
    store(out[7], 0, floor_of(x))
    store(out[8], 0, where_above(x, y, x, y))
    store(out[9], 0, where_at_least(x, y, x, y))
    store(out[10], 0, floats_of(bits_of(x)))
    store(out[11], 0, splat(b[0], 1))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_lane_is_worked_on_as_a_number_is(dtype: type[np.floating]) -> None:
    lanes = 64 // np.dtype(dtype).itemsize
    with np.errstate(all="ignore"):
        a, b = (np.resize(x, lanes).astype(dtype) for x in (A, B))
        if dtype is np.float32:
            a, b = a.clip(-1e3, 1e3), b.clip(-1e3, 1e3)
        out = np.empty((12, lanes), dtype)
        (_arithmetic if dtype is np.float64 else _single)(a, b, out)
        wanted = [a + b, a - b, a * b, a / b, 2 - a, a * dtype(0.5)]
        wanted += [np.sqrt(a * a), np.floor(a), np.maximum(a, b), np.maximum(a, b), a]
        wanted.append(np.full(lanes, b[0]))

    for found, expected in zip(out, wanted, strict=True):
        np.testing.assert_array_equal(found, expected)


@compiled()
def _single(a: Any, b: Any, out: Any) -> None:
    x, y = load(a, 0, 1), load(b, 0, 1)
    store(out[0], 0, x + y)
    store(out[1], 0, x - y)
    store(out[2], 0, x * y)
    store(out[3], 0, x / y)
    store(out[4], 0, 2.0 - x)
    store(out[5], 0, x * 0.5)
    store(out[6], 0, root_of(x * x))
    store(out[7], 0, floor_of(x))
    store(out[8], 0, where_above(x, y, x, y))
    store(out[9], 0, where_at_least(x, y, x, y))
    store(out[10], 0, x)
    store(out[11], 0, splat(b[0], 1))


@compiled()
def _words(a: Any, out: Any) -> None:
    x = load(a, 0, 1)
    store(out[0], 0, x & np.uint64(0xFFFF))
    store(out[1], 0, x | np.uint64(1))
    store(out[2], 0, x ^ x * np.uint64(3))
    store(out[3], 0, x << np.uint64(5))
    store(out[4], 0, x >> np.uint64(63))
    store(out[5], 0, counting(a[6], 1))
    store(out[6], 0, alike(a[5], x))


def test_words_wrap_and_shift_without_a_sign() -> None:
    out = np.empty((7, 8), np.uint64)

    _words(WORDS, out)

    one, five, three = np.uint64(1), np.uint64(5), np.uint64(3)
    wanted = [
        WORDS & np.uint64(0xFFFF),
        WORDS | one,
        WORDS ^ (WORDS * three),
        WORDS << five,
        WORDS >> np.uint64(63),
        np.arange(7, 15).astype(np.uint64),
        np.full(8, 12345, np.uint64),
    ]
    assert (out == np.array(wanted)).all()


@compiled()
def _fused(a: Any, b: Any, c: Any, out: Any) -> None:
    store(out, 0, fused(load(a, 0, 2), load(b, 0, 2), load(c, 0, 2)))


def test_a_fused_product_is_rounded_once() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 16))
    out = np.empty(16)

    _fused(a, b, -a * b, out)

    # What the product alone loses to rounding: exact in extended precision.
    exact = a.astype(np.longdouble) * b - (a * b).astype(np.longdouble)
    assert np.abs(out - exact.astype(np.float64)).max() < 1e-19
    assert np.abs(out).max() > 0


@compiled()
def _over_lanes(a: Any, least: float, out: Any) -> None:
    x = load(a, 0, 1)
    out[0], out[1] = largest(x), first_of(x)
    mask = reaching(x, least)
    out[2], out[3], out[4] = np.float64(mask), how_many(mask), lowest(mask)


@pytest.mark.parametrize("least", [-np.inf, 0.0, 3.0, 7.25, 1e301])
def test_lanes_that_reach_a_number_are_told_in_order(least: float) -> None:
    out = np.empty(5)

    _over_lanes(A, least, out)

    reached = np.flatnonzero(least <= A)
    assert (out[0], out[1]) == (1e300, 1.5)
    assert out[2] == sum(2**place for place in reached)
    assert out[3] == len(reached)
    assert out[4] == (reached[0] if len(reached) else 64)


@compiled()
def _woven(a: Any, b: Any, out: Any) -> None:
    store(out, 0, woven_first(load(a, 0, 1), load(b, 0, 1)))
    store(out, 8, woven_second(load(a, 0, 1), load(b, 0, 1)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_two_vectors_are_woven_in_turn_and_rounded_where_they_are_kept(
    dtype: type[np.floating],
) -> None:
    out = np.empty(16, dtype)
    even, odd = np.arange(8) + 1 / 3, -np.arange(8) - 1 / 7

    _woven(even, odd, out)

    wanted: NDArray[np.float64] = np.stack((even, odd), 1).ravel()
    assert (out == wanted.astype(dtype)).all()
