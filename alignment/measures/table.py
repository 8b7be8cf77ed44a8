"""The table of measures. A new one is a function and a row in its module's `ROWS`.

Rows stand in the order in which they are shown; the modules are those whose measures
belong together.
"""

from alignment.errors import MatrixError
from alignment.measures import (
    cca,
    cka,
    cknna,
    cycle,
    feature_neighbours,
    features_cka,
    features_rbf,
    jaccard,
    matching,
    neighbours,
    on_pairs,
    predictivity,
    shapes,
    whitened,
)
from alignment.measures.kinds import FeatureMeasure, MatrixMeasure

MATRIX_MEASURES: dict[str, MatrixMeasure] = {
    measure.name: measure
    for measure in (
        *on_pairs.ROWS,
        *whitened.ROWS,
        *cka.ROWS,
        *neighbours.ROWS,
        *jaccard.ROWS,
        *cknna.ROWS,
        *cycle.ROWS,
    )
}
"""Those of similarity matrices: what people's judgments can be measured with."""

FEATURE_MEASURES: dict[str, FeatureMeasure] = {
    measure.name: measure
    for measure in (
        *features_cka.ROWS,
        *features_rbf.ROWS,
        *cca.ROWS,
        *shapes.ROWS,
        *feature_neighbours.ROWS,
        *predictivity.ROWS,
        *matching.ROWS,
    )
}
"""Those of representations, row by row."""

MEASURES: dict[str, MatrixMeasure | FeatureMeasure] = {
    **MATRIX_MEASURES,
    **FEATURE_MEASURES,
}

REPORTED = ("spearman", "pearson", "rho_a", "tau_a", "cka", "mutual_knn")
"""Those that a report and a sweep give unless told otherwise."""


def measure_named(name: str) -> MatrixMeasure:
    """The row of `MATRIX_MEASURES` with this name.

    Raises:
        MatrixError: There is none, or it compares features.
    """
    if name in FEATURE_MEASURES:
        raise MatrixError(
            f"measure {name}: compares features, not similarity matrices; "
            f"those of matrices are {', '.join(MATRIX_MEASURES)}"
        )
    try:
        return MATRIX_MEASURES[name]
    except KeyError:
        raise MatrixError(
            f"measure {name}: there is none of that name; "
            f"the measures are {', '.join(MATRIX_MEASURES)}"
        ) from None


def reported() -> list[MatrixMeasure]:
    """The measures that a report gives, in their order."""
    return [MATRIX_MEASURES[name] for name in REPORTED]
