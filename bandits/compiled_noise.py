"""`noise.py` for one run at a time, compiled: the same words, normals within an ulp.

Logarithm, sine and cosine are the polynomials of fdlibm (Sun Microsystems, 1993) without
a branch, so that many are made at once; no product is fused with a sum, so that they
are the same bits on every processor.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bandits.jit import compiled

Floats = NDArray[np.floating]
Words = NDArray[np.uint64]

GROUP = 4
"""Counters are worked on in groups of so many: a remainder would go one by one."""

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_WORD, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_SIX, _26 = np.uint64(6), np.uint64(26)
_ONE = np.uint64(1)
_THREE, _NOT_3 = np.uint64(3), np.uint64(2**64 - 4)
_TWO_TO_52 = np.uint64(0x4330000000000000)
_LEAST = 2.0**-52
_OF_1, _MANTISSA = np.uint64(0x3FF0000000000000), np.uint64(0x000FFFFFFFFFFFFF)
_ROOT_HALF_UP = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_ROOT_HALF, _52 = np.uint64(0x3FE6A09E667F3BCD), np.uint64(52)
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_QUARTER_TURN = math.pi / 2


@compiled()
def _whole_groups(n: int) -> np.uint64:
    whole: np.uint64 = (np.uint64(n) + _THREE) & _NOT_3
    return whole


@compiled()
def room(count: int) -> tuple[Words, NDArray[np.float64]]:
    """Space in which to make so many pairs of numbers at once."""
    n = _whole_groups(count)
    return np.zeros((4, n), np.uint64), np.zeros((2, n))


@compiled()
def words_across(words: Words, n: int, step: int, where: int, key: Words) -> None:
    """Philox of the counters (0 .. n - 1, step, phase, purpose).

    Args:
        words: (4, n up to the next multiple of `GROUP`, or more).
        where: phase + 2**32 purpose.
        key: (2,) seed and replicate.
    """
    w0, w1 = words[0], words[1]
    for block in range(_whole_groups(n)):
        w0[block] = block
        w1[block] = np.uint64(step)
    _rounds(words, n, where, key)


@compiled()
def words_along(words: Words, n: int, begin: int, where: int, key: Words) -> None:
    """Philox of the counters (0, begin .. begin + n - 1, phase, purpose)."""
    w0, w1 = words[0], words[1]
    for step in range(_whole_groups(n)):
        w0[step] = np.uint64(0)
        w1[step] = np.uint64(begin) + step
    _rounds(words, n, where, key)


@compiled()
def _rounds(words: Words, n: int, where: int, key: Words) -> None:
    phase, purpose = np.uint64(where) & _WORD, np.uint64(where) >> _HALF
    w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
    seed, replicate = key[0] & _WORD, key[1] & _WORD
    for i in range(_whole_groups(n)):
        c0, c1, c2, c3 = w0[i] & _WORD, w1[i] & _WORD, phase, purpose
        k0, k1 = seed, replicate
        for _ in range(10):
            p0, p1 = c0 * _M0, c2 * _M1
            c0, c1 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _WORD
            c2, c3 = (p0 >> _HALF) ^ c3 ^ k1, p0 & _WORD
            k0, k1 = (k0 + _W0) & _WORD, (k1 + _W1) & _WORD
        w0[i], w1[i], w2[i], w3[i] = c0, c1, c2, c3


@compiled()
def _uniform(high: np.uint64, low: np.uint64) -> np.float64:
    whole = ((high >> _SIX) << _26) + (low >> _SIX)
    # As the fraction of a number between 2^52 and 2^53: exact, and vectors can do it.
    wide = np.uint64(whole | _TWO_TO_52).view(np.float64)
    uniform: np.float64 = (wide - 4503599627370496.0 + 0.5) * _LEAST
    return uniform


@compiled()
def uniforms_from(words: Words, n: int, pairs: Floats) -> None:
    """Two uniforms a counter, strictly in (0, 1): pairs (2, room for n)."""
    w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
    first, second = pairs[0], pairs[1]
    for i in range(_whole_groups(n)):
        first[i] = _uniform(w0[i], w1[i])
        second[i] = _uniform(w2[i], w3[i])


@compiled()
def normals_from(words: Words, n: int, pairs: Floats) -> None:
    """Two normals a counter. Arguments as `uniforms_from`."""
    uniforms_from(words, n, pairs)
    first, second = pairs[0], pairs[1]
    for i in range(_whole_groups(n)):
        radius = math.sqrt(-2.0 * _log(first[i]))
        cosine, sine = _cosine_and_sine(second[i])
        first[i] = radius * cosine
        second[i] = radius * sine


@compiled()
def _log(u: np.float64) -> np.float64:
    """Natural logarithm of a number in (0, 1), to an ulp."""
    # u = 2^k m with m between sqrt(1/2) and sqrt(2).
    raised = np.float64(u).view(np.uint64) + _ROOT_HALF_UP
    m = np.uint64((raised & _MANTISSA) + _ROOT_HALF).view(np.float64)
    k = np.uint64((raised >> _52) | _TWO_TO_52).view(np.float64) - 4503599627370496.0
    k = k - 1023.0
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (
        3.999999999940941908e-01
        + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01)
    )
    inner = 1.818357216161805012e-01 + w * 1.479819860511658591e-01
    odd = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 + w * inner))
    half = 0.5 * f * f
    log: np.float64 = (
        s * (half + (odd + even)) + k * _LN2_LOW - half + f + k * _LN2_HIGH
    )
    return log


@compiled()
def _cosine_and_sine(turn: np.float64) -> tuple[np.float64, np.float64]:
    """Of a number of turns between 0 and 1, to an ulp."""
    quarter = math.floor(4.0 * turn + 0.5)
    x = (4.0 * turn - quarter) * _QUARTER_TURN
    y = x * x
    s = -2.50507602534068634195e-08 + y * 1.58969099521155010221e-10
    s = -1.98412698298579493134e-04 + y * (2.75573137070700676789e-06 + y * s)
    s = -1.66666666666666324348e-01 + y * (8.33333333332248946124e-03 + y * s)
    s = x + x * y * s
    c = 2.08757232129817482790e-09 + y * -1.13596475577881948265e-11
    c = 2.48015872894767294178e-05 + y * (-2.75573143513906633035e-07 + y * c)
    c = 4.16666666666666019037e-02 + y * (-1.38888888888741095749e-03 + y * c)
    c = 1.0 - 0.5 * y + y * y * c
    # Quarters 0 .. 4: (c, s), (-s, c), (-c, -s), (s, -c), and as the first again.
    odd = (quarter == 1.0) | (quarter == 3.0)
    cosine = s if odd else c
    sine = c if odd else s
    cosine = -cosine if (quarter == 1.0) | (quarter == 2.0) else cosine
    sine = -sine if (quarter == 2.0) | (quarter == 3.0) else sine
    return cosine, sine


@compiled()
def normals_across(
    out: Floats,
    n: int,
    words: Words,
    pairs: Floats,
    step: int,
    where: int,
    key: Words,
) -> None:
    """The first n normals of a step, as `noise.normals(..., count=n)`.

    Args:
        out: (n + 1 or more,), of the dtype they are wanted in.
        words, pairs: `room((n + 1) // 2)` or more.
    """
    blocks = (n + 1) // 2
    words_across(words, blocks, step, where, key)
    normals_from(words, blocks, pairs)
    first, second = pairs[0], pairs[1]
    for i in range(np.uint64(blocks)):
        out[i + i] = first[i]
        out[i + i + _ONE] = second[i]


@compiled()
def normals_along(
    out: Floats,
    n: int,
    words: Words,
    pairs: Floats,
    begin: int,
    where: int,
    key: Words,
) -> None:
    """The first normal of each of n steps. Arguments as `normals_across`."""
    words_along(words, n, begin, where, key)
    normals_from(words, n, pairs)
    first = pairs[0]
    for i in range(np.uint64(n)):
        out[i] = first[i]


@compiled()
def uniforms_along(
    out: Floats,
    n: int,
    words: Words,
    pairs: Floats,
    begin: int,
    where: int,
    key: Words,
) -> None:
    """The first uniform of each of n steps. Arguments as `normals_across`."""
    words_along(words, n, begin, where, key)
    uniforms_from(words, n, pairs)
    first = pairs[0]
    for i in range(np.uint64(n)):
        out[i] = first[i]


@compiled()
def uniform_at(step: int, where: int, key: Words) -> np.float64:
    """The first uniform of one step, for where few are wanted."""
    c0, c1 = np.uint64(0), np.uint64(step)
    c2, c3 = np.uint64(where) & _WORD, np.uint64(where) >> _HALF
    k0, k1 = key[0], key[1]
    for _ in range(10):
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c1 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _WORD
        c2, c3 = (p0 >> _HALF) ^ c3 ^ k1, p0 & _WORD
        k0, k1 = (k0 + _W0) & _WORD, (k1 + _W1) & _WORD
    uniform: np.float64 = _uniform(c0, c1)
    return uniform
