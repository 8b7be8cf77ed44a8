"""The web form's copy of a sweep's fields is the sweep's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bandits.__main__ import main

COPY = Path(__file__).parents[2] / "collection" / "schemas" / "sweep.json"


def test_the_copy_for_the_web_is_what_the_command_writes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schema"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert json.loads(COPY.read_text(encoding="utf-8")) == told, (
        "write it again: python -m bandits schema > collection/schemas/sweep.json"
    )
