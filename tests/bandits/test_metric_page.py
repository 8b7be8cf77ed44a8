"""The printed table of measures leaves nothing out."""

from __future__ import annotations

import pytest

from bandits.__main__ import main
from bandits.metric_page import table_lines
from bandits.metrics import METRICS


def test_every_measure_is_printed_with_its_definition_gaps_and_source(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["measures"]) == 0

    text = " ".join(capsys.readouterr().out.split())
    for name, metric in METRICS.items():
        assert f"{name}: {metric.label}" in text
        assert metric.definition in text
        assert metric.source in text
        assert metric.undefined in text


def test_no_line_is_wider_than_asked_and_measures_stand_at_the_margin() -> None:
    lines = list(table_lines(60))

    heads = [line for line in lines if not line.startswith(" ")]
    assert [head.split(":")[0] for head in heads] == list(METRICS)
    assert all(len(line) <= 60 for line in lines if line.startswith(" "))
