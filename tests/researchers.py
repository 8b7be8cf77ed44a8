"""A study with one of everything that a researcher's page shows, and who may see it.

The results folders are small and written by hand, in the format of the real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from alignment.folders import write_manifest, write_rows
from alignment.interactive import Interactive, axis, place, save_interactive
from collection import access
from collection.models import JobRecord, SnapshotRecord, Study
from tests import factories

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>'
# One white pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49"
    "444154789c63f80f0001010100b138f6140000000049454e44ae426082"
)

POINTS = Interactive(
    [
        {
            "type": "heatmap",
            "z": [[1, 0.4], [0.4, 1]],
            "x": ["alpha", "beta"],
            "y": ["alpha", "beta"],
            "showscale": False,
            "hovertemplate": "<b>%{y}</b> and <b>%{x}</b>: %{z}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "x": [1.0, 2.0],
            "y": [3.0, 4.0],
            "customdata": ["<b>minilm</b>", "<b>human</b>"],
            "hovertemplate": "%{customdata}<extra></extra>",
            "error_y": {"array": [0.5, 0.5]},
            **place(2),
        },
    ],
    dict(
        [
            axis(1, "x", domain=[0, 0.45]),
            axis(1, "y"),
            axis(2, "x", domain=[0.55, 1]),
            axis(2, "y"),
        ]
    ),
    [
        {"kernel": "minilm", "alignment": 1.0, "reward": 3.0},
        {"kernel": "human", "alignment": 2.0, "reward": 4.0},
    ],
    height=400,
)


class Site:
    """A study with one of everything, its people by their roles, and a stranger."""

    def __init__(self, var: Path) -> None:
        self.study = factories.open_study()
        self.owner = User.objects.create_user("ada")
        self.editor = User.objects.create_user("ed")
        self.viewer = User.objects.create_user("vi")
        self.stranger = User.objects.create_user("bo")
        self.operator = User.objects.create_superuser("cy")
        access.grant(self.study, self.owner, access.Role.OWNER)
        access.grant(self.study, self.editor, access.Role.EDITOR)
        access.grant(self.study, self.viewer, access.Role.VIEWER)
        elsewhere = factories.open_study(slug="elsewhere", title="Somebody else's")
        access.grant(elsewhere, self.stranger, access.Role.OWNER)

        self.snapshot = SnapshotRecord.objects.create(
            study=self.study,
            number=1,
            folder=str(_snapshot_folder(var / "snapshot")),
            sha256="0" * 64,
            simulated=True,
            n_judgments=3,
        )
        self.report = _done(self.study, "report", _report_folder(var / "report"))
        self.sweep = _done(self.study, "sweep", _sweep_folder(var / "sweep"))
        self.job = JobRecord.objects.create(kind="freeze", study=self.study)

    def addresses(self) -> dict[str, tuple[str, str]]:
        """Every page of this study by its name: method and address."""
        slug, report = self.study.slug, self.report.pk
        somebody = factories.joined(self.study)
        rater_id = somebody.participant.rater_id
        where = {
            "research-study": ("get", [slug]),
            "research-preregistration": ("get", [slug]),
            "research-people": ("get", [slug]),
            "research-people-add": ("post", [slug]),
            "research-people-add-team": ("post", [slug]),
            "research-people-invite": ("post", [slug]),
            "research-people-invite-anew": ("post", [slug, self._invited()]),
            "research-people-role": ("post", [slug, self._place("vi")]),
            "research-people-remove": ("post", [slug, self._place("ada")]),
            "research-definition": ("get", [slug]),
            "research-live": ("get", [slug]),
            "research-live-csv": ("get", [slug]),
            "research-preview": ("get", [slug]),
            "research-preview-page": ("get", [slug, self._group(), 0, "join"]),
            "research-upload": ("get", [slug]),
            "research-state": ("post", [slug, "open"]),
            "research-pilot": ("post", [slug]),
            "research-audit": ("get", [slug]),
            "research-audit-csv": ("get", [slug]),
            "research-recruitment": ("get", [slug]),
            "research-recruitment-act": ("post", [slug, "sent-bonuses"]),
            "research-payment-list": ("get", [slug, "bonuses", 1]),
            "research-lab": ("get", [slug]),
            "research-start": ("post", [slug, "freeze"]),
            "research-erase-find": ("get", [slug]),
            "research-erase": ("get", [slug, somebody.participant.rater_id]),
            "research-consent": ("get", [slug, somebody.consent.version]),
            "research-job": ("get", [slug, self.job.pk]),
            "research-cancel": ("post", [slug, self.job.pk]),
            "research-quality": ("get", [slug]),
            "research-quality-person": ("get", [slug, rater_id]),
            "research-quality-decide": ("post", [slug, rater_id, "payment"]),
            "research-snapshot": ("get", [slug, 1]),
            "research-result": ("get", [slug, "report", report]),
            "research-report-page": ("get", [slug, report]),
            "research-download": ("get", [slug, "report", report]),
            "research-figure": ("get", [slug, "report", report, "map.svg"]),
            "research-new-sweep": ("get", [slug]),
            "research-figure-page": ("get", [slug, "report", report, "map"]),
        }
        return {
            name: (method, reverse(name, args=arguments))
            for name, (method, arguments) in where.items()
        }

    def _place(self, name: str) -> int:
        return self.study.memberships.get(user__username=name).pk

    def _invited(self) -> int:
        """The place of somebody who did not come yet: none of those who ask."""
        known = User.objects.filter(username="guest").first()
        guest = known or User.objects.create_user("guest")
        return access.grant(self.study, guest, access.Role.VIEWER).pk

    def _group(self) -> str:
        return self.study.definition_model().groups[0].name

    def ask(self, who: User | None, method: str, address: str) -> HttpResponse:
        browser = Client()
        if who is not None:
            browser.force_login(who)
        answer: HttpResponse = getattr(browser, method)(address)
        return answer

    def page(self, name: str, *arguments: object) -> str:
        """A page as its owner sees it."""
        answer = self.ask(self.owner, "get", reverse(name, args=arguments))
        assert answer.status_code == 200
        return answer.content.decode()


def _done(study: Study, kind: str, folder: Path) -> JobRecord:
    return JobRecord.objects.create(
        kind=kind,
        study=study,
        status=JobRecord.Status.DONE,
        parameters={"snapshot": 1, "report": 1, "spec": "default"},
        result_folder=str(folder),
        finished_at=datetime.now(UTC),
    )


def results_folder(path: Path, kind: str, fill: Callable[[Path], None]) -> Path:
    path.mkdir(parents=True)
    fill(path)
    write_manifest(
        path,
        kind=kind,
        parameters={},
        inputs={},
        simulated=True,
        seeds={},
        started_at=datetime.now(UTC),
    )
    return path


def _rows(path: Path, *rows: dict[str, object]) -> None:
    write_rows(path, list(rows[0]), rows)


def _snapshot_folder(path: Path) -> Path:
    row = {"action_id": "alpha", "text": "I call alpha"}
    return results_folder(
        path, "snapshot", lambda home: _rows(home / "actions.csv", row)
    )


def figure(home: Path, stem: str) -> None:
    (home / "figures").mkdir(exist_ok=True)
    (home / "figures" / f"{stem}.svg").write_text(SVG)
    (home / "figures" / f"{stem}.png").write_bytes(PNG)
    (home / "figures" / f"{stem}.pdf").write_bytes(b"%PDF-1.4")
    save_interactive(home / "figures" / stem, POINTS, mark="abcd", simulated=True)


def _report_folder(path: Path) -> Path:
    def fill(home: Path) -> None:
        figure(home, "map")
        (home / "figures" / "notes.txt").write_text("no figure")
        (home / "report.html").write_text("<!doctype html><title>Report</title>")
        rater = {"kind": "chat", "family": "smollm", "description": "asked in words"}
        counts = {"complete": 0, "n_missing": 1075, "n_pairs": 1225}
        _rows(home / "raters.csv", {"rater": "smollm2", **rater, **counts})
        harm = {"definition": "how right it is", "harm": 1, "threshold": 50.0}
        _rows(home / "dimensions.csv", {"dimension": "morality", **harm})
        estimate = {"value": 0.31, "low": 0.1, "high": 0.5, "p": 0.0005}
        _rows(
            home / "alignment.csv",
            {"rater": "smollm2", "measure": "spearman", **estimate},
            {"rater": "smollm2", "measure": "tau_a", **estimate, "low": None},
        )

    return results_folder(path, "report", fill)


def _sweep_folder(path: Path) -> Path:
    def fill(home: Path) -> None:
        figure(home, "morality_group_study_personalization_mean_reward")
        setting = {
            "agent": "gp_thompson",
            "dimension": "morality",
            "values_from": "group",
            "threshold_rule": "study",
            "phase": "personalization",
        }
        cell = {
            **setting,
            "kernel": "minilm",
            "role": "model",
            "form": "matched",
            "threshold": 50.0,
            "below_threshold_share": 1.0,
            "harm_note": "all actions unsafe: harm measures undefined",
            "n_runs": 200,
            "alignment_spearman": 0.4,
            "mean_reward": 52.5,
            "mean_reward_se": 1.25,
        }
        _rows(home / "cells.csv", cell)
        _rows(
            home / "effects.csv",
            {
                **setting,
                "metric": "mean_reward",
                "n_models": 2,
                "smallest_p": 1.0,
                "note": "too few models to test",
            },
        )

    return results_folder(path, "sweep", fill)
