"""Estimators: how a belief about arms starts, learns and predicts, by name.

An estimator knows nothing of how its belief is acted on; that is the rule (`rules.py`).
What it can tell beside an expected value decides which rules it can be paired with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from bandits import beliefs, hyperparameters, kernel_ridge, regressors, svr
from bandits.errors import BanditError
from bandits.settings import Settings

State = TypeVar("State")
MeanAndVariance = tuple[Tensor, Tensor]


class Start(NamedTuple):
    """What an estimator starts from.

    kernel: (n_arms, n_arms), or None for estimators that use none.
    truth: (n_arms,) the true values; None for all estimators but the oracles'.
    """

    kernel: Tensor | None
    n_runs: int
    n_arms: int
    settings: Settings
    dtype: torch.dtype
    device: torch.device
    truth: Tensor | None = None

    def given_kernel(self) -> Tensor:
        """The kernel, for the estimators that cannot do without."""
        if self.kernel is None:
            raise BanditError("kernel: this estimator needs one, got None")
        return self.kernel

    def given_truth(self) -> Tensor:
        """(n_runs, n_arms), the true values, for the oracles."""
        if self.truth is None:
            raise BanditError("truth: an oracle needs the true values, got None")
        return self.truth.expand(self.n_runs, -1)


@dataclass(frozen=True)
class Estimator(Generic[State]):
    """How a belief starts, learns and predicts, for all runs of a batch at once.

    Variances are of an arm's latent value, without reward noise. What an estimator
    cannot tell is None.

    Attributes:
        name: For refusals.
        start: The state before any reward.
        learn: (state, arms (n_runs,), rewards (n_runs,)) -> state; uses up the old one.
        predict: state -> (n_runs, n_arms), the expected value of each arm.
        sample: (state, normals (n_runs, n_arms)) -> (n_runs, n_arms), one joint draw
            from the belief.
        marginals: state -> mean and variance, each (n_runs, n_arms).
        marginal_at: (state, arms (n_runs,)) -> mean and variance of those arms, each
            (n_runs,), without touching the others.
        covariance: state -> (n_runs, n_arms, n_arms), not to be changed, and the
            variance of the reward noise as it is believed, a number or (n_runs, 1).
        n_matrices: How many square matrices a run's belief holds: what fills memory
            (support vectors' slopes and samples' random numbers count as one).
        sees_truth: Whether it starts from the true values: the oracles' alone does.
    """

    name: str
    start: Callable[[Start], State]
    learn: Callable[[State, Tensor, Tensor], State]
    predict: Callable[[State], Tensor]
    sample: Callable[[State, Tensor], Tensor] | None = None
    marginals: Callable[[State], MeanAndVariance] | None = None
    marginal_at: Callable[[State, Tensor], MeanAndVariance] | None = None
    covariance: Callable[[State], tuple[Tensor, Tensor | float]] | None = None
    n_matrices: int = 1
    sees_truth: bool = False

    def believes(self, state: State) -> tuple[Tensor, Tensor | None]:
        """Mean and, where there is one, variance of all arms: (n_runs, n_arms)."""
        if self.marginals is None:
            return self.predict(state), None
        return self.marginals(state)


GAUSSIAN_PROCESS: Estimator[beliefs.Belief] = Estimator(
    "Gaussian process",
    start=lambda at: beliefs.prior(at.given_kernel(), at.n_runs, at.settings),
    learn=beliefs.condition,
    predict=lambda belief: belief.mean,
    sample=beliefs.sample,
    marginals=beliefs.marginals,
    marginal_at=beliefs.marginal_at,
    covariance=beliefs.covariance,
)

# The same with a prior width and noise of each run's own choice.
WEIGHED_PROCESS: Estimator[hyperparameters.Weighed] = Estimator(
    "Gaussian process by marginal likelihood",
    start=lambda at: hyperparameters.weigh(at.given_kernel(), at.n_runs, at.settings),
    learn=hyperparameters.condition,
    predict=hyperparameters.predict,
    sample=hyperparameters.sample,
    marginals=hyperparameters.marginals,
    marginal_at=hyperparameters.marginal_at,
    covariance=hyperparameters.covariance,
    n_matrices=6,
)

# The same posterior at a third of the cost, for rules that draw no samples from it.
COVARIANCE_PROCESS: Estimator[kernel_ridge.Posterior] = Estimator(
    "Gaussian process by its covariance",
    start=lambda at: kernel_ridge.process(at.given_kernel(), at.n_runs, at.settings),
    learn=kernel_ridge.condition,
    predict=lambda posterior: posterior.mean,
    marginals=kernel_ridge.marginals,
    marginal_at=kernel_ridge.marginal_at,
    covariance=lambda posterior: (posterior.covariance, posterior.noise_var),
)

KERNEL_RIDGE: Estimator[kernel_ridge.Posterior] = Estimator(
    "Kernel ridge regression",
    start=lambda at: kernel_ridge.ridge(at.given_kernel(), at.n_runs, at.settings),
    learn=kernel_ridge.condition,
    predict=lambda posterior: posterior.mean,
)

INDEPENDENT: Estimator[beliefs.Independent] = Estimator(
    "Independent normal arms",
    start=lambda at: beliefs.independent_prior(
        at.n_runs, at.n_arms, at.settings, dtype=at.dtype, device=at.device
    ),
    learn=beliefs.condition_independent,
    predict=lambda belief: belief.mean,
    sample=beliefs.sample_independent,
    marginals=lambda belief: (belief.mean, belief.variance),
    marginal_at=beliefs.independent_marginal_at,
)

KERNEL_REGRESSION: Estimator[regressors.Regression] = Estimator(
    "Kernel regression",
    start=lambda at: regressors.kernel_regression(
        at.given_kernel(), at.n_runs, at.settings
    ),
    learn=regressors.regress,
    predict=regressors.predict_regression,
    n_matrices=0,
)

SUPPORT_VECTORS: Estimator[svr.Machine] = Estimator(
    "Support vector regression",
    start=lambda at: svr.machine(at.given_kernel(), at.n_runs, at.settings),
    learn=svr.learn,
    predict=svr.predict,
)

# All arms tie for ever, and the tie-break is uniform.
NOTHING_LEARNT: Estimator[Tensor] = Estimator(
    "Nothing learnt",
    start=lambda at: torch.full(
        (at.n_runs, at.n_arms),
        at.settings.prior_mean,
        dtype=at.dtype,
        device=at.device,
    ),
    learn=lambda state, arms, rewards: state,
    predict=lambda state: state,
)


def _true_at(state: Tensor, arms: Tensor) -> MeanAndVariance:
    found = state.gather(1, arms.unsqueeze(1)).squeeze(1)
    return found, torch.zeros_like(found)


TRUTH: Estimator[Tensor] = Estimator(
    "True values",
    start=lambda at: at.given_truth(),
    learn=lambda state, arms, rewards: state,
    predict=lambda state: state,
    marginals=lambda state: (state, torch.zeros_like(state)),
    marginal_at=_true_at,
    sees_truth=True,
)

AnyEstimator = Estimator[Any]


def as_set(estimator: AnyEstimator, settings: Settings) -> AnyEstimator:
    """The estimator, or the one in its place where the settings ask for another."""
    processes: tuple[AnyEstimator, ...] = (GAUSSIAN_PROCESS, COVARIANCE_PROCESS)
    if settings.hyperparameters == "marginal_likelihood" and estimator in processes:
        return WEIGHED_PROCESS
    return estimator
