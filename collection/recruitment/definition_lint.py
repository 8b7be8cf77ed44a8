"""What Prolific would object to in a definition, before a study is paid for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Final, Literal

from collection.definitions import StudyDefinition
from collection.quotas import limited
from collection.recruitment.checks import checks_needed, why_invalid
from collection.recruitment.completion import money
from collection.recruitment.costs import fair_pay
from collection.recruitment.sections import Action, Outcome, Recruitment

Level = Literal["refuse", "warn", "note"]


@dataclass(frozen=True)
class Finding:
    """Something about a definition. refuse: the platform, or a person, would be wronged."""

    level: Level
    rule: str
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.level}: {self.place}: {self.message} ({self.rule})"


DefinitionRule = Callable[[StudyDefinition, Recruitment], Iterator[Finding]]


def least_maximum_minutes(minutes: float) -> float:
    """The shortest maximum time that Prolific takes: 2 + 2t + 2 sqrt(t) minutes."""
    return 2 + 2 * minutes + 2 * sqrt(minutes)


def pay(definition: StudyDefinition, section: Recruitment) -> Iterator[Finding]:
    minutes = definition.consent.duration_minutes
    place = "recruitment.reward_cents"
    if not minutes:
        yield Finding(
            "refuse",
            "pay",
            "consent.duration_minutes",
            "is empty: pay cannot be judged",
        )
        return
    meter = fair_pay(section, minutes)
    hourly = money(meter.hourly_cents, section.currency)
    if meter.verdict == "unlawful":
        yield Finding(
            "refuse",
            "pay",
            place,
            f"pays {hourly} an hour; Prolific's floor is "
            f"{money(meter.floor_cents, section.currency)}",
        )
    elif meter.verdict == "low":
        yield Finding(
            "warn",
            "pay",
            place,
            f"pays {hourly} an hour; recommended is "
            f"{money(meter.recommended_cents, section.currency)}, a reward of "
            f"{money(meter.fair_reward_cents, section.currency)}",
        )
    if definition.consent.pay.strip().lower().rstrip(".") in ("", "none"):
        yield Finding(
            "refuse", "pay-told", "consent.pay", "does not tell people what they get"
        )
    planned = max(group.minutes for group in definition.plan().groups)
    if planned > minutes * 1.25:
        yield Finding(
            "warn",
            "duration",
            "consent.duration_minutes",
            f"announces {minutes:g} minutes, and the blocks' own pace makes "
            f"{planned:.0f}: the real hour would be paid less",
        )


def maximum_time(
    definition: StudyDefinition, section: Recruitment
) -> Iterator[Finding]:
    minutes = definition.consent.duration_minutes
    if not minutes:
        return
    least = least_maximum_minutes(minutes)
    if section.maximum_minutes is None:
        yield Finding(
            "note",
            "maximum-time",
            "recruitment.maximum_minutes",
            f"is not said; Prolific's own is at least {least:.0f} minutes",
        )
    elif section.maximum_minutes < least:
        yield Finding(
            "refuse",
            "maximum-time",
            "recruitment.maximum_minutes",
            f"is {section.maximum_minutes:g}; for {minutes:g} minutes it must be at "
            f"least 2 + 2t + 2√t = {least:.1f}",
        )


def content_warning(
    definition: StudyDefinition, section: Recruitment
) -> Iterator[Finding]:
    harmful = [
        action.action_id
        for action in definition.actions
        if action.attributes.get("valence") == "harmful"
    ]
    shows = bool(harmful) or any(d.harm for d in definition.dimensions)
    if not shows:
        return
    why = f"e.g. {harmful[0]}" if harmful else "its dimensions ask about harm"
    told = definition.consent.content_warning.strip().lower().rstrip(".")
    if told in ("", "none"):
        yield Finding(
            "refuse",
            "content-warning",
            "consent.content_warning",
            f"the study shows immoral acts ({why}); tell people before they agree",
        )
    if not section.content_warnings:
        yield Finding(
            "refuse",
            "content-warning",
            "recruitment.content_warnings",
            f"the study shows immoral acts ({why}); set sensitive, or explicit",
        )


def valid_checks(
    definition: StudyDefinition, section: Recruitment
) -> Iterator[Finding]:
    checks = [
        (index, question)
        for index, question in enumerate(definition.questions)
        if question.purpose == "attention"
    ]
    n_valid = 0
    for index, question in checks:
        reason = why_invalid(question)
        n_valid += reason is None
        if reason is not None:
            yield Finding(
                "warn",
                "valid-checks",
                f"questions[{index}]",
                f"“{question.key}” {reason}: it can exclude answers, not refuse pay",
            )
    needed = checks_needed(definition.consent.duration_minutes or 0)
    if n_valid < needed:
        yield Finding(
            "warn",
            "valid-checks",
            "questions",
            f"{n_valid} valid attention checks; a rejection for failed checks would "
            f"need {needed}",
        )
    if definition.exclusion.max_repeat_difference is not None:
        yield Finding(
            "note",
            "valid-checks",
            "exclusion.max_repeat_difference",
            "repeated sliders exclude answers; they never justify a rejection",
        )


def completion(definition: StudyDefinition, section: Recruitment) -> Iterator[Finding]:
    for outcome in Outcome:
        rule = section.rule(outcome)
        place = f"recruitment.completion.{outcome.value}"
        if rule is None and outcome == Outcome.FULL and not limited(definition):
            continue  # nobody ever finds the study full
        if rule is None:
            yield Finding(
                "warn",
                "completion",
                place,
                "has no code: people who end so are told in words what to do",
            )
            continue
        wanted, real = rule.action, section.action(outcome)
        if wanted is not None and wanted != real:
            yield Finding(
                "warn",
                "fallback",
                place,
                f"{wanted} is not among this workspace's features; {real} is used",
            )
        unpaid = real in (
            Action.REQUEST_RETURN,
            Action.FIXED_SCREEN_OUT,
            Action.DYNAMIC_PAYMENT,
        )
        unworked = (Outcome.DECLINED, Outcome.FULL)
        if unpaid and not rule.pay_cents and outcome not in unworked:
            yield Finding(
                "warn",
                "completion",
                place,
                "pays nothing for the time given: pay_cents",
            )
        if (
            real == Action.FIXED_SCREEN_OUT
            and rule.pay_cents
            and rule.pay_cents >= section.reward_cents
        ):
            yield Finding(
                "refuse",
                "completion",
                f"{place}.pay_cents",
                "a fixed screen-out must pay less than the reward",
            )
        if outcome in (Outcome.WITHDRAWN, Outcome.TECHNICAL) and unpaid:
            yield Finding(
                "refuse",
                "completion",
                f"{place}.action",
                "withdrawing, or trouble of ours, must not cost anybody their pay: "
                "approve or review",
            )
    finished = section.rule(Outcome.FINISHED)
    if section.plain_link and finished and finished.code == definition.completion.code:
        yield Finding(
            "refuse",
            "completion",
            "completion.code",
            "is also Prolific's code, which anybody with the plain link would be shown",
        )


def consent(definition: StudyDefinition, section: Recruitment) -> Iterator[Finding]:
    if not definition.consent.contact:
        yield Finding(
            "refuse", "consent", "consent.contact", "says not how to withdraw, or ask"
        )
    if not definition.consent.controller:
        yield Finding(
            "refuse",
            "consent",
            "consent.controller",
            "names nobody: under Prolific's terms the researcher is responsible",
        )


def comprehension(
    definition: StudyDefinition, section: Recruitment
) -> Iterator[Finding]:
    asked = [q.key for q in definition.questions if q.purpose == "comprehension"]
    if asked and section.rule(Outcome.FAILED_COMPREHENSION) is None:
        yield Finding(
            "warn",
            "comprehension",
            "recruitment.completion.failed_comprehension",
            "comprehension is asked, and nothing says how people who fail twice return",
        )


def places(definition: StudyDefinition, section: Recruitment) -> Iterator[Finding]:
    most = definition.plan().most_people
    if most is not None and section.places > most:
        yield Finding(
            "warn",
            "places",
            "recruitment.places",
            f"brings {section.places} people, and the quotas let {most} in: the others "
            "are asked to return their places",
        )


def screening(definition: StudyDefinition, section: Recruitment) -> Iterator[Finding]:
    asked = [q.key for q in definition.questions if q.screens]
    if asked and section.rule(Outcome.SCREENED_OUT) is None:
        yield Finding(
            "refuse",
            "screening",
            "recruitment.completion.screened_out",
            f"is missing, and {', '.join(asked)} can end a session: say what is paid "
            "for the time given",
        )


def verification(
    definition: StudyDefinition, section: Recruitment
) -> Iterator[Finding]:
    if section.verification == "none":
        yield Finding(
            "warn",
            "verification",
            "recruitment.verification",
            "none: whoever types somebody's id into the address is taken for them",
        )


RULES: Final[Mapping[str, DefinitionRule]] = {
    "pay": pay,
    "maximum-time": maximum_time,
    "content-warning": content_warning,
    "valid-checks": valid_checks,
    "completion": completion,
    "consent": consent,
    "comprehension": comprehension,
    "places": places,
    "screening": screening,
    "verification": verification,
}


def findings(definition: StudyDefinition) -> list[Finding]:
    """Everything to say of a definition; empty where nobody comes from Prolific."""
    section = definition.recruitment
    if section is None or not section.prolific:
        return []
    return [found for rule in RULES.values() for found in rule(definition, section)]
