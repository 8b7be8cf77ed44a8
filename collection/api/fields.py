"""What a resource looks like: a row of a model as JSON values, each field described.

The classes here describe the OpenAPI document's components, and make rows of models.
The words are those of the site's tables and files.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from rest_framework import serializers

from collection.access import Role
from collection.models import (
    JobRecord,
    Participant,
    QualityRun,
    Scope,
    SnapshotRecord,
    Study,
    StudySession,
    Trial,
)
from collection.models.trials import Kind

JUDGMENT_KINDS = [(kind.value, kind.label) for kind in Kind if kind != Kind.QUESTION]
"""Answers to a study's questions are no judgments."""


class Finite(serializers.FloatField):
    """A number, or null where there is none to give: JSON has no infinity."""

    def to_representation(self, value: Any) -> float | None:
        return float(value) if math.isfinite(value) else None


class StudyRow(serializers.ModelSerializer):
    """A study, as far as its list tells."""

    role = serializers.ChoiceField(
        Role.choices, read_only=True, help_text="Yours in this study."
    )
    n_actions = serializers.IntegerField(
        read_only=True, help_text="How many it asks about."
    )
    simulated = serializers.BooleanField(
        read_only=True, help_text="Whether simulated participants answered in it."
    )
    definition_sha256 = serializers.CharField(
        read_only=True, help_text="The hash of its definition."
    )

    class Meta:
        model = Study
        fields = (
            "slug",
            "title",
            "status",
            "role",
            "n_actions",
            "simulated",
            "definition_sha256",
            "created_at",
            "opened_at",
        )
        read_only_fields = fields


class ActionRow(serializers.Serializer):
    """A short text about something someone does."""

    action_id = serializers.SlugField(help_text="Its name in every file.")
    position = serializers.IntegerField(
        help_text="Its row in every matrix, from 0.", min_value=0
    )
    text = serializers.CharField(help_text="As participants read it.")
    attributes = serializers.DictField(help_text="What its file says of it besides.")


class SittingRow(serializers.Serializer):
    """One sitting of a participant. Its code is the person's own key, and not told."""

    group = serializers.SlugField()
    status = serializers.ChoiceField(StudySession.Status.choices)
    language = serializers.CharField(
        help_text="Of those the study offers; empty where it offers one only."
    )
    created_at = serializers.DateTimeField()
    consented_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    uses = serializers.SerializerMethodField(
        help_text="The uses of the data that the person agreed to."
    )

    def get_uses(self, session: StudySession) -> list[str]:
        try:
            given = session.consent.uses
        except ObjectDoesNotExist:
            return []
        return sorted(use for use, ticked in given.items() if ticked is True)


class ParticipantRow(serializers.ModelSerializer):
    """A person who took part, by a random name."""

    sessions = SittingRow(many=True, read_only=True)

    class Meta:
        model = Participant
        fields = ("rater_id", "group", "simulated", "created_at", "sessions")
        read_only_fields = fields
        extra_kwargs = {
            "rater_id": {"help_text": "A random name, the same in every table."},
            "simulated": {"help_text": "Whether this is no person but a simulation."},
        }


class JudgmentRow(serializers.Serializer):
    """What somebody answered to one trial, as it was shown to them."""

    trial_id = serializers.UUIDField(help_text="The same as in a snapshot.")
    rater_id = serializers.CharField(help_text="The participant's random name.")
    group = serializers.SlugField()
    simulated = serializers.BooleanField()
    kind = serializers.ChoiceField(JUDGMENT_KINDS)
    block = serializers.SlugField()
    position = serializers.IntegerField(
        min_value=0, help_text="Which trial of the session, from 0."
    )
    dimension = serializers.CharField(help_text="Of a value; empty otherwise.")
    actions = serializers.ListField(
        child=serializers.SlugField(),
        help_text="In the order shown: a pair left, right.",
    )
    polarity = serializers.ChoiceField(
        Trial.Polarity.choices,
        help_text="`reversed`: the high end stood left. A rating counts from the left.",
    )
    repeat = serializers.BooleanField(
        help_text="Asked a second time, to measure consistency."
    )
    sampler = serializers.CharField(help_text="What chose a triplet; empty otherwise.")
    propensity = Finite(
        allow_null=True, help_text="With what probability it was chosen, where known."
    )
    rating = serializers.IntegerField(
        allow_null=True,
        min_value=0,
        max_value=100,
        help_text="Of a value or pair: 0 at the left end as shown, 100 at the right.",
    )
    choice = serializers.CharField(help_text="Of a triplet: the odd action; or empty.")
    positions = serializers.DictField(
        child=serializers.ListField(
            child=serializers.FloatField(), min_length=2, max_length=2
        ),
        allow_null=True,
        help_text="Of an arrangement: action -> [x, y] from the arena's upper left.",
    )
    not_understood = serializers.BooleanField(
        help_text="The person said that they did not understand the question."
    )
    rt_ms = serializers.IntegerField(
        allow_null=True, min_value=0, help_text="From paint to answer, where measured."
    )
    issued_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()


class CellRow(serializers.Serializer):
    """Something that is to be judged so many times."""

    kind = serializers.ChoiceField(JUDGMENT_KINDS)
    key = serializers.CharField(help_text="Its name within its kind.")
    dimension = serializers.CharField(help_text="Of a value; empty otherwise.")
    action_a = serializers.CharField(allow_null=True)
    action_b = serializers.CharField(allow_null=True)
    wanted = serializers.IntegerField(min_value=0)
    completed = serializers.IntegerField(min_value=0)
    in_flight = serializers.IntegerField(
        min_value=0, help_text="Places that somebody holds now."
    )


