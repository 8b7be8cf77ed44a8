"""Degrade a similarity matrix on purpose, to lower its alignment.

Relabelling is the default (`science.md`, rule 14): the matrix is that of somebody who
takes some actions for others. Every similarity and every eigenvalue stays, so what
changes in an agent's behaviour is due to alignment alone, and nothing needs repair.

The three others are shown against it. They change eigenvalues too, and what they give
need not be positive semi-definite: make a kernel of it, which repairs it, and measure
the alignment of that kernel. With one seed, each kind's curve over shares is one story:
a larger share goes on from a smaller one.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from alignment.errors import MatrixError
from alignment.kernels import Completion, Kernel, as_kernel
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix

RELABEL, PERMUTE_PAIRS, BLEND, NOISE = "relabel", "permute_pairs", "blend", "noise"
KINDS = (RELABEL, PERMUTE_PAIRS, BLEND, NOISE)


def corrupt(
    matrix: SimilarityMatrix,
    kind: str,
    share: float,
    *,
    seed: int,
    completion: Completion | None = None,
) -> SimilarityMatrix:
    """The matrix degraded in one of the four ways, by name.

    Args:
        kind: Of `KINDS`.
        completion: As in `as_kernel`; only `blend` asks for it.

    Raises:
        MatrixError: Another kind, or as the function of that kind.
    """
    kinds: dict[str, Callable[..., SimilarityMatrix]] = {
        RELABEL: relabel,
        PERMUTE_PAIRS: permute_pairs,
        BLEND: partial(blend, completion=completion),
        NOISE: add_noise,
    }
    if kind not in kinds:
        raise MatrixError(
            f"corruption of {matrix.rater}: the kind must be one of {', '.join(KINDS)}, "
            f"got {kind!r}"
        )
    return kinds[kind](matrix, share, seed=seed)


def as_matrix(kernel: Kernel) -> SimilarityMatrix:
    """A kernel as similarities: what repair took just below 0 counts as 0.

    So the alignment of a corrupted matrix is measured on what an agent is given.
    """
    return SimilarityMatrix(np.clip(kernel.values, 0, 1), kernel.actions, kernel.rater)


def relabel(matrix: SimilarityMatrix, share: float, *, seed: int) -> SimilarityMatrix:
    """P K P': a random share of the actions trade places, each of them with another.

    A single action cannot trade places, so the number relabelled is 0 or at least 2:
    share times n_actions rounded, and 2 where that would be 1. With one seed, the
    actions relabelled at a share are among those relabelled at any larger one.
    Unjudged pairs move with their actions.

    Args:
        share: Of the actions, in [0, 1].

    Returns:
        A matrix with the same actions in the same order, of rater
        "<rater>~<share>"; its alignment must be measured, not guessed from the share.

    Raises:
        MatrixError: `share` is not in [0, 1].
    """
    _check_share(matrix, share)
    n = len(matrix)
    rng = np.random.default_rng(seed)
    count = round(share * n)
    chosen = rng.permutation(n)[: 2 if count == 1 else count]
    source = np.arange(n)
    source[chosen] = chosen[_derangement(len(chosen), rng)]
    return SimilarityMatrix(
        values=matrix.values[np.ix_(source, source)],
        actions=matrix.actions,
        rater=f"{matrix.rater}~{share:g}",
    )


def permute_pairs(
    matrix: SimilarityMatrix, share: float, *, seed: int
) -> SimilarityMatrix:
    """A random share of the judged pairs trade similarities, each with another pair.

    The similarities stay, the structure does not: what three actions say of each other
    no longer fits together, so that eigenvalues flatten and fall below 0. As many pairs
    as in `relabel`: 0 or at least 2, and those of a smaller share are among them.

    Args:
        share: Of the judged pairs, in [0, 1].

    Returns:
        A matrix of rater "<rater>~permute_pairs~<share>"; unjudged pairs stay unjudged.

    Raises:
        MatrixError: `share` is not in [0, 1].
    """
    _check_share(matrix, share)
    rng = np.random.default_rng(seed)
    pairs = matrix.pairs()
    judged = np.flatnonzero(~np.isnan(pairs))
    count = round(share * len(judged))
    chosen = rng.permutation(judged)[: 2 if count == 1 else count]
    if len(chosen) > 1:
        pairs[chosen] = pairs[chosen[_derangement(len(chosen), rng)]]
    return _from_pairs(matrix, pairs, PERMUTE_PAIRS, share)


def blend(
    matrix: SimilarityMatrix,
    share: float,
    *,
    seed: int,
    completion: Completion | None = None,
) -> SimilarityMatrix:
    """(1 - share) K + share R, with R random but of the spectrum of K's kernel.

    R is what is left if only the eigenvalues are kept (`same_spectrum`): as large a
    share of structure, in directions that mean nothing. Between the two, eigenvalues
    shrink. Entries outside [0, 1] are cut.

    Args:
        share: Of R, in [0, 1].
        completion: How unjudged pairs are filled in to find the spectrum; they stay
            unjudged in the result. None refuses them.

    Returns:
        A matrix of rater "<rater>~blend~<share>".

    Raises:
        MatrixError: `share` is not in [0, 1]; pairs are missing and no completion was
            named.
    """
    _check_share(matrix, share)
    kernel = as_kernel(matrix, completion=completion)
    other = same_spectrum(kernel.values, np.random.default_rng(seed))
    pairs = other[np.triu_indices(len(matrix), k=1)]
    return _from_pairs(
        matrix, (1 - share) * matrix.pairs() + share * pairs, BLEND, share
    )


def add_noise(matrix: SimilarityMatrix, share: float, *, seed: int) -> SimilarityMatrix:
    """Independent normal noise on every judged pair, as a share of their variance.

    m + sqrt(1 - share) (s - m) + sqrt(share) sd z, with m and sd of the judged pairs:
    their mean and variance are kept on average, and Pearson's correlation with the
    matrix before is sqrt(1 - share) but for cutting to [0, 1]. A constant matrix has no
    variance and stays as it is.

    Args:
        share: Of the variance that is noise, in [0, 1].

    Returns:
        A matrix of rater "<rater>~noise~<share>"; unjudged pairs stay unjudged.

    Raises:
        MatrixError: `share` is not in [0, 1].
    """
    _check_share(matrix, share)
    pairs = matrix.pairs()
    judged = ~np.isnan(pairs)
    z = np.random.default_rng(seed).normal(size=len(pairs))
    if share > 0 and judged.any():
        mean, sd = pairs[judged].mean(), pairs[judged].std()
        pairs = mean + np.sqrt(1 - share) * (pairs - mean) + np.sqrt(share) * sd * z
    return _from_pairs(matrix, pairs, NOISE, share)


def same_spectrum(kernel: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A random matrix with the eigenvalues of a kernel and a diagonal of 1.

    The kernel is turned by a uniformly random rotation that keeps the vector of ones,
    so that the mean similarity stays nearly what it was; then rotations of two actions at a
    time bring each diagonal entry back to 1 (Bendel & Mickey, 1978; Davies & Higham,
    2000). No entry is bounded but by -1 and 1. O(n_actions ** 3).

    Args:
        kernel: (n_actions, n_actions), symmetric with a diagonal of 1.
    """
    n = len(kernel)
    # Orthonormal columns whose first is the ones, by Householder's reflection.
    basis = np.linalg.qr(np.column_stack((np.ones(n), np.eye(n)[:, 1:])))[0]
    turned, triangle = np.linalg.qr(rng.normal(size=(n - 1, n - 1)))
    turned *= np.sign(np.diag(triangle))  # else the rotation is not uniform
    rotation = basis.copy()
    rotation[:, 1:] = basis[:, 1:] @ turned
    rotation = rotation @ basis.T
    made: FloatArray = rotation @ kernel @ rotation.T
    _unit_diagonal(made)
    return (made + made.T) / 2


