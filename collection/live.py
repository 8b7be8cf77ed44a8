"""What the live view shows of a running study, counted by indexed queries alone.

Cells carry their own counters, kept at every answer, so the page costs as many rows as a
study has cells, whatever the number of judgments; only triplets, which have no cells, are
counted. The counters hold simulated and real people together: where both came, the page
says so. Sessions, flags and cost are told apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.db.models import Count

from collection.models import LiveAgreement, QualityVerdict, Study, StudySession
from collection.recruitment.completion import money
from collection.recruitment.costs import cost

POPULATIONS: Final = ((False, "Real participants"), (True, "Simulated participants"))
FLAGS_SHOWN: Final = 10
THINGS: Final = {"pair": "Similarity of pairs", "triplet": "Odd one out"}
COLUMNS: Final = ("kind", "what", "completed", "in_flight", "wanted")


@dataclass(frozen=True)
class CellCount:
    """One pair, value cell or vector against what the definition wants of it.

    what: Action and dimension names, as people read them in a table.
    row, column: Places of a pair's actions, from 0. A value cell has its action's place
        as column and no row; a whole dimension has neither.
    """

    kind: str
    what: str
    completed: int
    in_flight: int
    wanted: int
    row: int | None = None
    column: int | None = None
    dimension: str = ""

    @property
    def level(self) -> int:
        """0 for none, 1 to 3 by thirds, 4 for all that is wanted."""
        if self.completed >= self.wanted:
            return 4
        return -(-3 * self.completed // self.wanted)


@dataclass(frozen=True)
class Population:
    """Real or simulated people, by status, in the order of ``StudySession.Status``."""

    name: str
    counts: tuple[int, ...]
    simulated: bool


@dataclass(frozen=True)
class Flagged:
    """The newest quality run of one population, and its strongest flags."""

    name: str
    number: int
    n_flagged: int
    n_sessions: int
    people: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class AgreementRow:
    """How well people agree on one thing, ready to be shown; a dash where unknown."""

    what: str
    n_raters: int
    raters_each: float | None
    reliability: str
    ceiling: str
    note: str


def cell_counts(study: Study) -> list[CellCount]:
    """Every cell of a study: pairs in the order of the actions, then value cells."""
    found = study.cells.values_list(
        "kind",
        "dimension",
        "action_a__action_id",
        "action_a__position",
        "action_b__action_id",
        "action_b__position",
        "completed",
        "in_flight",
        "wanted",
    ).order_by("kind", "dimension", "action_a__position", "action_b__position")
    return [
        CellCount(
            kind,
            " ".join(filter(None, (dimension, a, b))),
            done,
            held,
            wanted,
            row=place_a if b else None,
            column=place_b if b else place_a,
            dimension=dimension,
        )
        for kind, dimension, a, place_a, b, place_b, done, held, wanted in found
    ]


def rows(cells: list[CellCount]) -> Iterator[tuple[str, str, int, int, int]]:
    """The numbers behind the maps, in the order of ``COLUMNS``."""
    for cell in cells:
        yield cell.kind, cell.what, cell.completed, cell.in_flight, cell.wanted


def populations(study: Study) -> list[Population]:
    """Who came, real and simulated people apart; only those of whom anybody came."""
    counted = {
        (simulated, status): n
        for simulated, status, n in study.sessions.values_list("simulated", "status")
        .annotate(n=Count("pk"))
        .order_by()
    }
    made = [
        Population(
            name,
            tuple(counted.get((side, s), 0) for s in StudySession.Status.values),
            side,
        )
        for side, name in POPULATIONS
    ]
    return [one for one in made if any(one.counts)]


def flagged(study: Study) -> list[Flagged]:
    """What the newest quality run of each population flagged, and by which reasons."""
    found = []
    for simulated, name in POPULATIONS:
        run = study.quality_runs.filter(simulated=simulated).last()
        if run is None:
            continue
        verdicts = run.verdicts.filter(flagged=True).select_related(
            "session__participant"
        )[:FLAGS_SHOWN]
        people = tuple(
            (verdict.session.participant.rater_id, _reasons(verdict))
            for verdict in verdicts
        )
        found.append(Flagged(name, run.number, run.n_flagged, run.n_sessions, people))
    return found


def costs(study: Study) -> list[tuple[str, str]]:
    """Pay with fees, so far and with all places filled; empty without recruitment.

    Only real people who finished are paid.
    """
    section = study.definition_model().recruitment
    if section is None:
        return []
    finished = study.sessions.filter(
        simulated=False, status=StudySession.Status.FINISHED
    ).count()
    so_far = cost(section, places=finished)
    whole = cost(section)
    return [
        (f"So far, {finished} finished", money(so_far.total, section.currency)),
        (f"All {whole.places} places filled", money(whole.total, section.currency)),
    ]


def agreement_rows(measured: LiveAgreement) -> list[AgreementRow]:
    """A measurement in the page's words."""
    return [
        AgreementRow(
            thing_in_words(row["kind"], row["what"]),
            row["n_raters"],
            row["raters_each"],
            _with_interval(row["reliability"]),
            _with_interval(row["ceiling"]),
            row["note"],
        )
        for row in measured.rows
    ]


def thing_in_words(kind: str, what: str) -> str:
    """What was judged, as a row's heading."""
    return what or THINGS[kind]


def _with_interval(found: list[float] | None) -> str:
    if found is None:
        return "\N{EN DASH}"
    value, low, high = found
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _reasons(verdict: QualityVerdict) -> str:
    flags = [one for one in verdict.rules if one["outcome"] == "flag"]
    strongest = sorted(flags, key=lambda one: -one["score"])
    return "; ".join(f"{one['rule']}: {one['reason']}" for one in strongest)
