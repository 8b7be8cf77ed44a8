"""How far a study has come: sessions by group, judgments against what is wanted.

Counted in the database: a study of fifty actions has 1,225 pairs, and only the counts of
counts travel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count, Q

from collection.models import Incident, Response, Study, StudySession

OF_TRIPLETS = "Triplets"
OF_PAIRS = {"pair": "Pairs", "arrangement": "Pairs in arenas"}


@dataclass(frozen=True)
class Coverage:
    """One block, or one dimension of it, against what the study wants.

    n_cells: Pairs, or dimensions, that are each wanted so many times; 1 for triplets,
        which are wanted in all.
    least, median, most: Judgments completed per cell.
    done, wanted: Over all cells; a cell with more than it needs counts as full.
    """

    label: str
    n_cells: int
    least: int
    median: float
    most: int
    done: int
    wanted: int

    @property
    def wanted_each(self) -> float:
        """Judgments wanted per cell; an average where cells differ."""
        return self.wanted / self.n_cells

    @property
    def percent(self) -> int:
        """Whole percent, rounded down: 100 only where nothing is missing."""
        return 100 * self.done // self.wanted if self.wanted else 100


@dataclass(frozen=True)
class GroupProgress:
    """A group's sessions, by how far they came."""

    group: str
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def by_status(self) -> list[int]:
        """In the order of ``StudySession.Status``."""
        return [self.counts.get(status, 0) for status in StudySession.Status.values]


def progress_by_group(study: Study) -> list[GroupProgress]:
    """Every group of the definition, also one that nobody has joined yet."""
    counts: dict[str, dict[str, int]] = {
        group.name: {} for group in study.definition_model().groups
    }
    found = study.sessions.values_list("group", "status").annotate(n=Count("pk"))
    for group, status, n in found.order_by():
        counts.setdefault(group, {})[status] = n
    return [GroupProgress(group, statuses) for group, statuses in counts.items()]


def coverage_by_block(study: Study) -> list[Coverage]:
    """Completed against wanted: a row per dimension, one for pairs, one for triplets."""
    counted: dict[tuple[str, str], Counter[tuple[int, int]]] = {}
    cells = study.cells.values_list("kind", "dimension", "completed", "wanted")
    for kind, dimension, completed, wanted, n in cells.annotate(n=Count("pk")).order_by(
        "kind", "dimension"
    ):
        counted.setdefault((kind, dimension), Counter())[completed, wanted] += n
    definition = study.definition_model()
    labels = {dimension.name: dimension.label for dimension in definition.dimensions}
    rows = []
    for (kind, dimension), histogram in counted.items():
        label = OF_PAIRS.get(kind) or labels.get(dimension, kind.capitalize())
        rows.append(summarise(label, histogram))
    rows += [
        _triplets(study, block.judgments_wanted)
        for block in definition.blocks
        if block.kind == "triplet"
    ]
    return rows


def summarise(label: str, histogram: Mapping[tuple[int, int], int]) -> Coverage:
    """From (completed, wanted) -> number of cells."""
    completed = sorted(_spread((done, n) for (done, _), n in histogram.items()))
    middle = len(completed) // 2
    median = (completed[middle] + completed[~middle]) / 2
    return Coverage(
        label=label,
        n_cells=len(completed),
        least=completed[0],
        median=median,
        most=completed[-1],
        done=sum(min(done, wanted) * n for (done, wanted), n in histogram.items()),
        wanted=sum(wanted * n for (_, wanted), n in histogram.items()),
    )


def incidents_by_code(study: Study) -> list[tuple[str, int]]:
    """What was refused or odd, the most frequent first."""
    found = Incident.objects.filter(session__study=study).values_list("code")
    return list(found.annotate(n=Count("pk")).order_by("-n", "code"))


def has_simulated_people(study: Study) -> bool:
    """Whether any session of the study is a simulated participant's."""
    return study.sessions.filter(simulated=True).exists()


def _triplets(study: Study, wanted: int) -> Coverage:
    # Random triplets have no cells: what counts is how many were judged in all.
    done = Response.objects.filter(
        ~Q(choice=""), trial__session__study=study, trial__kind="triplet"
    ).count()
    return summarise(OF_TRIPLETS, {(done, wanted): 1})


def _spread(counts: Iterable[tuple[int, int]]) -> Iterable[int]:
    for value, n in counts:
        yield from [value] * n
