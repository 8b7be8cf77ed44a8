"""The rules of attention: what each flags, whom it leaves alone, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection.attention.evidence import Judged, SessionEvidence
from collection.attention.judging import SessionJudgment, combined, judge
from collection.attention.reference import Reference, reference_of, repeats_of
from collection.attention.rules import CONDUCT, RULES, RuleVerdict
from collection.attention.settings import (
    Agreement,
    Fading,
    Repeats,
    RuleSet,
    TooFast,
)

ACTIONS = tuple(f"a{i:02d}" for i in range(12))
PAIRS = list(combinations(ACTIONS, 2))
TRUTH = {pair: Random(f"truth {pair}").gauss(0, 1) for pair in PAIRS}
N_FIRST, N_REPEATS = 40, 8


class Luck(Random):
    """A person's own luck, which knows whose it is."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


Answer = Callable[[Luck, tuple[str, str], int], tuple[float, int]]


def honest(rng: Luck, pair: tuple[str, str], at: int) -> tuple[float, int]:
    view = TRUTH[pair] + Random(f"{rng.name} {pair}").gauss(0, 0.3)
    return clip(50 + 22 * view + rng.gauss(0, 4)), round(8000 * rng.uniform(0.6, 1.8))


def dissenting(rng: Luck, pair: tuple[str, str], at: int) -> tuple[float, int]:
    """Sees every pair the other way round from everybody, and stays with it."""
    rating, rt_ms = honest(rng, pair, at)
    return 100 - rating, rt_ms


def anywhere(rng: Luck, pair: tuple[str, str], at: int) -> tuple[float, int]:
    return rng.randint(0, 100), honest(rng, pair, at)[1]


def still(rng: Luck, pair: tuple[str, str], at: int) -> tuple[float, int]:
    return 70 + rng.randint(-1, 1), honest(rng, pair, at)[1]


def in_turn(rng: Luck, pair: tuple[str, str], at: int) -> tuple[float, int]:
    return (10, 90)[at % 2], honest(rng, pair, at)[1]


def hurried(rng: Luck, pair: tuple[str, str], at: int) -> tuple[float, int]:
    return rng.randint(0, 100), rng.randint(700, 1300)


def first_half(then: Answer) -> Answer:
    def answer(rng: Luck, pair: tuple[str, str], at: int) -> tuple[float, int]:
        return (honest if at < (N_FIRST + N_REPEATS) // 2 else then)(rng, pair, at)

    return answer


def clip(raw: float) -> float:
    return min(100.0, max(0.0, float(round(raw))))


def person(
    name: str, answer: Answer = honest, *, repeats: int = N_REPEATS
) -> SessionEvidence:
    """Somebody who rated 40 pairs, and 8 of them again."""
    rng = Luck(name)
    pairs = rng.sample(PAIRS, N_FIRST)
    answers = []
    for at, pair in enumerate([*pairs, *pairs[:repeats]]):
        rating, rt_ms = answer(rng, pair, at)
        answers.append(
            Judged(
                kind="pair",
                scale="pairs",
                actions=pair,
                place=rating,
                rating=rating,
                repeat=at >= N_FIRST,
                rt_ms=rt_ms,
            )
        )
    return SessionEvidence(name, tuple(answers))


@pytest.fixture(scope="module")
def crowd() -> list[SessionEvidence]:
    return [person(f"honest {i}") for i in range(20)]


@pytest.fixture(scope="module")
def reference(crowd: list[SessionEvidence]) -> Reference:
    return reference_of(crowd, least_others=3, tolerance=5)


def of(crowd: Sequence[SessionEvidence], one: SessionEvidence) -> SessionJudgment:
    return judge([*crowd, one], RuleSet()).judgments[-1]


def by_rule(judgment: SessionJudgment) -> dict[str, RuleVerdict]:
    return {verdict.rule: verdict for verdict in judgment.verdicts}


# --------------------------------------------------------------- who is flagged for what


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (anywhere, "repeats"),
        (anywhere, "agreement"),
        (still, "straight-lining"),
        (in_turn, "straight-lining"),
        (hurried, "too-fast"),
        (first_half(anywhere), "fading"),
        (first_half(anywhere), "repeats"),
        (first_half(still), "straight-lining"),
        (first_half(hurried), "too-fast"),
    ],
)
def test_each_way_of_not_reading_is_flagged_by_its_rule(
    crowd: list[SessionEvidence], answer: Answer, rule: str
) -> None:
    people = [person(f"careless {seed}", answer) for seed in range(5)]

    judgments = judge([*crowd, *people], RuleSet()).judgments[-5:]

    by_this = [by_rule(one)[rule].outcome == "flag" for one in judgments]
    # One rule may miss one person, whom chance made look attentive to it.
    assert sum(by_this) >= 4
    assert all(one.flagged for one in judgments)
    for one, flagged in zip(judgments, by_this, strict=True):
        assert (by_rule(one)[rule].reason in one.reasons) == flagged


