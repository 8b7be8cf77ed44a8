"""From a similarity matrix to a kernel: positive semi-definite, unit diagonal.

A kernel multiplied by prior_sd squared is a prior covariance. Two forms of every
matrix are made: as given, and matched, in which its order of pairs is kept and its
scale is the reference's (`science.md`, rule 13): Spearman alignment ignores the scale,
the agents do not, so a claim about alignment needs the second.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.linalg import LinAlgError, cholesky, eigh
from scipy.stats import rankdata

from alignment.errors import MatrixError
from alignment.matrices import TOLERANCE, FloatArray, SimilarityMatrix
from alignment.nearest import clipped_correlation, nearest_correlation

Form = Literal["as_given", "matched"]
Completion = Literal["mean"]
Repair = Literal["clip", "higham"]
"""How eigenvalues below 0 are taken away. Never by a shift of the diagonal: a kernel
with a constant added to it behaves as if rewards were noisier."""

# Jitter tried in turn by `robust_cholesky`, as a share of the mean diagonal.
JITTERS = (0.0, 1e-12, 1e-10, 1e-8, 1e-6)


@dataclass(frozen=True, eq=False)
class Kernel:
    """A similarity matrix repaired for use as a prior covariance.

    values: (n_actions, n_actions) float64, symmetric, diagonal 1, no eigenvalue below
        0 but for rounding. Repair can take an entry slightly below 0. Read-only.
    actions, rater: As in the matrix it was made from.
    form: "as_given", or "matched" to a reference's distribution.
    repaired_share: Frobenius norm of what repair changed over that of the matrix
        before; 0 when it was positive semi-definite already.
    negative_share: Sum of the absolute negative eigenvalues over the sum of all
        absolute ones, before repair; in [0, 1).
    effective_rank: exp of the entropy of the eigenvalues as shares (Roy & Vetterli,
        2007), of the repaired kernel; between 1 and n_actions.
    mean_off_diagonal: Mean similarity of two different actions, of the kernel.
    completed_pairs: How many pairs were never judged and filled in.

    Raises:
        MatrixError: `values` is not square for the actions, not symmetric with a unit
            diagonal, holds NaN, or has an eigenvalue below 0.
    """

    values: FloatArray
    actions: tuple[str, ...]
    rater: str
    form: Form
    repaired_share: float
    negative_share: float
    effective_rank: float
    mean_off_diagonal: float
    completed_pairs: int

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64)
        n = len(self.actions)
        whose = f"kernel of {self.rater}"
        if values.shape != (n, n):
            raise MatrixError(
                f"{whose}: needs shape ({n}, {n}) for {n} actions, got {values.shape}"
            )
        if not np.all(np.abs(values - values.T) <= TOLERANCE) or not np.all(
            np.abs(np.diag(values) - 1) <= TOLERANCE
        ):
            raise MatrixError(
                f"{whose}: must be symmetric with a diagonal of 1 and without NaN; "
                "make it with as_kernel"
            )
        smallest = float(eigh(values, eigvals_only=True)[0])
        if smallest < -1e-8 * n:
            raise MatrixError(
                f"{whose}: no eigenvalue may lie below 0, got {smallest:g}; "
                "make it with as_kernel"
            )
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.actions)


def as_kernel(
    matrix: SimilarityMatrix,
    *,
    completion: Completion | None = None,
    repair: Repair = "clip",
) -> Kernel:
    """The kernel of a matrix as given: no eigenvalue below 0, diagonal 1.

    Clipping gives the nearest positive semi-definite matrix in the Frobenius norm;
    its diagonal, 1 or more, is then brought back to 1 by dividing each row and column
    by the root of its diagonal entry. O(n_actions ** 3). "higham" gives the nearest of
    all matrices that have both (`nearest.py`), which changes less and takes longer.

    Args:
        repair: "clip" or "higham".
        completion: What to do with pairs that were never judged: None refuses them,
            "mean" gives them the mean of the judged pairs.

    Raises:
        MatrixError: Pairs are missing and no completion was named, or all are missing,
            or the completion or the repair is unknown.
    """
    values, completed = _completed(matrix, completion)
    return _repaired(values, matrix, "as_given", completed, repair)


def matched(
    matrix: SimilarityMatrix,
    reference: SimilarityMatrix,
    *,
    completion: Completion | None = None,
    repair: Repair = "clip",
) -> Kernel:
    """The kernel that keeps the order of `matrix` and takes the scale of `reference`.

    Each pair gets the reference's quantile at its own rank: the pair ranked r-th of m
    gets the reference's r-th value, tied pairs all get the one at their mid-rank
    (interpolated). Then repaired as in `as_kernel`.

    Args:
        reference: The matrix, of the same actions, whose judged pairs give the
            distribution; usually the human one.

    Raises:
        MatrixError: As `as_kernel` for `matrix`; different actions or order; a
            reference without a judged pair.
    """
    reference.same_actions(matrix)
    values, completed = _completed(matrix, completion)
    target = np.sort(reference.pairs()[~np.isnan(reference.pairs())])
    if not target.size:
        raise MatrixError(
            f"similarity of {reference.rater}: a reference needs a judged pair, "
            f"all {reference.n_pairs:,} are missing"
        )
    rows, columns = np.triu_indices(len(matrix), k=1)
    pairs = values[rows, columns]
    position = (rankdata(pairs) - 0.5) / len(pairs)
    mapped = np.interp(position, (np.arange(len(target)) + 0.5) / len(target), target)
    values = np.eye(len(matrix))
    values[rows, columns] = values[columns, rows] = mapped
    return _repaired(values, matrix, "matched", completed, repair)


def root(kernel: FloatArray) -> FloatArray:
    """The symmetric R with R @ R = kernel, for a positive semi-definite kernel.

    The symmetric root is unique, so it does not depend on the signs and rotations in
    which libraries of linear algebra return eigenvectors. Eigenvalues below 0 by
    rounding count as 0. (n_actions, n_actions), O(n_actions ** 3).
    """
    eigenvalues, vectors = eigh(kernel)
    scaled = vectors * np.sqrt(np.clip(eigenvalues, 0.0, None))
    made: FloatArray = scaled @ vectors.T
    return (made + made.T) / 2


def robust_cholesky(kernel: FloatArray) -> tuple[FloatArray, float]:
    """A lower triangle L with L @ L.T = kernel + jitter * I, and the jitter.

    The smallest jitter that works is taken, from none to 1e-6 of the mean diagonal.

    Raises:
        MatrixError: Even that is too little: the kernel needs repair, not jitter.
    """
    scale = float(np.mean(np.diag(kernel)))
    for share in JITTERS:
        jitter = share * scale
        try:
            lower = cholesky(kernel + jitter * np.eye(len(kernel)), lower=True)
        except LinAlgError:
            continue
        return lower, jitter
    raise MatrixError(
        f"Cholesky of a kernel with {len(kernel)} actions: must be positive "
        f"semi-definite, failed with a jitter of {jitter:g}; repair it with as_kernel"
    )


def _completed(
    matrix: SimilarityMatrix, completion: Completion | None
) -> tuple[FloatArray, int]:
    missing = matrix.n_missing
    if not missing:
        return matrix.values, 0
    whose = f"similarity of {matrix.rater}: {missing:,} of {matrix.n_pairs:,} pairs"
    if completion is None:
        raise MatrixError(
            f"{whose} were never judged; a kernel needs all of them: judge them, or "
            'name a completion rule ("mean")'
        )
    if completion != "mean":
        raise MatrixError(f'{whose}: the completion rule must be "mean"')
    if missing == matrix.n_pairs:
        raise MatrixError(f"{whose} were never judged; there is no mean to complete by")
    mean = float(np.nanmean(matrix.pairs()))
    return np.where(np.isnan(matrix.values), mean, matrix.values), missing


def _repaired(
    values: FloatArray,
    matrix: SimilarityMatrix,
    form: Form,
    completed: int,
    repair: Repair,
) -> Kernel:
    if repair not in get_args(Repair):
        raise MatrixError(
            f"similarity of {matrix.rater}: the repair must be one of "
            f"{', '.join(get_args(Repair))}, got {repair!r}"
        )
    eigenvalues = eigh(values, eigvals_only=True)
    negative = -eigenvalues[eigenvalues < 0].sum()
    # Rounding alone gives a singular matrix eigenvalues of about -1e-16.
    if negative > TOLERANCE:
        # The nearest matrix is found up to a tolerance: clipping takes what is left.
        near = nearest_correlation(values) if repair == "higham" else values
        repaired = clipped_correlation(near)
    else:
        negative, repaired = 0.0, values
    share = np.clip(eigh(repaired, eigvals_only=True), 0.0, None) / len(repaired)
    share = share[share > 0]
    return Kernel(
        values=repaired,
        actions=matrix.actions,
        rater=matrix.rater,
        form=form,
        repaired_share=float(
            np.linalg.norm(repaired - values) / np.linalg.norm(values)
        ),
        negative_share=float(negative / np.abs(eigenvalues).sum()),
        effective_rank=float(np.exp(-(share * np.log(share)).sum())),
        mean_off_diagonal=float(repaired[np.triu_indices(len(repaired), k=1)].mean()),
        completed_pairs=completed,
    )
