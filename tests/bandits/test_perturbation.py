import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct

from bandits.errors import BanditError
from bandits.perturbation import Shift, posterior_shift


def covariance(
    n: int, rng: np.random.Generator, rank: int
) -> tuple[np.ndarray, np.ndarray]:
    """A kernel of unit diagonal and the places whose products it holds."""
    places = rng.normal(size=(n, rank))
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    return places @ places.T, places


def world(
    seed: int, n: int, n_seen: int, rank: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    seen = np.zeros(n, dtype=bool)
    seen[rng.permutation(n)[:n_seen]] = True
    one, other = (covariance(n, rng, rank)[0] for _ in range(2))
    return one, other, rng.normal(size=n_seen) * 25, seen


def means_by_inverse(
    kernel: np.ndarray, y: np.ndarray, seen: np.ndarray, noise: float
) -> np.ndarray:
    """(n_actions,) K_*n (K_nn + s2 I)^-1 y, as the textbook prints it."""
    return (
        kernel[:, seen]
        @ np.linalg.inv(kernel[np.ix_(seen, seen)] + noise * np.eye(len(y)))
        @ y
    )


def norms(found: Shift) -> tuple[float, float]:
    return float(np.linalg.norm(found.seen)), float(np.linalg.norm(found.unseen))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 10**6),
    st.integers(1, 12),
    st.integers(0, 8),
    st.integers(1, 12),
    st.sampled_from([0.01, 0.16, 1.0, 9.0]),
)
def test_the_identities_are_exact_and_no_draw_exceeds_a_bound(
    seed: int, n_seen: int, n_unseen: int, rank: int, noise: float
) -> None:
    one, other, y, seen = world(seed, n_seen + n_unseen, n_seen, rank)

    found = posterior_shift(one, other, y, seen, noise=noise)

    before, after = (means_by_inverse(k, y, seen, noise) for k in (one, other))
    assert found.seen == pytest.approx((after - before)[seen], abs=1e-7)
    assert found.unseen == pytest.approx((after - before)[~seen], abs=1e-7)
    of_seen, of_unseen = norms(found)
    assert of_seen <= found.seen_bound * (1 + 1e-9) + 1e-9
    assert of_unseen <= found.unseen_bound * (1 + 1e-9) + 1e-9
    assert of_unseen <= found.unseen_general * (1 + 1e-9) + 1e-9
    assert found.seen_bound <= found.seen_general
    lost = before.max() - before[int(np.argmax(after))]
    assert lost <= found.greedy_loss + 1e-9


def test_the_shift_is_that_of_scikit_learns_predictions() -> None:
    rng = np.random.default_rng(4)
    seen = np.arange(20) < 12
    y = rng.normal(size=12)
    kernels, predicted = [], []
    for _ in range(2):
        kernel, places = covariance(20, rng, 5)
        process = GaussianProcessRegressor(
            DotProduct(sigma_0=0, sigma_0_bounds="fixed"), alpha=0.3, optimizer=None
        ).fit(places[seen], y)
        kernels.append(kernel)
        predicted.append(process.predict(places))

    found = posterior_shift(*kernels, y, seen, noise=0.3)

    moved = predicted[1] - predicted[0]
    assert found.seen == pytest.approx(moved[seen])
    assert found.unseen == pytest.approx(moved[~seen])


def test_the_seen_bound_is_reached_in_the_limit_of_small_kernels() -> None:
    """One action, tiny kernels: A and A' are the noise, nothing is given away."""
    found = posterior_shift(
        np.array([[1e-9]]),
        np.array([[3e-9]]),
        np.array([7.0]),
        np.array([True]),
        noise=1,
    )

    assert norms(found)[0] / found.seen_bound == pytest.approx(1, abs=1e-6)


def test_two_actions_are_as_worked_by_hand() -> None:
    """From no likeness at all to twins: D = D_* = A = 1 and A' = 2."""
    found = posterior_shift(
        np.zeros((2, 2)), np.ones((2, 2)), np.array([1.0]), np.array([True, False]),
        noise=1,
    )  # fmt: skip

    assert found.seen == pytest.approx([0.5])
    assert found.unseen == pytest.approx([1 - 0.5])
    assert found.seen_bound == pytest.approx(1)
    assert found.unseen_bound == pytest.approx(1 + 1 / 2)
    assert (found.seen_general, found.unseen_general) == pytest.approx((2, 2))
    assert found.greedy_loss == pytest.approx(1)


def test_equal_kernels_do_not_shift_and_the_bounds_shrink_with_the_difference() -> None:
    one, other, y, seen = world(1, 15, 9, 4)

    same = posterior_shift(one, one, y, seen, noise=0.16)
    assert norms(same) == (0, 0)
    assert same.seen_bound == same.unseen_bound == same.greedy_loss == 0

    bounds = [
        posterior_shift(one, one + t * (other - one), y, seen, noise=0.16)
        for t in (0.01, 0.1, 1)
    ]
    assert [b.seen_bound / bounds[-1].seen_bound for b in bounds] == pytest.approx(
        [0.01, 0.1, 1]
    )
    assert bounds[0].unseen_bound < bounds[1].unseen_bound < bounds[2].unseen_bound


def test_all_actions_seen_leave_nothing_unseen() -> None:
    one, other, y, seen = world(2, 6, 6, 3)

    found = posterior_shift(one, other, y, seen, noise=0.16)

    assert found.unseen.shape == (0,)
    assert found.unseen_bound == found.unseen_general == 0
    assert found.greedy_loss > 0


def test_a_kernel_of_equal_rank_order_may_shift_far() -> None:
    """Spearman 1 with people is no bound: it ignores scale."""
    one, _, y, seen = world(3, 10, 6, 4)
    off = ~np.eye(10, dtype=bool)
    flat = np.where(off, one / 10, 1.0)

    found = posterior_shift(one, flat, y, seen, noise=0.16)

    assert norms(found)[0] > 1


def test_what_cannot_be_bounded_is_refused() -> None:
    one, other, y, seen = world(5, 6, 4, 3)
    lopsided = one.copy()
    lopsided[0, 1] += 0.5
    missing = one.copy()
    missing[0, 0] = np.nan
    below = one - 2 * np.eye(6)
    for kernels, rewards, noise, said in (
        (
            (one, other[:5, :5]),
            y,
            0.1,
            r"need shape \(6, 6\) for 6 actions, got \(5, 5\)",
        ),
        ((one, other), y[:3], 0.1, r"4 seen and rewards of shape \(3,\)"),
        ((one, missing), y, 0.1, "must be finite"),
        ((one, other), y, 0.0, "noise must be above 0"),
        ((one, lopsided), y, 0.1, "the other kernel must be symmetric"),
        ((below, other), y, 0.1, "the kernel has the negative eigenvalue"),
    ):
        with pytest.raises(BanditError, match=said):
            posterior_shift(*kernels, rewards, seen, noise=noise)
    with pytest.raises(BanditError, match="at least one seen action"):
        posterior_shift(one, other, np.array([]), np.zeros(6, dtype=bool), noise=0.1)