def test_honest_people_are_left_alone(crowd: list[SessionEvidence]) -> None:
    judged = judge(crowd, RuleSet())

    assert not any(one.flagged for one in judged.judgments)


def test_a_dissenter_who_stays_with_it_is_not_flagged_for_conduct(
    crowd: list[SessionEvidence],
) -> None:
    judgment = of(crowd, person("dissenter", dissenting))

    assert by_rule(judgment)["agreement"].outcome == "flag"
    assert by_rule(judgment)["repeats"].score < -2
    assert not judgment.conduct_flagged
    assert not judgment.flagged  # consistent repeats outweigh disagreeing


def test_a_dissenter_without_repeats_is_flagged_for_dissent_alone(
    crowd: list[SessionEvidence],
) -> None:
    judgment = of(crowd, person("dissenter", dissenting, repeats=0))

    assert judgment.flagged
    assert judgment.dissent_alone


@given(
    st.fixed_dictionaries(
        {rule.name: st.floats(-8, 10, allow_nan=False) for rule in RULES}
    ),
    st.floats(-100, 100),
    st.floats(-100, 100),
)
def test_dissent_moves_no_conduct_score(
    scores: dict[str, float], agreement: float, fading: float
) -> None:
    other = scores | {"agreement": agreement, "fading": fading}

    def conduct(of: dict[str, float]) -> float:
        return combined({name: score for name, score in of.items() if name in CONDUCT})

    assert conduct(scores) == conduct(other)
    assert "agreement" not in CONDUCT
    assert "fading" not in CONDUCT


def test_a_conduct_verdict_does_not_change_when_everybody_else_thinks_otherwise(
    crowd: list[SessionEvidence],
) -> None:
    one = person("one of them")
    turned = [
        replace(
            other,
            answers=tuple(
                replace(a, rating=100 - a.rating, place=100 - a.rating)
                if a.rating is not None
                else a
                for a in other.answers
            ),
        )
        for other in crowd
    ]

    among_their_own = of(crowd, one)
    among_strangers = of(turned, one)

    assert among_strangers.score > among_their_own.score
    assert among_strangers.conduct_score == pytest.approx(among_their_own.conduct_score)


# ------------------------------------------------------------------ when it cannot tell


def test_without_repeats_times_or_company_the_rules_cannot_tell() -> None:
    quiet = person("alone", repeats=0)
    quiet = replace(quiet, answers=tuple(replace(a, rt_ms=None) for a in quiet.answers))

    verdicts = by_rule(judge([quiet], RuleSet()).judgments[0])

    assert {name: v.outcome for name, v in verdicts.items()} == {
        "failed-checks": "cannot tell",
        "repeats": "cannot tell",
        "too-fast": "cannot tell",
        "straight-lining": "no flag",
        "traces": "cannot tell",
        "agreement": "cannot tell",
        "fading": "cannot tell",
    }
    assert all(v.score == 0 for v in verdicts.values() if v.outcome == "cannot tell")
    assert verdicts["repeats"].reason == "0 repeated ratings, 4 needed"
    assert "40 answers" not in verdicts["too-fast"].reason
    assert verdicts["agreement"].reason == (
        "fewer than 15 answers to questions that 3 others answered"
    )


def test_a_session_without_any_answer_is_judged_without_a_fault(
    reference: Reference,
) -> None:
    empty = SessionEvidence("empty", ())

    verdicts = [rule(empty, reference, RuleSet()) for rule in RULES]

    assert {verdict.outcome for verdict in verdicts} == {"cannot tell"}


def test_who_rates_everything_alike_is_not_called_consistent() -> None:
    flat = person("flat", lambda rng, pair, at: (50.0, 8000))

    assert repeats_of(flat) == []


# ------------------------------------------------------------------ single rules


@pytest.mark.parametrize(
    ("passed", "outcome"), [(2, "no flag"), (1, "flag"), (0, "flag")]
)
def test_instructed_checks_that_failed_are_named(
    reference: Reference, passed: int, outcome: str
) -> None:
    checks = {f"check-{i}": i < passed for i in range(2)}
    rules = RuleSet.model_validate({"failed_checks": {"flag_at": 1.5}})

    verdict = RULES[0](SessionEvidence("x", (), checks), reference, rules)

    assert verdict.outcome == outcome
    assert verdict.reason.startswith(f"{2 - passed} of 2 instructed checks failed")
    assert ("check-1" in verdict.reason) == (passed < 2)


def traced(
    name: str, timing: Callable[[int], dict[str, object] | None]
) -> SessionEvidence:
    one = person(name)
    return replace(
        one,
        answers=tuple(replace(a, timing=timing(i)) for i, a in enumerate(one.answers)),
    )


