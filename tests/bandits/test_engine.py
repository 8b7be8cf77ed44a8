import pytest
import torch

from bandits.engine import library_versions, open_engine
from bandits.errors import BanditError


def test_an_engine_is_definite_whatever_was_asked() -> None:
    engine = open_engine("auto", "float32", "cpu")

    assert engine.backend in ("torch", "numba")
    assert engine.torch_dtype is torch.float32
    assert open_engine(engine.backend).backend == engine.backend


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"backend": "jax"}, "backend: needs to be one of auto, torch"),
        ({"dtype": "float16"}, "dtype: needs to be one of float64, float32; got"),
        ({"device": "tpu"}, "device: needs to be one of cpu, cuda; got 'tpu'"),
    ],
)
def test_what_is_not_known_is_told_beside_what_is(
    given: dict[str, str], said: str
) -> None:
    with pytest.raises(BanditError, match=said):
        open_engine(**given)


def test_the_compiled_path_is_taken_where_it_can_be() -> None:
    assert open_engine().backend == "numba"
    assert open_engine().asks == "auto"  # agents that it has not go by torch
    assert open_engine("torch").asks == "torch"


def test_without_numba_torch_computes_and_numba_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bandits.engine.find_spec", lambda name: None)

    assert open_engine().backend == "torch"
    with pytest.raises(BanditError, match="numba is not installed; pip install"):
        open_engine("numba")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(BanditError, match="torch sees no GPU here; use --device cpu"):
        open_engine(device="cuda")


def test_versions_name_what_can_change_a_digit() -> None:
    assert {"python", "numpy", "torch"} <= set(library_versions())
