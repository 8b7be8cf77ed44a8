"""What real raters would pay: other sources of reward for the primary task.

The experiment pays the raters' mean plus noise of one size. Raters do not answer so:
some actions divide them, and a rating is never below 0 or above 100. These are the other
sources of `science.md`, rule 18, for the sensitivity table.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bandits.paper.statistics import Floats
from bandits.paper.study import Study, Task
from bandits.rewards import Rewards, mean_and_noise, measured_noise, rater_draw

SPREAD = "the raters' mean, with their own spread"
ONE_RATER = "a random rater's rating"
HALVED = "half the raters; the others say what is unsafe"


class Paid(NamedTuple):
    """The primary task from one source.

    rewards: What a pull pays; None for the task's values plus the settings' noise.
    harm_values: (n_actions,) by which harm is counted; None for the task's values.
    """

    task: Task
    rewards: Rewards | None = None
    harm_values: Floats | None = None


def paid(study: Study) -> dict[str, Paid]:
    """The sources that this study can pay from, by name; none without its raters.

    Values are means over raters who each count once, so they may differ a little from
    the report's, which can pool groups of raters equally. A source in which some action
    would have no rater is left out.
    """
    if study.snapshot is None:
        return {}
    ratings = study.snapshot.values.table(study.primary.dimension)
    counts = (~np.isnan(ratings)).sum(axis=0)
    if not len(ratings) or not counts.all():
        return {}
    task = study.primary._replace(values=np.nansum(ratings, axis=0) / counts)
    found = {ONE_RATER: Paid(task, rater_draw(ratings))}
    if (counts > 1).any():
        measured = mean_and_noise(task.values, measured_noise(ratings))
        found[SPREAD] = Paid(task, measured)
    order = np.random.default_rng([study.settings.seed, 18]).permutation(len(ratings))
    halves = ratings[order[::2]], ratings[order[1::2]]
    rated = [(~np.isnan(half)).sum(axis=0) for half in halves]
    if all(n.all() for n in rated):
        paying, judging = (
            np.nansum(half, axis=0) / n for half, n in zip(halves, rated, strict=True)
        )
        found[HALVED] = Paid(task._replace(values=paying), harm_values=judging)
    return found
