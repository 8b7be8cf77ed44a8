"""`alignment.action_split`: a report splits the actions as a sweep will."""

import numpy as np
import pytest
import torch

from alignment.action_split import split_actions
from alignment.errors import AlignmentError
from bandits.noise import Phase, Purpose, uniforms


@pytest.mark.parametrize("n_actions", [2, 7, 50])
def test_the_split_ranks_the_numbers_that_a_sweep_would_draw(n_actions: int) -> None:
    runs = np.array([0, 5, 2**32 - 1])
    drawn = uniforms(
        91,
        torch.from_numpy(runs),
        torch.zeros(1, dtype=torch.int64),
        phase=Phase.PERSONALIZATION,
        purpose=Purpose.SPLIT,
        count=n_actions,
    )[0].numpy()

    split = split_actions(n_actions, runs, seed=91, share=0.3)

    n_chosen = max(round(0.3 * n_actions), 1)
    for mine, numbers in zip(split, drawn, strict=True):
        assert set(np.flatnonzero(mine)) == set(np.argsort(numbers)[:n_chosen])


def test_what_cannot_be_split_is_refused() -> None:
    with pytest.raises(AlignmentError, match="at least 2 actions to have two phases"):
        split_actions(1, [0], seed=1)
    with pytest.raises(AlignmentError, match="between 0 and 1, got 1"):
        split_actions(4, [0], seed=1, share=1)
    with pytest.raises(AlignmentError, match="seed: must lie in 0"):
        split_actions(4, [0], seed=-1)
