import tomllib
from pathlib import Path

import pytest

from bandits.errors import SpecError
from bandits.paper.folder import settings_toml
from bandits.paper.settings import PaperSettings, read_settings, unknowns


def test_settings_written_as_toml_are_read_back_the_same(tmp_path: Path) -> None:
    given = PaperSettings(agents=("svr",), reward_sd=5, length_reward="linear")
    path = tmp_path / "settings.toml"
    path.write_text(settings_toml(given))
    assert read_settings(path) == given
    assert tomllib.loads(path.read_text())["synthetic"]["draws"] == 5


def test_without_a_file_the_defaults_hold() -> None:
    assert read_settings(None) == PaperSettings()


def test_a_fault_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("reward_sd = 0\n[synthetic]\nshares = [2, 0.5]\nhue = 1\n")
    with pytest.raises(SpecError) as refusal:
        read_settings(path)
    places = [place for place, _ in refusal.value.faults]
    assert places == ["reward_sd", "synthetic.shares.0", "synthetic.hue"]


@pytest.mark.parametrize(
    ("text", "said"), [(None, "cannot be read"), ("= nothing", "is not TOML")]
)
def test_a_file_that_is_no_settings_is_refused(
    tmp_path: Path, text: str | None, said: str
) -> None:
    path = tmp_path / "settings.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SpecError, match=said):
        read_settings(path)


def test_every_unknown_has_a_value_and_says_what_is_not_told() -> None:
    rows = unknowns(PaperSettings())
    assert {row["setting"] for row in rows} >= {
        "reward_sd",
        "personalization_steps",
        "split_share",
        "exploration",
        "repair",
        "synthetic.shares",
    }
    assert all(row["value"] and row["unknown"] for row in rows)


def test_quick_settings_only_shrink() -> None:
    quick, whole = PaperSettings().quick(), PaperSettings()
    assert quick.n_runs < whole.n_runs
    assert quick.agents == whole.agents
    assert quick.quick() == quick


def test_any_field_changes_the_hash() -> None:
    one = PaperSettings()
    assert one.sha256 == PaperSettings().sha256
    assert one.sha256 != PaperSettings(prior_sd=20).sha256


def test_a_whole_number_becomes_a_float_for_every_agent() -> None:
    """An integer prior mean once made an array of integers in compiled code."""
    learner = PaperSettings().learner()
    for name in ("prior_mean", "prior_sd", "reward_sd", "svr_c", "svr_eps"):
        assert isinstance(getattr(learner, name), float), name
