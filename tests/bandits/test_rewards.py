"""Rewards: one table for values with noise, for real raters' ratings and for a person's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bandits.errors import BanditError
from bandits.rewards import (
    Rewards,
    mean_and_noise,
    measured_noise,
    participant,
    payer,
    rater_draw,
)
from bandits.settings import Settings
from bandits.simulate import simulate, trace
from bandits.task import ValueTask, split_actions

NAN = np.nan
RATINGS = np.array([[10.0, NAN, 30.0], [20.0, 55.0, NAN], [60.0, 65.0, NAN]])
SETTINGS = Settings(personalization_steps=25, generalization_steps=5)


def task(n_runs: int, values: Any, **more: Any) -> ValueTask:
    split = split_actions(len(values), range(n_runs), seed=3)
    return ValueTask(np.asarray(values, float), 50.0, True, split, **more)


def test_without_rewards_a_task_pays_its_values_and_the_noise_of_the_settings() -> None:
    values = [10.0, 40.0, 60.0, 90.0]
    plain, said = (
        trace(
            None,
            task(30, values, rewards=rewards),
            "thompson_independent",
            SETTINGS,
            seed=3,
            replicates=range(30),
        )
        for rewards in (None, mean_and_noise(np.array(values), SETTINGS.reward_sd))
    )

    for phase, found in plain.items():
        assert torch.equal(found.arms, said[phase].arms)
        assert torch.equal(found.rewards, said[phase].rewards)


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_a_rater_draw_pays_only_what_somebody_said_of_that_action(chunk: int) -> None:
    ratings = np.array([[10.0, NAN, 30.0, 8.0], [20.0, 55.0, NAN, 9.0]])
    drawn = task(40, np.nanmean(ratings, 0), rewards=rater_draw(ratings))

    found = trace(
        None,
        drawn,
        "uniform",
        SETTINGS,
        seed=3,
        replicates=range(40),
        chunk=chunk,
    )
    whole = trace(None, drawn, "uniform", SETTINGS, seed=3, replicates=range(40))

    said = [{10.0, 20.0}, {55.0}, {30.0}, {8.0, 9.0}]
    for phase, steps in found.items():
        assert torch.equal(steps.rewards, whole[phase].rewards)
        for arm, reward in zip(steps.arms.ravel(), steps.rewards.ravel(), strict=True):
            assert float(reward) in said[arm]


def test_every_rater_of_an_action_is_asked_equally_often() -> None:
    rewards = payer(rater_draw(RATINGS), dtype=torch.float64, device="cpu")
    uniform = (torch.arange(30_000, dtype=torch.float64) + 0.5) / 30_000
    noise = torch.zeros(30_000, dtype=torch.float64)

    for arm, said in enumerate(([10, 20, 60], [55, 65], [30])):
        arms = torch.full((30_000,), arm)
        paid = rewards.pay(arms, noise, uniform).numpy()
        shares = [(paid == rating).mean() for rating in said]
        np.testing.assert_allclose(shares, 1 / len(said), atol=1e-4)


@given(st.integers(1, 5_000))
def test_the_largest_uniform_number_stays_within_the_raters(n_raters: int) -> None:
    ratings = np.arange(n_raters, dtype=float)[:, None]
    rewards = payer(rater_draw(ratings), dtype=torch.float64, device="cpu")
    largest = torch.tensor([1 - 2.0**-53], dtype=torch.float64)

    paid = rewards.pay(torch.tensor([0]), torch.zeros(1, dtype=torch.float64), largest)

    assert float(paid) == n_raters - 1


def test_asking_raters_moves_no_other_luck() -> None:
    # All raters agree: then only a draw that moved another would show.
    values = np.array([10.0, 40.0, 60.0, 90.0])
    settings = Settings(personalization_steps=25, reward_sd=1.0)
    found = []
    for ratings in (values[None], np.stack([values, values])):
        rewards = rater_draw(ratings)
        found.append(
            trace(
                None,
                task(20, values, rewards=rewards),
                "thompson_independent",
                settings,
                seed=3,
                replicates=range(20),
            )
        )

    for phase in found[0]:
        assert torch.equal(found[0][phase].arms, found[1][phase].arms)


def test_a_participant_pays_their_own_ratings_and_their_own_noise() -> None:
    values = np.array([10.0, 40.0, 60.0, 90.0])
    own = task(400, values, rewards=participant(values, 3.0))

    found = trace(None, own, "uniform", SETTINGS, seed=3, replicates=range(400))

    steps = found["personalization"]
    noise = (steps.rewards - torch.tensor(values)[steps.arms]).numpy()
    n = noise.size  # 10,000: an sd of 3 is known to 0.021, a mean to 0.03
    assert abs(noise.mean()) < 5 * 3 / np.sqrt(n)
    assert abs(noise.std() - 3) < 5 * 3 / np.sqrt(2 * n)


def test_noise_is_measured_within_actions_over_raters() -> None:
    within = [np.var([10, 20, 60], ddof=1) * 2, np.var([55, 65], ddof=1)]

    assert measured_noise(RATINGS) == pytest.approx(np.sqrt(sum(within) / 3))
    # An action more or less liked by everybody is no disagreement.
    assert measured_noise(RATINGS + np.array([0, 30, 5])) == pytest.approx(
        measured_noise(RATINGS)
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 5))
def test_a_rater_draw_pays_the_mean_of_the_ratings_on_average(
    seed: int, n_raters: int, n_actions: int
) -> None:
    rng = np.random.default_rng(seed)
    ratings = rng.uniform(0, 100, size=(n_raters, n_actions))
    ratings[1:][rng.uniform(size=(n_raters - 1, n_actions)) < 0.4] = NAN

    rewards = rater_draw(ratings)

    np.testing.assert_allclose(rewards.means, np.nanmean(ratings, 0))
    assert np.isfinite(rewards.table).all()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: rater_draw(np.array([[1.0, NAN], [2.0, NAN]])),
            "rewards from raters: 1 of 2 actions were rated by nobody; leave them "
            "out, or take mean+noise",
        ),
        (
            lambda: measured_noise(np.array([[1.0, NAN], [NAN, 5.0]])),
            "measured reward noise: needs an action that two people rated; give the "
            "noise as a number",
        ),
        (
            lambda: participant(np.array([1.0, 2.0]), -1.0),
            "rewards: sd needs to be a number of points, at least 0, got -1.0",
        ),
        (
            lambda: mean_and_noise(np.array([1.0, NAN]), 1.0),
            "rewards: need a finite number wherever one may be paid, got 1 entries "
            "without one",
        ),
        (
            lambda: Rewards("mean+noise", np.ones((2, 1)), np.array([1, 0]), 1.0),
            "rewards: every action needs 1 to 1 entries, got 0 to 1; leave actions "
            "nobody rated out",
        ),
        (
            lambda: Rewards("mean+noise", np.ones(2), np.array([1, 1]), 1.0),
            "rewards: need a table (n_actions, n_columns) and a count for each action, "
            "got (2,) and (2,)",
        ),
        (
            lambda: Rewards("clicks", np.ones((1, 1)), np.ones(1), 1.0),  # type: ignore[arg-type]
            "rewards: source needs to be one of mean+noise, rater_draw, participant, "
            "got 'clicks'",
        ),
        (
            lambda: task(2, [1.0, 2.0], rewards=rater_draw(RATINGS)),
            "rewards of the task: need a row for each of 2 actions, got 3",
        ),
    ],
)
def test_what_no_pull_could_pay_is_refused(make: Any, sentence: str) -> None:
    with pytest.raises(BanditError) as refusal:
        make()

    assert str(refusal.value) == sentence


def test_harm_is_counted_by_those_who_decide_what_is_harm() -> None:
    values = np.array([10.0, 40.0, 60.0, 90.0])
    others = values[::-1].copy()
    harm = [
        simulate(
            None,
            task(20, values, **more),
            "uniform",
            SETTINGS,
            seed=3,
            replicates=range(20),
        )["personalization"]
        for more in ({}, {"harm_values": others})
    ]
    opposite = simulate(
        None, task(20, others), "uniform", SETTINGS, seed=3, replicates=range(20)
    )["personalization"]

    assert torch.equal(harm[1]["unsafe_actions"], opposite["unsafe_actions"])
    assert torch.equal(harm[1]["net_violation"], opposite["net_violation"])
    assert torch.equal(harm[1]["unsafe_available"], opposite["unsafe_available"])
    assert torch.equal(harm[1]["mean_reward"], harm[0]["mean_reward"])
    assert torch.equal(harm[1]["regret"], harm[0]["regret"])
    assert not torch.equal(harm[1]["unsafe_actions"], harm[0]["unsafe_actions"])


@pytest.mark.parametrize("agent", ["gp_thompson", "kernel_regression", "uniform"])
def test_what_raters_say_of_unseen_actions_never_reaches_personalization(
    agent: str,
) -> None:
    kernel = None if agent == "uniform" else 0.5 * np.eye(4) + 0.5
    ratings = np.array([[10.0, 55.0, 30.0, 8.0], [20.0, 60.0, 90.0, 9.0]])
    other = ratings.copy()
    other[:, 2:] = [[99.0, 1.0], [NAN, 2.0]]
    learned = np.tile([True, True, False, False], (30, 1))
    found = [
        trace(
            kernel,
            ValueTask(
                *(np.nanmean(given, 0), 50.0, True, learned), rewards=rater_draw(given)
            ),
            agent,
            SETTINGS,
            seed=3,
            replicates=range(30),
        )
        for given in (ratings, other)
    ]

    first, second = (one["personalization"] for one in found)
    assert torch.equal(first.arms, second.arms)
    assert torch.equal(first.rewards, second.rewards)
    assert torch.equal(found[0]["generalization"].arms, found[1]["generalization"].arms)
    assert not torch.equal(
        found[0]["generalization"].rewards, found[1]["generalization"].rewards
    )