class BlockCoverage(serializers.Serializer):
    """Completed against wanted, of one block or dimension."""

    label = serializers.CharField()
    n_cells = serializers.IntegerField(help_text="Pairs or dimensions; 1 for triplets.")
    least = serializers.IntegerField(help_text="Judgments of the cell with fewest.")
    median = serializers.FloatField()
    most = serializers.IntegerField()
    done = serializers.IntegerField(help_text="Over all cells; none counts twice over.")
    wanted = serializers.IntegerField()
    percent = serializers.IntegerField(min_value=0, max_value=100)


class GroupRow(serializers.Serializer):
    """How far the sessions of a group came."""

    group = serializers.CharField()
    total = serializers.IntegerField()
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text="Status -> sessions."
    )


class CoverageDocument(serializers.Serializer):
    """How far a study is."""

    simulated = serializers.BooleanField(
        help_text="Whether simulated participants are counted in it."
    )
    blocks = BlockCoverage(many=True)
    groups = GroupRow(many=True)


class QualityRunRow(serializers.ModelSerializer):
    """One judgment of a study's sessions by one rule set."""

    rules = serializers.DictField(help_text="The rule set, versions included.")

    class Meta:
        model = QualityRun
        fields = (
            "number",
            "simulated",
            "n_sessions",
            "n_flagged",
            "rules_sha256",
            "rules",
            "created_at",
        )
        read_only_fields = fields


class RuleVerdict(serializers.Serializer):
    """What one rule says."""

    rule = serializers.CharField()
    version = serializers.CharField()
    outcome = serializers.CharField(help_text="`flag`, `no flag` or `cannot tell`.")
    score = Finite(allow_null=True)
    reason = serializers.CharField()


class VerdictRow(serializers.Serializer):
    """What a run says of one session. A flag: nothing follows from it by itself."""

    rater_id = serializers.CharField(source="session.participant.rater_id")
    flagged = serializers.BooleanField()
    conduct_flagged = serializers.BooleanField(
        help_text="Flagged without any rule that compares with other people."
    )
    score = Finite(allow_null=True)
    conduct_score = Finite(allow_null=True)
    rules = RuleVerdict(many=True)


class SnapshotRow(serializers.ModelSerializer):
    """A frozen, hashed folder of judgments."""

    class Meta:
        model = SnapshotRecord
        fields = (
            "number",
            "sha256",
            "simulated",
            "use",
            "n_judgments",
            "created_at",
            "superseded_at",
            "superseded_reason",
        )
        read_only_fields = fields


class JobRow(serializers.ModelSerializer):
    """Work that outlasts a request."""

    id = serializers.IntegerField(read_only=True)
    parameters = serializers.DictField(read_only=True, help_text="As it was started.")
    total = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Null where not known yet."
    )
    reason = serializers.SerializerMethodField(
        help_text="Why it failed, in a line; empty otherwise."
    )
    snapshot = serializers.SerializerMethodField(
        help_text="The number of the snapshot that a finished `freeze` made."
    )

    class Meta:
        model = JobRecord
        fields = (
            "id",
            "kind",
            "parameters",
            "status",
            "stage",
            "done",
            "total",
            "reason",
            "snapshot",
            "created_at",
            "finished_at",
            "superseded_at",
            "superseded_reason",
        )
        read_only_fields = fields

    def get_reason(self, job: JobRecord) -> str:
        return job.error.partition("\n")[0]

    def get_snapshot(self, job: JobRecord) -> int | None:
        if job.kind != "freeze" or not job.result_folder:
            return None
        made = SnapshotRecord.objects.filter(
            study=job.study_id, folder=job.result_folder
        )
        return made.values_list("number", flat=True).first()


class ResultRow(serializers.ModelSerializer):
    """A finished report, sweep or dataset."""

    id = serializers.IntegerField(read_only=True, help_text="That of its job.")
    parameters = serializers.DictField(read_only=True, help_text="Of its job.")

    class Meta:
        model = JobRecord
        fields = (
            "id",
            "parameters",
            "created_at",
            "finished_at",
            "superseded_at",
            "superseded_reason",
        )
        read_only_fields = fields


class FileRow(serializers.Serializer):
    """A file of a results folder."""

    name = serializers.CharField(help_text="With its folder, as in `figures/map.svg`.")
    bytes = serializers.IntegerField(min_value=0)
    sha256 = serializers.CharField(help_text="Of its content, as the manifest has it.")


class FolderDocument(serializers.Serializer):
    """A results folder: what it was made from, and its files."""

    manifest_sha256 = serializers.CharField(
        help_text="The name of the whole: the hash that stands on its figures."
    )
    simulated = serializers.BooleanField(
        help_text="Whether any judgment in it came from a simulated participant."
    )
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField()
    inputs = serializers.DictField(
        child=serializers.CharField(),
        help_text="Name -> sha256 of what it was made from.",
    )
    files = FileRow(many=True)


class TokenDocument(serializers.Serializer):
    """The token that this request was sent with."""

    name = serializers.CharField()
    account = serializers.CharField(source="user.username")
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices))
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


def folder_document(
    folder: Path, manifest: dict[str, Any], digest: str
) -> dict[str, Any]:
    """A finished folder, from its manifest and the manifest's own hash."""
    return {
        "manifest_sha256": digest,
        "simulated": manifest["simulated"],
        "started_at": manifest["started_at"],
        "finished_at": manifest["finished_at"],
        "inputs": manifest["inputs"],
        "files": [
            {"name": name, "bytes": (folder / name).stat().st_size, "sha256": digest}
            for name, digest in manifest["files"].items()
            if (folder / name).is_file()
        ],
    }
