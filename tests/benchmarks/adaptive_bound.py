"""How much could any design of triplets save, were the answer known beforehand?

    python tests/benchmarks/adaptive_bound.py [--seeds 5] [--actions 50]
        [--dimensions 2 5]

The worlds of `adaptive_triplets.py` with noise `distance`. For points that are known,
the best fixed shares of all triplets are found (those that make the expected log loss
of a random triplet, 1/2 tr(F S), smallest; multiplicative algorithm of Silvey,
Titterington & Torsney, 1978), with the random floor that a study keeps. No way of
choosing triplets, whatever it learns on its way, does better with many judgments: it
has to find out first where the points are.

    ratio    information of the best design over that of random triplets, a judgment
    share    1 / ratio: judgments it needs for the log loss that random has
    gap      accuracy, in points of a percent, by which the best design with half of
             10 n d log2(n) judgments is ahead of random with all of them, for
             estimates that are normal around the truth with the covariance S

The bound is one of log loss, and of accuracy as far as that covariance foretells it.
"""

from __future__ import annotations

import argparse
import os
import platform

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy loads
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from adaptive_triplets import Array, calibrated

from alignment.adaptive import all_triplets, information_roots
from alignment.adaptive_rules import RANDOM_FLOOR
from alignment.ordinal import Embedding, attended_probabilities

STEPS = 60
POWER = 0.7  # of the multiplicative steps; 1 may swing
DRAWS = 40


class Design:
    """The information that each triplet has about known points."""

    def __init__(self, points: Array) -> None:
        self.points = points - points.mean(axis=0)
        n, d = points.shape
        self.triplets = all_triplets(n)
        m = len(self.triplets)
        roots = information_roots(Embedding(self.points, 0.0), self.triplets)
        self.roots = roots.reshape(m, 3, 3 * d)
        self.rows = (self.triplets[:, :, None] * d + np.arange(d)).reshape(m, 3 * d)
        self.free = unseen_moves(self.points)
        self.random = self.information(np.full(m, 1 / m))

    def information(self, shares: Array) -> Array:
        """(n_coordinates, n_coordinates) of one judgment drawn with these shares."""
        size = self.points.size
        blocks = np.einsum("mki,mkj,m->mij", self.roots, self.roots, shares)
        cells = self.rows[:, :, None] * size + self.rows[:, None, :]
        made: Array = np.bincount(cells.ravel(), blocks.ravel(), size * size)
        return made.reshape(size, size)

    def covariance(self, information: Array) -> Array:
        """The inverse, with nothing in the directions that no triplet can show."""
        unseen = self.free @ self.free.T
        made: Array = np.linalg.inv(information + unseen) - unseen
        return made

    def best(self, floor: float) -> Array:
        """(n_coordinates, n_coordinates) information of the best design's judgment."""
        m = len(self.triplets)
        shares = np.full(m, 1 / m)
        across = self.rows[:, :, None], self.rows[:, None, :]
        for _ in range(STEPS):
            known = floor * self.random + (1 - floor) * self.information(shares)
            covariance = self.covariance(known)
            reach = covariance @ self.random @ covariance
            gains = np.einsum("mki,mij,mkj->m", self.roots, reach[across], self.roots)
            shares *= gains**POWER
            shares /= shares.sum()
        return floor * self.random + (1 - floor) * self.information(shares)

    def accuracy_lost(self, covariance: Array, rng: np.random.Generator) -> float:
        """Mean over all triplets and draws, as a share of answers."""
        chance = attended_probabilities(self.points, self.triplets)
        sizes, axes = np.linalg.eigh(covariance)
        root = axes * np.sqrt(np.maximum(sizes, 0))
        lost = []
        for _ in range(DRAWS):
            off = (root @ rng.normal(size=self.points.size)).reshape(self.points.shape)
            named = attended_probabilities(self.points + off, self.triplets).argmax(1)
            got = chance[np.arange(len(chance)), named]
            lost.append(float((chance.max(axis=1) - got).mean()))
        return float(np.mean(lost))


def unseen_moves(points: Array) -> Array:
    """Orthonormal columns: shifts and turns, which leave every distance as it is."""
    n, d = points.shape
    moves = []
    for a in range(d):
        shift = np.zeros((n, d))
        shift[:, a] = 1
        moves.append(shift.ravel())
        for b in range(a):
            turn = np.zeros((n, d))
            turn[:, a], turn[:, b] = points[:, b], -points[:, a]
            moves.append(turn.ravel())
    columns: Array = np.linalg.qr(np.array(moves).T)[0]
    return columns


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--actions", type=int, default=50)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2, 5])
    options = parser.parse_args()
    print(f"{platform.machine()}; n = {options.actions}, {options.seeds} seeds")
    print(f"{'d':>2}{'floor':>7}{'ratio':>20}{'share':>7}{'gap at half':>22}")
    for d in options.dimensions:
        for floor in (RANDOM_FLOOR, 0.0):
            ratios, gaps = [], []
            for seed in range(options.seeds):
                rng = np.random.default_rng((seed, d, 0))
                points = rng.normal(size=(options.actions, d))
                design = Design(calibrated(points, all_triplets(options.actions)))
                n_random = 10 * options.actions * d * np.log2(options.actions)
                by_chance = design.covariance(design.random)
                chosen = design.covariance(design.best(floor))
                losses = np.trace(design.random @ by_chance)
                ratios.append(losses / np.trace(design.random @ chosen))
                at_random = design.accuracy_lost(by_chance / n_random, rng)
                half = design.accuracy_lost(chosen / (n_random / 2), rng)
                gaps.append(100 * (at_random - half))
            ratio, gap = np.median(ratios), np.median(gaps)
            print(
                f"{d:>2}{floor:>7.0%}"
                f"{f'{ratio:.2f} [{min(ratios):.2f}, {max(ratios):.2f}]':>20}"
                f"{1 / ratio:>7.0%}"
                f"{f'{gap:+.2f} [{min(gaps):+.2f}, {max(gaps):+.2f}]':>22}",
                flush=True,
            )


if __name__ == "__main__":
    main()
