"""The preregistration of a study, written from what the study already says.

The definition holds the design, the questions and the exclusion rules; a sweep's spec
holds the analysis and its one primary outcome (`science.md`, 20). What neither can know
(why, and what is expected) is left to be written, and marked so. The text names both
documents by hash, and how many people had taken part when it was made: a
preregistration made after the data says so itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone

from bandits.spec import SweepSpec
from collection.definitions import StudyDefinition
from collection.models import Study

TO_WRITE = "*[to be written]*"


def preregistration(study: Study, spec: SweepSpec | None = None) -> str:
    """The text, as Markdown.

    Args:
        spec: The sweep that will be run; None where no analysis by simulation is planned.
    """
    n_people = study.sessions.filter(
        simulated=False, trials__response__isnull=False
    ).distinct()
    parts = _text(
        study.definition_model(), study, spec, n_people.count(), timezone.now()
    )
    return "\n".join(parts) + "\n"


def _text(
    definition: StudyDefinition,
    study: Study,
    spec: SweepSpec | None,
    n_people: int,
    at: datetime,
) -> Iterator[str]:
    yield f"# Preregistration: {definition.title}"
    yield ""
    yield f"Made on {at:%Y-%m-%d %H:%M} UTC from the study's definition (version "
    yield f"{definition.version}, sha256 `{study.definition_sha256}`)"
    yield f"and {_spec_named(spec)}."
    yield ""
    yield "## Data collected so far"
    yield ""
    if n_people:
        yield f"**{n_people} people had already answered when this text was made.**"
    else:
        yield "Nobody had answered when this text was made."
    yield ""
    yield "## Questions and hypotheses"
    yield ""
    yield TO_WRITE
    yield ""
    yield "## Design"
    yield ""
    yield from _design(definition)
    yield ""
    yield "## Sample"
    yield ""
    yield from _sample(definition)
    yield ""
    yield "## Measures"
    yield ""
    yield from _measures(definition)
    yield ""
    yield "## Exclusion"
    yield ""
    yield from _exclusion(definition)
    yield ""
    yield "## Analysis"
    yield ""
    yield from _analysis(spec)
    yield ""
    yield "## Anything else"
    yield ""
    yield TO_WRITE


def _spec_named(spec: SweepSpec | None) -> str:
    if spec is None:
        return "no sweep's spec"
    return f"the sweep's spec “{spec.title or 'untitled'}” (sha256 `{spec.sha256}`)"


def _design(definition: StudyDefinition) -> Iterator[str]:
    modes = {
        "disjoint": "Whoever judges similarity never sees value questions.",
        "same": "Everybody judges similarity first, then values.",
        "counterbalanced": "Half of each group does its judgment blocks in the opposite "
        "order.",
    }
    yield f"{len(definition.actions)} actions. {modes[definition.group_mode]}"
    yield ""
    for group in definition.groups:
        yield f"- Group {group.name} (share {group.share:g}): {', '.join(group.blocks)}"
    yield ""
    for key, n in definition.plan().judgments.items():
        kind = definition.block(key).kind
        yield f"- Block {key} ({kind}): {n:,} judgments wanted over all people"


def _sample(definition: StudyDefinition) -> Iterator[str]:
    plan = definition.plan()
    yield f"{plan.sessions_needed:,} people are needed if nobody drops out."
    most = plan.most_people
    yield (
        f"At most {most:,} may take part." if most else "No number of people is fixed."
    )
    yield (
        "Collection stops for newcomers once every judgment wanted is there."
        if definition.stop_when_covered
        else f"When collection stops otherwise: {TO_WRITE}"
    )
    age = definition.consent.minimum_age
    if age:
        yield f"Nobody under {age} may take part."


def _measures(definition: StudyDefinition) -> Iterator[str]:
    kinds = {block.kind for block in definition.blocks}
    if "pair" in kinds:
        yield f"- Pairs: “{definition.wording.pair}”, 0 to 100 on a line."
    if "triplet" in kinds:
        yield f"- Triplets: “{definition.wording.triplet}”"
    if "arrangement" in kinds:
        yield "- Arrangements: several actions on one arena, near each other if alike."
    for one in definition.dimensions:
        yield (
            f"- {one.label}: “{one.question}” from “{one.low}” (0) to “{one.high}” "
            f"(100); below {one.low_threshold:g} an action counts as "
            f"{'unsafe' if one.harm else 'low'}."
        )
    for question in definition.questions:
        if question.purpose == "about":
            yield f"- About the person: “{question.text}”"


def _exclusion(definition: StudyDefinition) -> Iterator[str]:
    rules = definition.exclusion
    yield "These rules hold, and no other; each is applied by the program, and every row "
    yield "that is left out is listed with its reason."
    yield ""
    yield "- Whoever withdraws, or does not agree to the use."
    if rules.require_finished:
        yield "- Sessions that were not finished."
    yield f"- More than {rules.max_failed_checks} attention checks answered wrong."
    if rules.max_repeat_difference is not None:
        yield (
            f"- Repeated ratings (at least 5) that differ by more than "
            f"{rules.max_repeat_difference:g} of 100 on average."
        )
    yield "- Answers “I do not understand this action”, and second ratings of a repeat."
    yield ""
    yield "Agreement with other people, or with a language model, excludes nobody. "
    yield "Results are shown under no, this, and a stricter exclusion."


def _analysis(spec: SweepSpec | None) -> Iterator[str]:
    if spec is None:
        yield f"Alignment of each rater with people's similarity judgments. {TO_WRITE}"
        return
    primary = spec.confirmatory
    if primary is None:
        yield "No outcome is declared as primary: the whole sweep is exploratory."
    else:
        yield (
            f"**The one primary outcome:** {primary.metric} of {primary.agent} in the "
            f"{primary.phase} phase on {primary.dimension}, and its relation over models "
            f"with alignment ({primary.measure}), kernels {primary.form}, values of "
            f"{primary.values_from}, threshold {primary.threshold}."
        )
        yield ""
        if primary.shuffles:
            yield (
                f"It is tested by dealing the values out to the actions anew "
                f"{primary.shuffles:,} times, two-sided at 5 %; the p that permutes "
                "models stands beside it."
            )
            yield ""
        yield "Everything else is exploratory, however small its p."
    yield ""
    yield "P-values of the other outcomes are corrected together by max-T permutation "
    yield "over kernels; Holm's stand beside them. With fewer than 8 models no test is "
    yield "made: points and intervals only."
    yield ""
    yield (
        f"- {spec.n_runs:,} runs of every cell, seed {spec.seed}; agents "
        f"{', '.join(spec.agents)}; kernels {', '.join(spec.kernels)}."
    )
    phases = spec.phases
    yield (
        f"- {phases.personalization_steps} steps of personalization, then "
        f"{phases.generalization_steps} choices among unseen actions, dealt "
        f"{phases.split}; the agent {'learns' if phases.learn else 'does not learn'} "
        "in the second phase."
    )
    yield ""
    yield "The whole spec:"
    yield ""
    yield "```json"
    yield json.dumps(spec.model_dump(mode="json"), indent=2, ensure_ascii=False)
    yield "```"
