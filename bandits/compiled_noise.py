"""`noise.py` for one run at a time, compiled: the same words, normals within an ulp.

Logarithm, sine and cosine are the polynomials of fdlibm (Sun Microsystems, 1993) without
a branch, so that many are made at once. A product is fused with a sum where that is
written and nowhere else, so that they are the same bits on every processor.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bandits.compiled_vectors import (
    alike,
    bits_of,
    counting,
    first_of,
    floats_of,
    floor_of,
    fused,
    root_of,
    store,
    woven_first,
    woven_second,
)
from bandits.jit import compiled

Floats = NDArray[np.floating]
Words = NDArray[np.uint64]
Vector = Any
"""One vector of `compiled_vectors`; a type checker does not know them."""

_VECTORS = 2
"""Worked on together: one alone would wait for itself."""
AT_ONCE = 8 * _VECTORS
"""Counters in so many vectors."""

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_WORD, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_ZERO, _ONE, _TWO = np.uint64(0), np.uint64(1), np.uint64(2)
_SIX, _26, _62 = np.uint64(6), np.uint64(26), np.uint64(62)
_TWO_TO_52 = np.uint64(0x4330000000000000)
_LEAST = 2.0**-52
_MANTISSA = np.uint64(0x000FFFFFFFFFFFFF)
_ROOT_HALF_UP = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_ROOT_HALF, _52 = np.uint64(0x3FE6A09E667F3BCD), np.uint64(52)
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_QUARTER_TURN = math.pi / 2


@compiled()
def room(count: int) -> int:
    """How long an array has to be for `count` numbers: whole vectors, of pairs."""
    return -(-count // (2 * AT_ONCE)) * 2 * AT_ONCE


@compiled()
def philox(
    blocks: Vector, steps: Vector, where: int, key: Words
) -> tuple[Vector, Vector, Vector, Vector]:
    """Four random words for each counter (block, step, phase, purpose).

    Args:
        blocks, steps: A vector of uint64 each.
        where: phase + 2**32 purpose.
        key: (2,) seed and replicate.
    """
    c0, c1 = blocks & _WORD, steps & _WORD
    c2 = alike(np.uint64(where) & _WORD, blocks)
    c3 = alike(np.uint64(where) >> _HALF, blocks)
    k0, k1 = key[0] & _WORD, key[1] & _WORD
    for _ in range(10):
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c1 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _WORD
        c2, c3 = (p0 >> _HALF) ^ c3 ^ k1, p0 & _WORD
        k0, k1 = (k0 + _W0) & _WORD, (k1 + _W1) & _WORD
    return c0, c1, c2, c3


@compiled()
def _uniform(high: Vector, low: Vector) -> Vector:
    whole = ((high >> _SIX) << _26) + (low >> _SIX)
    # As the fraction of a number between 2^52 and 2^53: exact, and vectors can do it.
    wide = floats_of(whole | _TWO_TO_52)
    return (wide - 4503599627370496.0 + 0.5) * _LEAST


@compiled()
def normal_pair(
    w0: Vector, w1: Vector, w2: Vector, w3: Vector
) -> tuple[Vector, Vector]:
    """Two standard normals of each counter's words, by Box and Muller."""
    radius = root_of(-2.0 * _log(_uniform(w0, w1)))
    cosine, sine = _cosine_and_sine(_uniform(w2, w3))
    return radius * cosine, radius * sine


@compiled()
def _plus(constant: float, y: Vector, factor: Vector) -> Vector:
    """constant + y factor, with one rounding."""
    return fused(y, factor, alike(constant, y))


@compiled()
def _log(u: Vector) -> Vector:
    """Natural logarithm of numbers in (0, 1), to an ulp."""
    # u = 2^k m with m between sqrt(1/2) and sqrt(2).
    raised = bits_of(u) + _ROOT_HALF_UP
    m = floats_of((raised & _MANTISSA) + _ROOT_HALF)
    k = floats_of((raised >> _52) | _TWO_TO_52) - 4503599627370496.0
    k = k - 1023.0
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = _plus(2.222219843214978396e-01, w, alike(1.531383769920937332e-01, w))
    even = w * _plus(3.999999999940941908e-01, w, even)
    odd = _plus(1.818357216161805012e-01, w, alike(1.479819860511658591e-01, w))
    odd = _plus(2.857142874366239149e-01, w, odd)
    odd = z * _plus(6.666666666666735130e-01, w, odd)
    half = 0.5 * f * f
    rest = fused(s, half + (odd + even), k * _LN2_LOW) - half + f
    return fused(k, alike(_LN2_HIGH, k), rest)