def hand(i: int) -> dict[str, object]:
    return {"first_input_ms": 900 + 7 * i, "commit_ms": 2000 + 13 * i}


def test_answers_that_no_hand_gave_are_flagged(reference: Reference) -> None:
    rule = next(rule for rule in RULES if rule.name == "traces")
    rules = RuleSet()

    by_hand = rule(traced("p", hand), reference, rules)
    untouched = rule(
        traced("p", lambda i: {"first_input_ms": None, "commit_ms": 2000 + i}),
        reference,
        rules,
    )
    replayed = traced("p", lambda _: {"first_input_ms": 5, "commit_ms": 900})
    replayed = replace(
        replayed, answers=tuple(replace(a, rt_ms=900) for a in replayed.answers)
    )
    no_script = rule(traced("p", lambda _: None), reference, rules)
    reloaded = rule(traced("p", lambda _: {"not_measured": "reload"}), reference, rules)

    assert by_hand.outcome == "no flag"
    assert untouched.outcome == "flag"
    assert rule(replayed, reference, rules).outcome == "flag"
    assert no_script.outcome == reloaded.outcome == "cannot tell"


def test_a_rule_that_is_not_in_use_says_nothing(crowd: list[SessionEvidence]) -> None:
    rules = RuleSet(too_fast=TooFast(use=False))

    judgment = judge([*crowd, person("fast", hurried)], rules).judgments[-1]

    assert "too-fast" not in by_rule(judgment)


def test_no_rule_scores_outside_its_bounds(crowd: list[SessionEvidence]) -> None:
    rules = RuleSet(
        repeats=Repeats(most=1, least=-1), agreement=Agreement(most=1, least=-1),
        fading=Fading(most=1, least=-1),
    )  # fmt: skip

    judged = judge([*crowd, person("random", anywhere)], rules)

    for one in judged.judgments:
        found = by_rule(one)
        for rule in ("repeats", "agreement", "fading"):
            assert -1 <= found[rule].score <= 1


# ------------------------------------------------------------------ what must not matter


def test_the_order_of_sessions_does_not_matter(crowd: list[SessionEvidence]) -> None:
    people = [*crowd[:12], person("random", anywhere), person("fast", hurried)]

    one_way = {j.session: j for j in judge(people, RuleSet()).judgments}
    other_way = {j.session: j for j in judge(people[::-1], RuleSet()).judgments}

    for session, judgment in one_way.items():
        assert other_way[session].score == pytest.approx(judgment.score)
        assert other_way[session].flagged == judgment.flagged


def test_how_widely_a_person_uses_the_scale_does_not_matter_to_agreement(
    crowd: list[SessionEvidence],
) -> None:
    one = person("one")
    narrow = replace(
        one,
        answers=tuple(
            replace(a, rating=40 + a.rating / 10) if a.rating is not None else a
            for a in one.answers
        ),
    )

    wide_score = by_rule(of(crowd, one))
    narrow_score = by_rule(of(crowd, narrow))

    for rule in ("agreement", "repeats", "fading"):
        assert narrow_score[rule].score == pytest.approx(wide_score[rule].score)


def test_nobody_is_compared_with_themselves(crowd: list[SessionEvidence]) -> None:
    """Alone with two others on every question, three others are never found."""
    three = [person("same", honest)] * 3
    three = [replace(one, session=str(i)) for i, one in enumerate(three)]

    verdicts = by_rule(judge(three, RuleSet()).judgments[0])

    assert verdicts["agreement"].outcome == "cannot tell"


def test_the_second_pass_keeps_dissenters_in_the_reference(
    crowd: list[SessionEvidence],
) -> None:
    people = [
        *crowd,
        person("dissenter", dissenting, repeats=0),
        person("fast", hurried),
    ]

    judged = judge(people, RuleSet())

    assert "dissenter" in judged.reference.members
    assert "fast" not in judged.reference.members


def test_triplets_are_held_against_what_the_others_keep_together() -> None:
    places = {action: i for i, action in enumerate(ACTIONS)}

    def choose(name: str, careless: bool) -> SessionEvidence:
        rng = Random(name)
        answers = []
        for _ in range(60):
            shown = tuple(rng.sample(ACTIONS, 3))
            low, middle, high = sorted(shown, key=places.__getitem__)
            near_low = places[middle] - places[low] <= places[high] - places[middle]
            odd = rng.choice(shown) if careless else (high if near_low else low)
            answers.append(
                Judged("triplet", "triplets", shown, place=shown.index(odd), odd=odd)
            )
        return SessionEvidence(name, tuple(answers))

    people = [choose(f"honest {i}", careless=False) for i in range(20)]

    judged = judge([*people, choose("random", careless=True)], RuleSet())

    flagged = [one.session for one in judged.judgments if one.flagged]
    assert flagged == ["random"]
    assert "odd ones out as the others would choose" in judged.judgments[-1].reasons[0]
