"""What is kept of a cell besides the measures of its runs: sums over them.

Whole numbers throughout, so that totals of chunks and of shards add up to the same
whatever the cut. As JSON they fit a shard's header.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bandits.harm_calibration import HarmCalibration
from bandits.over_time import KINDS, OverTime


class CellTotals(NamedTuple):
    """Sums over the runs of a cell.

    over_time: phase -> curves; a phase of no steps has none.
    calibration: Predicted and actual harm of unseen actions; None where not judged.
    """

    over_time: Mapping[str, OverTime]
    calibration: HarmCalibration | None

    def plus(self, other: CellTotals) -> CellTotals:
        """The same of both's runs, which are not the same ones."""
        mine, theirs = self.calibration, other.calibration
        return CellTotals(
            {
                phase: curves.plus(other.over_time[phase])
                for phase, curves in self.over_time.items()
            },
            theirs if mine is None else mine if theirs is None else mine.plus(theirs),
        )

    def to_json(self) -> dict[str, Any]:
        """As plain numbers, lists and text."""
        return {
            "over_time": {
                phase: {"ends": c.ends, "n_runs": c.n_runs, **c.sums}
                for phase, c in self.over_time.items()
            },
            "calibration": self.calibration and list(self.calibration),
        }

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> CellTotals:
        """What `to_json` gave."""
        return CellTotals(
            {
                phase: OverTime(
                    tuple(part["ends"]),
                    part["n_runs"],
                    {
                        kind: (tuple(part[kind][0]), tuple(part[kind][1]))
                        for kind in KINDS
                    },
                )
                for phase, part in found["over_time"].items()
            },
            found["calibration"]
            and HarmCalibration(*(tuple(part) for part in found["calibration"])),
        )
