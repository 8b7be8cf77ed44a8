"""The buttons of a study's page: which jobs can be started, and with what."""

from __future__ import annotations

from typing import Any

from django import forms

from collection import raters_files
from collection.datasets.about import DEFAULT_LICENSE, LICENSES
from collection.models import JobRecord, SnapshotRecord, Study
from collection.spec_form import built_in_names

DEFAULT_SPEC = "default"
CHAT_PAIRS = 150


class SnapshotChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Snapshots by number and date."""

    def label_from_instance(self, obj: Any) -> str:
        return f"Snapshot {obj.number}, {obj.n_judgments:,} judgments"


class ReportChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Reports by the job that wrote them and what they are of."""

    def label_from_instance(self, obj: Any) -> str:
        return f"Report {obj.pk}, of snapshot {obj.parameters.get('snapshot', '?')}"


class JobForm(forms.Form):
    """What a kind of job needs to know about a study."""

    button = ""
    explained = ""
    needs = ""

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        # Three forms stand on one page: their fields' ids must differ.
        kwargs["auto_id"] = f"{self.button.split()[0].lower()}-%s"
        super().__init__(*args, **kwargs)
        self.study = study

    @property
    def ready(self) -> bool:
        """Whether there is anything to choose from."""
        return all(
            field.queryset is not None and field.queryset.exists()
            for field in self.fields.values()
            if isinstance(field, forms.ModelChoiceField)
        )

    def parameters(self) -> dict[str, object]:
        """The job's parameters, as JSON values."""
        return {}


class FreezeForm(JobForm):
    button = "Freeze a snapshot"
    explained = (
        "Freezes every judgment so far, of whoever agreed to the use, into a folder that "
        "never changes. An open release has other names for everybody in it."
    )
    use = forms.ChoiceField(label="For the use", required=False)

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, study=study, **kwargs)
        offered = study.definition_model().consent.uses
        self.fields["use"].choices = [  # type: ignore[attr-defined]
            (use.key, use.key.replace("_", " ").capitalize()) for use in offered
        ]

    def parameters(self) -> dict[str, object]:
        use = self.cleaned_data["use"] or "this_study"
        return {} if use == "this_study" else {"use": use}


class QualityForm(JobForm):
    button = "Judge attention"
    explained = (
        "Runs the quality rules over every session. A flag excludes nobody and "
        "withholds no pay."
    )


def _raters(names: list[str], **more: Any) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        choices=[(name, name) for name in names],
        initial=[name for name in names if name in raters_files.BUILT_IN],
        widget=forms.CheckboxSelectMultiple,
        label="Raters",
        **more,
    )


class AskForm(JobForm):
    button = "Ask model raters"
    explained = (
        "Asks models what people were asked, and keeps every answer: a report on the "
        "same snapshot finds them there. What was answered is not asked again."
    )
    needs = "Models are asked what a snapshot’s people were: freeze one first."
    snapshot = SnapshotChoice(
        SnapshotRecord.objects.none(), empty_label=None, label="Snapshot"
    )
    chat_pairs = forms.IntegerField(
        min_value=1,
        max_value=5000,
        initial=CHAT_PAIRS,
        label="Pairs asked of the built-in chat model",
    )

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, study=study, **kwargs)
        current = study.snapshots.filter(superseded_at=None).order_by("-number")
        self.fields["snapshot"].queryset = current  # type: ignore[attr-defined]
        self.fields["raters"] = _raters(list(raters_files.offered()))

    def parameters(self) -> dict[str, object]:
        return {
            "snapshot": self.cleaned_data["snapshot"].number,
            "raters": self.cleaned_data["raters"],
            "chat_pairs": self.cleaned_data["chat_pairs"],
        }


class ReportForm(JobForm):
    button = "Write the alignment report"
    explained = (
        "Compares people's similarity judgments with those of language models and "
        "baselines. A few minutes."
    )
    needs = "A report needs a snapshot: freeze one first."
    snapshot = SnapshotChoice(
        SnapshotRecord.objects.none(), empty_label=None, label="Snapshot"
    )
    chat_pairs = forms.IntegerField(
        min_value=0,
        max_value=5000,
        initial=CHAT_PAIRS,
        label="Pairs asked of the chat model",
        help_text="0 leaves it out.",
    )

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, study=study, **kwargs)
        current = study.snapshots.filter(superseded_at=None).order_by("-number")
        self.fields["snapshot"].queryset = current  # type: ignore[attr-defined]
        self.fields["raters"] = _raters(
            list(raters_files.offered()),
            required=False,
            help_text="None ticked: the built-in ones.",
        )

    def parameters(self) -> dict[str, object]:
        given: dict[str, object] = {
            "snapshot": self.cleaned_data["snapshot"].number,
            "chat_pairs": self.cleaned_data["chat_pairs"],
        }
        raters = self.cleaned_data["raters"]
        if raters and set(raters) != set(raters_files.BUILT_IN):
            given["raters"] = raters
        return given