@compiled()
def _cosine_and_sine(turn: Vector) -> tuple[Vector, Vector]:
    """Of numbers of turns between 0 and 1, to an ulp."""
    quarter = floor_of(4.0 * turn + 0.5)
    x = (4.0 * turn - quarter) * _QUARTER_TURN
    y = x * x
    s = _plus(-2.50507602534068634195e-08, y, alike(1.58969099521155010221e-10, y))
    s = _plus(2.75573137070700676789e-06, y, s)
    s = _plus(-1.98412698298579493134e-04, y, s)
    s = _plus(8.33333333332248946124e-03, y, s)
    s = _plus(-1.66666666666666324348e-01, y, s)
    s = fused(x * y, s, x)
    c = _plus(2.08757232129817482790e-09, y, alike(-1.13596475577881948265e-11, y))
    c = _plus(-2.75573143513906633035e-07, y, c)
    c = _plus(2.48015872894767294178e-05, y, c)
    c = _plus(-1.38888888888741095749e-03, y, c)
    c = _plus(4.16666666666666019037e-02, y, c)
    c = fused(y * y, c, 1.0 - 0.5 * y)
    # Quarters 0 .. 4: (c, s), (-s, c), (-c, -s), (s, -c), and as the first again. All
    # bits of `swaps` are set in the odd ones; a sign is a number's highest bit.
    q = bits_of(quarter + 4503599627370496.0)
    swaps = _ZERO - (q & _ONE)
    cosine, sine = bits_of(c), bits_of(s)
    apart = (cosine ^ sine) & swaps
    cosine = cosine ^ apart ^ (((q + _ONE) & _TWO) << _62)
    sine = sine ^ apart ^ ((q & _TWO) << _62)
    return floats_of(cosine), floats_of(sine)


@compiled()
def normals_across(out: Floats, n: int, step: int, where: int, key: Words) -> None:
    """The first n normals of a step, as `noise.normals(..., count=n)`.

    Args:
        out: (room(n) or more,), of the dtype they are wanted in; what is beyond n is
            overwritten.
        where: phase + 2**32 purpose.
        key: (2,) seed and replicate.
    """
    for at in range(0, n, 2 * AT_ONCE):
        blocks = counting(at // 2, _VECTORS)
        w0, w1, w2, w3 = philox(blocks, alike(np.uint64(step), blocks), where, key)
        even, odd = normal_pair(w0, w1, w2, w3)
        store(out, at, woven_first(even, odd))
        store(out, at + AT_ONCE, woven_second(even, odd))


@compiled()
def normals_along(out: Floats, n: int, begin: int, where: int, key: Words) -> None:
    """The first normal of each of n steps. Arguments as `normals_across`."""
    for at in range(0, n, AT_ONCE):
        steps = counting(begin + at, _VECTORS)
        w0, w1, w2, w3 = philox(alike(_ZERO, steps), steps, where, key)
        store(out, at, normal_pair(w0, w1, w2, w3)[0])


@compiled()
def uniforms_along(out: Floats, n: int, begin: int, where: int, key: Words) -> None:
    """The first uniform of each of n steps. Arguments as `normals_across`."""
    for at in range(0, n, AT_ONCE):
        steps = counting(begin + at, _VECTORS)
        w0, w1, _, _ = philox(alike(_ZERO, steps), steps, where, key)
        store(out, at, _uniform(w0, w1))


@compiled()
def uniform_at(step: int, where: int, key: Words) -> np.float64:
    """The first uniform of one step, for where few are wanted."""
    steps = counting(step, _VECTORS)
    w0, w1, _, _ = philox(alike(_ZERO, steps), steps, where, key)
    uniform: np.float64 = first_of(_uniform(w0, w1))
    return uniform
