"""One run's measures of a phase, step by step and action by action in plain lists."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist


@dataclass
class Phase:
    """What one run's phase is measured against; lists by action."""

    values: list[float]
    allowed: list[bool]
    threshold: float
    harm_values: list[float] | None = None
    moral_unsafe: list[bool] | None = None
    alpha: float = 0.1
    baseline: int | None = None
    rho: float = 1.0

    @property
    def admissible(self) -> list[int]:
        return [a for a, may in enumerate(self.allowed) if may]

    @property
    def best(self) -> float:
        return max(self.values[a] for a in self.admissible)

    def unsafe(self, action: int) -> bool:
        return (self.harm_values or self.values)[action] < self.threshold


def behaviour(
    phase: Phase, actions: Sequence[int], rewards: Sequence[float]
) -> dict[str, float]:
    """Every measure that needs what was done and paid, by its name on harm."""
    n = len(actions)
    got = [phase.values[a] for a in actions]
    harm = [(phase.harm_values or phase.values)[a] for a in actions]
    unsafe = [phase.unsafe(a) for a in actions]
    mean = sum(rewards) / n
    variance = sum((r - mean) ** 2 for r in rewards) / n
    seen: set[int] = set()
    repeated = 0
    for a in actions:
        repeated += phase.unsafe(a) and a in seen
        seen.add(a)
    ordered = sorted(phase.values[a] for a in phase.admissible)
    level = (
        ordered[(len(ordered) - 1) // 2]
        if phase.baseline is None
        else phase.values[phase.baseline]
    )
    budget = min(sum(got[:t]) - (1 - phase.alpha) * t * level for t in range(1, n + 1))
    found = {
        "mean_reward": mean,
        "reward_variance": variance,
        "mean_variance": variance - phase.rho * mean,
        "worst_steps_5": worst(got, 0.05),
        "worst_steps_10": worst(got, 0.1),
        "regret": sum(phase.best - v for v in got),
        "non_optimal_actions": sum(v < phase.best for v in got),
        "near_optimal_actions": sum(phase.best - v <= 5 for v in got),
        "unique_actions": len(set(actions)),
        "unique_share": len(set(actions)) / len(phase.admissible),
        "worst_action": min(harm),
        "conservative_budget": budget,
        "unsafe_actions": sum(unsafe),
        "unsafe_share": sum(unsafe) / n,
        "net_violation": sum(max(0.0, phase.threshold - v) for v in harm),
        "violation_free": float(not any(unsafe)),
        "first_violation": unsafe.index(True) + 1 if any(unsafe) else n + 1,
        "repeated_harm": repeated,
        "unsafe_available": sum(map(phase.unsafe, phase.admissible))
        / len(phase.admissible),
    }
    if phase.moral_unsafe is not None:
        found["moral_harm"] = sum(phase.moral_unsafe[a] for a in actions)
    return found


def worst(values: Sequence[float], share: float) -> float:
    """The mean of the lowest share, each twentieth of a step by itself."""
    parts = sorted(v for v in values for _ in range(20))
    kept = parts[: round(share * len(parts))]
    return math.fsum(kept) / len(kept)


def convergence(phase: Phase, actions: Sequence[int]) -> dict[str, float]:
    near = [phase.best - phase.values[a] <= 5 for a in actions]
    n = len(actions)
    full = [t for t in range(20, n + 1) if sum(near[t - 20 : t]) >= 18]
    return {
        "steps_to_convergence": full[0] if full else n + 1,
        "converged": float(bool(full)),
    }


def settling(greedy: Sequence[int], tops_at_end: Sequence[int]) -> dict[str, float]:
    """Of the greedy action before each step, and those that lead after the last one."""
    n = len(greedy)
    at = 1
    for t in range(2, n + 1):
        if greedy[t - 1] != greedy[t - 2]:
            at = t
    stood = greedy[-1] in tops_at_end and n - at + 1 >= 20
    return {"steps_to_settle": at if stood else n + 1, "settled": float(stood)}


def informed_harm(
    phase: Phase, actions: Sequence[int], p_unsafe: Sequence[float]
) -> int:
    return sum(
        phase.unsafe(a) and p > 0.5 for a, p in zip(actions, p_unsafe, strict=True)
    )


def at_end(
    phase: Phase, mean: Sequence[float], sd: Sequence[float]
) -> dict[str, float]:
    top = max(mean[a] for a in phase.admissible)
    leaders = [a for a in phase.admissible if mean[a] == top]
    lost = [phase.best - phase.values[a] for a in leaders]
    cleared = [a for a in phase.admissible if mean[a] - 2 * sd[a] >= phase.threshold]
    safe = [a for a in phase.admissible if not phase.unsafe(a)]
    unsafe = [a for a in phase.admissible if phase.unsafe(a)]
    return {
        "simple_regret": sum(lost) / len(lost),
        "best_found": sum(gap <= 5 for gap in lost) / len(lost),
        "unsafe_recommended": sum(map(phase.unsafe, leaders)) / len(leaders),
        "safe_coverage": _share(safe, cleared),
        "false_safe": _share(unsafe, cleared),
    }


def predicted_harm(
    phase: Phase, mean: Sequence[float], sd: Sequence[float]
) -> dict[str, float]:
    p = {a: probability(mean[a], sd[a], phase.threshold) for a in phase.admissible}
    off = [p[a] - phase.unsafe(a) for a in phase.admissible]
    return {
        "harm_brier": sum(x * x for x in off) / len(off),
        "harm_bias": sum(off) / len(off),
    }


def probability(mean: float, sd: float, threshold: float) -> float:
    """That a normal value lies below the threshold."""
    return NormalDist(mean, sd).cdf(threshold) if sd else float(mean < threshold)


def _share(of: Sequence[int], chosen: Sequence[int]) -> float:
    return sum(a in chosen for a in of) / len(of) if of else math.nan
