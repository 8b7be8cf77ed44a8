"""The ``[recruitment]`` section of a study's definition.

    [recruitment]                     # left out: a plain link, as ever
    platform = "prolific"
    study_id = "66a1..."              # Prolific's id of the study, 24 hex digits
    verification = "token-or-api"     # [token-or-api] | token | api | none
    plain_link = false                # [true] whether others may come without Prolific
    currency = "GBP"                  # [GBP] | USD
    reward_cents = 180                # in hundredths of the currency
    places = 120
    maximum_minutes = 40
    content_warnings = ["sensitive"]  # [none] sensitive, explicit
    features = []                     # [none] fixed-screen-out, dynamic-payment: what
                                      # this workspace may use
    fee_percent = 33.3                # [33.3] the platform's fee on rewards
    vat_percent = 20                  # [0] tax on that fee

    [recruitment.completion.finished]
    code = "C1ABC"
    action = "review"                 # [review] | approve | request-return |
                                      # fixed-screen-out | dynamic-payment
    [recruitment.completion.screened_out]
    code = "C2DEF"
    action = "fixed-screen-out"
    pay_cents = 25
    [recruitment.completion.full]     # who comes once a quota is full; left out: they
    code = "C7XYZ"                    # are told in words how to return their place
    action = "request-return"         # [request-return]

    [recruitment.policies]            # what becomes of answers: keep | drop
    returned = "drop"

Secrets (API token, webhook secret) never stand in a document: they come from the
environment (``settings.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from collection.definition_parts import MaybeText, Section


class Outcome(StrEnum):
    """How a session can end; each has its own completion path."""

    FINISHED = "finished"
    FAILED_COMPREHENSION = "failed_comprehension"
    DECLINED = "declined"
    SCREENED_OUT = "screened_out"
    WITHDRAWN = "withdrawn"
    TECHNICAL = "technical"
    FULL = "full"


class Action(StrEnum):
    """What the platform does when someone brings a code."""

    APPROVE = "approve"
    REVIEW = "review"
    REQUEST_RETURN = "request-return"
    FIXED_SCREEN_OUT = "fixed-screen-out"
    DYNAMIC_PAYMENT = "dynamic-payment"


Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=100)]
Policy = Literal["keep", "drop"]

DEFAULT_ACTIONS: Mapping[Outcome, Action] = {
    Outcome.FINISHED: Action.REVIEW,
    Outcome.FAILED_COMPREHENSION: Action.REQUEST_RETURN,
    Outcome.DECLINED: Action.REQUEST_RETURN,
    Outcome.SCREENED_OUT: Action.FIXED_SCREEN_OUT,
    Outcome.WITHDRAWN: Action.REVIEW,
    Outcome.TECHNICAL: Action.REVIEW,
    Outcome.FULL: Action.REQUEST_RETURN,
}
"""Withdrawing and our own failures never cost anybody their pay."""


class CompletionRule(Section):
    """The code of one outcome, and what the platform does with it."""

    code: Code = Field(description="Completion code, as entered on the platform.")
    action: Action | None = Field(
        default=None,
        description="What the code triggers; the outcome's usual if empty.",
    )
    pay_cents: int | None = Field(
        default=None,
        ge=0,
        description="Part payment for the time given, in hundredths of the currency.",
    )


class Policies(Section):
    """What becomes of answers already given, by what became of the submission.

    Places that are held but not answered are always given to others. Rejecting is a
    decision about pay and excluding one about data: a rejection keeps the answers,
    which the exclusion rules of the definition then judge.
    """

    returned: Policy = Field(default="drop", description="RETURNED: the person left.")
    timed_out: Policy = Field(default="keep", description="TIMED-OUT.")
    rejected: Policy = Field(default="keep", description="REJECTED.")
    screened_out: Policy = Field(default="drop", description="SCREENED OUT.")


class Recruitment(Section):
    """Where people come from, how that is checked, and how they are paid."""

    platform: Literal["link", "prolific"] = Field(
        default="link", description="Where people come from."
    )
    study_id: Annotated[
        str, StringConstraints(pattern=r"^([0-9A-Fa-f]{24})?$", strip_whitespace=True)
    ] = Field(default="", description="The platform's id of the study: 24 hex digits.")
    verification: Literal["token-or-api", "token", "api", "none"] = Field(
        default="token-or-api",
        description="token: the signed prolific_token of a secured link. api: the "
        "submissions API says whose a session is. token-or-api: the token where the "
        "link has one. none: believe the address.",
    )
    audience: MaybeText = Field(
        default="",
        description="The address for which tokens are made; this site's own if empty.",
    )
    plain_link: bool = Field(
        default=True, description="Whether people may also come without the platform."
    )
    currency: Literal["GBP", "USD"] = Field(
        default="GBP", description="The currency of the platform's study."
    )
    reward_cents: int = Field(
        default=0, ge=0, description="Pay per person, in hundredths of the currency."
    )
    places: int = Field(default=0, ge=0, description="How many people are wanted.")
    maximum_minutes: float | None = Field(
        default=None, gt=0, description="Time after which the platform closes a place."
    )
    content_warnings: tuple[Literal["sensitive", "explicit"], ...] = Field(
        default=(), description="Content warnings set on the platform."
    )
    features: tuple[Literal["fixed-screen-out", "dynamic-payment"], ...] = Field(
        default=(), description="Actions that only some workspaces may use."
    )
    fee_percent: float = Field(
        default=33.3, ge=0, le=100, description="The platform's fee on what is paid."
    )
    vat_percent: float = Field(
        default=0, ge=0, le=100, description="Tax on the platform's fee."
    )
    bonus_days: int = Field(
        default=7, ge=1, description="Days within which a promised bonus is paid."
    )
    completion: Mapping[Outcome, CompletionRule] = Field(
        default_factory=dict, description="Outcome -> code and action."
    )
    policies: Policies = Field(
        default=Policies(), description="What becomes of answers."
    )

    @model_validator(mode="after")
    def _pays_people(self) -> Recruitment:
        if self.platform == "link":
            return self
        if Outcome.FINISHED not in self.completion:
            raise ValueError("needs [recruitment.completion.finished] with its code")
        codes = [rule.code for rule in self.completion.values()]
        if len(set(codes)) < len(codes):
            raise ValueError(
                "each outcome needs a code of its own, or nobody can tell them apart; "
                f"got {', '.join(sorted(codes))}"
            )
        if not self.study_id and self.verification != "none":
            raise ValueError(
                "study_id is missing: without it a link of any study would be let in"
            )
        full = self.rule(Outcome.FULL)
        if (
            full
            and full.pay_cents
            and self.action(Outcome.FULL) == (Action.REQUEST_RETURN)
        ):
            raise ValueError(
                "completion.full promises pay_cents that nobody can be owed: of who "
                "finds the study full nothing is kept. Leave pay_cents out, or use the "
                "action fixed-screen-out and name it in features"
            )
        return self

    @property
    def prolific(self) -> bool:
        return self.platform == "prolific"

    def rule(self, outcome: Outcome) -> CompletionRule | None:
        """The outcome's own code, or None where the document gives it none."""
        return self.completion.get(outcome)

    def action(self, outcome: Outcome) -> Action:
        """What the outcome's code does here, where this workspace may not do all.

        The chain: a fixed screen-out payment, else a dynamic payment, else a request
        to return the submission, with a bonus for the time given.
        """
        rule = self.rule(outcome)
        wanted = (rule and rule.action) or DEFAULT_ACTIONS[outcome]
        chain = {
            Action.FIXED_SCREEN_OUT: (Action.FIXED_SCREEN_OUT, Action.DYNAMIC_PAYMENT),
            Action.DYNAMIC_PAYMENT: (Action.DYNAMIC_PAYMENT, Action.FIXED_SCREEN_OUT),
        }.get(wanted)
        if chain is None:
            return wanted
        return next(
            (action for action in chain if action.value in self.features),
            Action.REQUEST_RETURN,
        )
