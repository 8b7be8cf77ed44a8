"""A sweep's fields as JSON, for programs that must not load torch: a web form, say.

python -m bandits schema > collection/schemas/sweep.json
"""

from __future__ import annotations

from typing import Any

from alignment.measures.table import MATRIX_MEASURES
from bandits.metric_table import METRICS
from bandits.policies import AGENTS
from bandits.spec import SweepSpec


def spec_schema() -> dict[str, Any]:
    """What a spec may hold, and the names that its fields choose from.

    Returns:
        `document`: JSON schema of `SweepSpec`. `agents`, `measures`, `metrics`: what each
        name of these tables means, in their order.
    """
    return {
        "document": SweepSpec.model_json_schema(),
        "agents": {name: agent.label for name, agent in AGENTS.items()},
        "measures": {name: one.label for name, one in MATRIX_MEASURES.items()},
        "metrics": {name: one.label for name, one in METRICS.items()},
    }