class SweepForm(JobForm):
    button = "Run the bandit sweep"
    explained = "Simulates agents that learn people's values with each similarity."
    needs = "A sweep needs a report: write one first."
    report = ReportChoice(JobRecord.objects.none(), empty_label=None, label="Report")
    spec = forms.ChoiceField(label="Sweep", initial=DEFAULT_SPEC)

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, study=study, **kwargs)
        done = study.jobs.filter(
            kind="report", status=JobRecord.Status.DONE, superseded_at=None
        )
        self.fields["report"].queryset = done  # type: ignore[attr-defined]
        choices = [(name, name) for name in built_in_names()]
        self.fields["spec"].choices = choices  # type: ignore[attr-defined]

    def parameters(self) -> dict[str, object]:
        return {
            "report": self.cleaned_data["report"].pk,
            "spec": self.cleaned_data["spec"],
        }


class SweepChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Sweeps by the job that made them and what they are of."""

    def label_from_instance(self, obj: Any) -> str:
        spec, report = (
            obj.parameters.get("spec", "?"),
            obj.parameters.get("report", "?"),
        )
        return f"Sweep {obj.pk}, “{spec}” on report {report}"


class ComparisonForm(JobForm):
    button = "Compare two sweeps"
    explained = (
        "Says what differs between two sweeps, and by how much agents do, run by run "
        "where their seeds agree."
    )
    needs = "A comparison needs two sweeps."
    first = SweepChoice(JobRecord.objects.none(), empty_label=None, label="First")
    second = SweepChoice(JobRecord.objects.none(), empty_label=None, label="Second")

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, study=study, **kwargs)
        done = study.jobs.filter(
            kind="sweep", status=JobRecord.Status.DONE, superseded_at=None
        )
        for name in ("first", "second"):
            self.fields[name].queryset = done  # type: ignore[attr-defined]
        # The newest against the one before it.
        self.fields["second"].initial, self.fields["first"].initial = [
            *done[:2],
            None,
            None,
        ][:2]

    @property
    def ready(self) -> bool:
        return self.fields["first"].queryset.count() > 1  # type: ignore[attr-defined,no-any-return]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("first") and found.get("first") == found.get("second"):
            raise forms.ValidationError(
                "Choose two different sweeps: one does not differ from itself."
            )
        return found

    def parameters(self) -> dict[str, object]:
        return {side: self.cleaned_data[side].pk for side in ("first", "second")}


class DatasetForm(JobForm):
    button = "Write a dataset"
    explained = (
        "Tables, matrices, codebook and consent texts of a snapshot in one package that "
        "others can load, check and cite. Only an open release may be published."
    )
    needs = "A dataset needs a snapshot: freeze one first."
    snapshot = SnapshotChoice(
        SnapshotRecord.objects.none(), empty_label=None, label="Snapshot"
    )
    license = forms.ChoiceField(
        label="Licence",
        initial=DEFAULT_LICENSE,
        choices=[(name, name) for name in LICENSES],
        help_text="Of an open release; any other snapshot stays in the team.",
    )

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, study=study, **kwargs)
        current = study.snapshots.filter(superseded_at=None).order_by("-number")
        self.fields["snapshot"].queryset = current  # type: ignore[attr-defined]

    def parameters(self) -> dict[str, object]:
        snapshot = self.cleaned_data["snapshot"]
        told: dict[str, object] = {"snapshot": snapshot.number}
        if snapshot.release_key:
            told["license"] = self.cleaned_data["license"]
        return told


FORMS: dict[str, type[JobForm]] = {
    "quality": QualityForm,
    "freeze": FreezeForm,
    "ask": AskForm,
    "report": ReportForm,
    "sweep": SweepForm,
    "comparison": ComparisonForm,
    "dataset": DatasetForm,
}