def _unit_diagonal(values: FloatArray) -> None:
    """Rotate pairs of rows and columns until every diagonal entry is 1, in place.

    One entry below 1 and one above it at a time: the trace is n, so that there is one of
    each until all are 1.
    """
    for _ in range(len(values) - 1):
        diagonal = np.diag(values)
        low, high = int(diagonal.argmin()), int(diagonal.argmax())
        under, over = diagonal[low] - 1, diagonal[high] - 1
        if under > -1e-14 or over < 1e-14:
            break
        cross = values[low, high]
        # Of the two rotations that do it, the smaller one: it disturbs the rest least.
        slope = under / (cross + np.copysign(np.sqrt(cross**2 - under * over), cross))
        cosine = 1 / np.hypot(1, slope)
        turn = cosine * np.array([[1, -slope], [slope, 1]])
        both = [low, high]
        values[both] = turn @ values[both]
        values[:, both] = values[:, both] @ turn.T
        values[low, low] = 1.0
    np.fill_diagonal(values, 1.0)


def _check_share(matrix: SimilarityMatrix, share: float) -> None:
    if not 0 <= share <= 1:
        raise MatrixError(
            f"corruption of {matrix.rater}: the share must lie in [0, 1], got {share}"
        )


def _from_pairs(
    matrix: SimilarityMatrix, pairs: FloatArray, kind: str, share: float
) -> SimilarityMatrix:
    values = np.eye(len(matrix))
    rows, columns = np.triu_indices(len(matrix), k=1)
    values[rows, columns] = values[columns, rows] = np.clip(pairs, 0, 1)
    return SimilarityMatrix(values, matrix.actions, f"{matrix.rater}~{kind}~{share:g}")


def _derangement(n: int, rng: np.random.Generator) -> IntArray:
    """A uniform permutation of n that leaves nothing in its place.

    By rejection: about e draws, whatever n.
    """
    if n == 0:
        return np.arange(0)
    while True:
        order = rng.permutation(n)
        if not np.any(order == np.arange(n)):
            return order
