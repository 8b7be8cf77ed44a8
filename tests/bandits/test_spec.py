import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandits.errors import SpecError
from bandits.spec import (
    SweepSpec,
    built_in_specs,
    parse_spec,
    read_document,
    read_spec,
    to_toml,
)

SOUND = {"n_runs": 10, "agents": ["gp_thompson"], "dimensions": ["morality"]}


def faults_of(**changes: object) -> dict[str, str]:
    spec, faults = parse_spec(SOUND | changes)
    assert faults or spec is not None
    return dict(faults)


def test_a_short_spec_gets_the_documented_defaults() -> None:
    spec, faults = parse_spec(SOUND)

    assert not faults
    assert spec == SweepSpec(
        n_runs=10, agents=("gp_thompson",), dimensions=("morality",)
    )
    assert spec is not None
    assert spec.kernels == ("all",)
    assert spec.completion is None


def test_every_fault_is_listed_at_once_with_its_place() -> None:
    faults = faults_of(
        n_runs=1,
        agents=["gp_thompson", "ucb"],
        thresholds=["study", "mean"],
        colour="red",
        phases={"learn": "perhaps"},
        corruption={"shares": [0.2, 1.5]},
    )

    assert set(faults) == {
        "n_runs",
        "agents[1]",
        "thresholds[1]",
        "colour",
        "phases.learn",
        "corruption.shares[1]",
    }


def test_an_unknown_policy_is_named_beside_the_known_ones() -> None:
    faults = faults_of(agents=["ucb"])

    assert faults["agents[0]"].startswith('"ucb" is not an agent; known: gp_thompson,')


def test_an_unknown_field_is_named_beside_the_known_ones() -> None:
    faults = faults_of(phases={"steps": 10})

    assert faults["phases.steps"] == (
        "is not a field of a sweep spec; fields there: personalization_steps,"
        " generalization_steps, learn, split"
    )


def test_a_missing_field_is_said_to_be_required() -> None:
    _, faults = parse_spec({"n_runs": 10, "agents": ["svr"]})

    assert faults == [("dimensions", "is required and was not given")]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (101, "a threshold lies on the 0-100 value scale; got 101"),
        ("mean", 'a threshold is "study", "median" or a number from 0 to 100;'),
        (True, 'a threshold is "study", "median" or a number from 0 to 100;'),
    ],
)
def test_a_threshold_says_what_it_may_be(given: object, sentence: str) -> None:
    assert sentence in faults_of(thresholds=[given])["thresholds[0]"]


def test_naming_something_twice_is_a_fault() -> None:
    faults = faults_of(dimensions=["morality", "morality"])

    assert faults == {"dimensions[1]": '"morality" is already listed'}


def test_an_unknown_measure_is_named_beside_the_known_ones() -> None:
    faults = faults_of(measures=["sausage"])

    assert "is not a measure of alignment; known: spearman" in faults["measures[0]"]


def test_a_list_of_the_wrong_type_is_told_once() -> None:
    assert list(faults_of(agents="svr")) == ["agents"]


def test_a_missing_file_names_the_built_in_specs() -> None:
    with pytest.raises(SpecError) as refusal:
        read_document(Path("no-such-spec.toml"))

    assert "cannot be read (No such file or directory)" in str(refusal.value)
    assert "default" in str(refusal.value)


def test_a_file_that_is_not_toml_says_where(tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text("n_runs = = 3")

    with pytest.raises(SpecError, match=r"is not TOML: .*line 1"):
        read_document(tmp_path / "spec.toml")


@pytest.mark.parametrize("name", built_in_specs())
def test_every_built_in_spec_is_sound_and_survives_being_written(name: str) -> None:
    spec = read_spec(name)

    again, faults = parse_spec(tomllib.loads(to_toml(spec)))

    assert not faults
    assert again == spec


def test_the_demo_spec_is_built_in() -> None:
    assert {"default", "bridge_verbs"} <= set(built_in_specs())


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.floats(0, 1), max_size=3),
    st.text(st.characters(exclude_categories=("C",)), max_size=20),
)
def test_any_spec_survives_being_written(
    seed: int, shares: list[float], title: str
) -> None:
    document = SOUND | {"seed": seed, "title": title, "corruption": {"shares": shares}}
    spec, _ = parse_spec(document)
    assert spec is not None

    again, _ = parse_spec(tomllib.loads(to_toml(spec)))

    assert again == spec


def test_the_hash_ignores_the_title_and_nothing_else() -> None:
    spec, _ = parse_spec(SOUND)
    titled, _ = parse_spec(SOUND | {"title": "Another"})
    seeded, _ = parse_spec(SOUND | {"seed": 2})

    assert spec is not None
    assert titled is not None
    assert seeded is not None
    assert titled.sha256 == spec.sha256
    assert seeded.sha256 != spec.sha256
