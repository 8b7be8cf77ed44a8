"""Backends: which code runs a cell, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bandits import jit
from bandits.backends import backend_of
from bandits.cell import Cell, open_cell
from bandits.errors import BanditError
from bandits.settings import Settings
from bandits.task import ValueTask, split_actions


def a_cell(agent: str = "gp_thompson") -> Cell:
    task = ValueTask(
        np.linspace(0, 100, 6), 50.0, True, split_actions(6, range(2), seed=0)
    )
    return open_cell(
        np.eye(6), task, agent, Settings(), 0, range(2), "cpu", torch.float64, "kernel"
    )


def test_auto_takes_numba_on_a_cpu_for_agents_it_has() -> None:
    assert backend_of(a_cell(), "auto") == "numba"
    assert backend_of(a_cell("gp_safeopt"), "auto") == "torch"
    assert backend_of(a_cell(), "torch") == "torch"


def test_an_unknown_backend_is_refused_with_those_there_are() -> None:
    with pytest.raises(BanditError, match="one of auto, torch, numba; got 'jax'"):
        backend_of(a_cell(), "jax")


def test_numba_is_refused_for_an_agent_it_does_not_have() -> None:
    with pytest.raises(BanditError, match=r"numba has no form of agent .* on cpu"):
        backend_of(a_cell("gp_safeopt"), "numba")


def test_numba_is_refused_where_it_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "bandits.compiled", None)
    monkeypatch.delattr("bandits.compiled", raising=False)

    assert backend_of(a_cell(), "auto") == "torch"
    with pytest.raises(BanditError, match="or take torch"):
        backend_of(a_cell(), "numba")


def test_importing_the_simulator_does_not_import_numba() -> None:
    code = "import sys, bandits.simulate; print('numba' in sys.modules)"

    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == "False"


def test_machine_code_goes_where_it_may_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "asked"))
    asked = jit.cache_folder()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    home = jit.cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "file"))
    nowhere = jit.cache_folder()

    assert asked is not None
    assert Path(asked).parent == tmp_path / "asked"
    assert home is not None
    assert Path(home).parent == tmp_path / "home" / "attune"
    assert nowhere is None
