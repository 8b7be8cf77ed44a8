from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from alignment.kernels import as_kernel
from alignment.reliability import halved
from alignment.report_files import read_report
from bandits.errors import SpecError
from bandits.kernels_axis import KernelsAxis, build_kernels, known_kernels
from bandits.people import views
from bandits.spec import SweepSpec
from bandits.value_alignment import value_alignment
from tests.bandits.judged import people

MakeReport = Callable[..., Path]


def spec(**changes: object) -> SweepSpec:
    return SweepSpec.model_validate(
        {
            "n_runs": 2,
            "agents": ["gp_greedy"],
            "dimensions": ["morality"],
            "alignment_resamples": 20,
        }
        | changes
    )


def build(folder: Path, **changes: object) -> KernelsAxis:
    return build_kernels(read_report(folder), spec(**changes))


def off_diagonal(matrix: np.ndarray) -> np.ndarray:
    return matrix[np.triu_indices(len(matrix), k=1)]


def test_all_is_the_human_kernel_and_every_complete_rater(
    make_report: MakeReport,
) -> None:
    axis = build(make_report(models=2), forms=["as_given"])

    assert {(entry.name, entry.role) for entry in axis.entries} == {
        ("human", "human"),
        ("model-0", "model"),
        ("model-1", "model"),
        ("length", "baseline"),
    }


def test_a_rater_asked_a_sample_is_left_out_of_all_with_the_number(
    make_report: MakeReport,
) -> None:
    axis = build(make_report())

    assert axis.skipped == {
        "chat": "has an alignment but no kernel: 20 of 28 pairs were never judged"
    }
    assert np.isfinite(axis.alignment["chat"]["spearman"].value)


def test_arrangements_are_people_and_no_model(make_report: MakeReport) -> None:
    beside = build(make_report(arrangements=True), forms=["as_given"])
    alone = build(
        make_report(arrangements=True, people=False, halves=False, name="alone"),
        forms=["as_given"],
    )

    # Beside pair ratings they are the same people again; without, they stand for them.
    assert "human_arrangements" not in {entry.name for entry in beside.entries}
    assert "another kind of trial" in beside.skipped["human_arrangements"]
    assert "human_arrangements" not in beside.alignment
    assert ("human_arrangements", "arrangements") in {
        (entry.name, entry.role) for entry in alone.entries
    }


def test_completion_never_makes_a_kernel_for_a_rater_that_nobody_named(
    make_report: MakeReport,
) -> None:
    folder = make_report()

    assert "chat" in build(folder, completion="mean").skipped
    named = build(folder, kernels=["chat"], completion="mean", forms=["as_given"])
    assert [entry.kernel.completed_pairs for entry in named.entries] == [20]


def test_a_named_kernel_with_unjudged_pairs_is_refused_with_the_number(
    make_report: MakeReport,
) -> None:
    with pytest.raises(SpecError) as refusal:
        build(make_report(), kernels=["model-0", "chat"])

    ((place, sentence),) = refusal.value.faults
    assert place == "kernels[1]"
    assert "similarity of chat: 20 of 28 pairs were never judged" in sentence
    assert "name a completion rule" in sentence


def test_unjudged_pairs_of_people_are_refused_or_completed_and_counted(
    make_report: MakeReport,
) -> None:
    folder = make_report(incomplete_human=3)

    with pytest.raises(SpecError, match="3 of 28 pairs were never judged"):
        build(folder)
    completed = build(folder, kernels=["human"], completion="mean")

    assert {entry.kernel.completed_pairs for entry in completed.entries} == {3}


def test_cross_fit_measures_every_kernel_against_the_other_half(
    make_report: MakeReport,
) -> None:
    folder = make_report()
    report = read_report(folder)

    axis = build(folder, forms=["as_given"])

    held_out = report.matrices["human_half_b"].pairs()
    assert axis.cross_fit
    for entry in axis.entries:
        source = "human_half_a" if entry.name == "human" else entry.name
        own = report.matrices[source].pairs()
        expected = spearmanr(own, held_out).statistic
        assert entry.alignment["spearman"].value == pytest.approx(expected)
    human = next(entry for entry in axis.entries if entry.role == "human")
    assert human.alignment["spearman"].value < 1
    assert human.alignment["spearman"].low <= human.alignment["spearman"].value


def test_published_means_give_the_human_kernel_no_alignment(
    make_report: MakeReport,
) -> None:
    folder = make_report(halves=False)
    report = read_report(folder)

    axis = build(folder, forms=["as_given"])

    assert not axis.cross_fit
    by_name = {entry.name: entry for entry in axis.entries}
    assert by_name["human"].alignment == {}
    expected = spearmanr(
        report.matrices["model-1"].pairs(), report.matrices["human"].pairs()
    ).statistic
    assert by_name["model-1"].alignment["spearman"].value == pytest.approx(expected)


def test_matched_kernels_have_the_human_kernels_similarities_in_their_own_order(
    make_report: MakeReport,
) -> None:
    axis = build(make_report())

    kernels = {(e.name, e.form): e.kernel for e in axis.entries}
    human = np.sort(off_diagonal(kernels["human", "as_given"].values))
    for name in ("model-0", "model-1", "length"):
        found = kernels[name, "matched"]
        if found.repaired_share == 0:
            # Repair may leave a similarity just below 0; no kernel is matched to that.
            expected = np.clip(human, 0, 1)
            np.testing.assert_allclose(np.sort(off_diagonal(found.values)), expected)
        ranks = spearmanr(
            off_diagonal(found.values),
            off_diagonal(kernels[name, "as_given"].values),
        )
        assert ranks.statistic > 0.9
        assert found.mean_off_diagonal == pytest.approx(human.mean(), abs=0.05)


def test_the_human_kernel_is_its_own_match(make_report: MakeReport) -> None:
    axis = build(make_report(), kernels=["human"])

    given, matched = (entry.kernel.values for entry in axis.entries)
    np.testing.assert_array_equal(given, matched)


def test_relabelling_lowers_alignment_and_keeps_every_similarity(
    make_report: MakeReport,
) -> None:
    axis = build(
        make_report(),
        forms=["as_given"],
        corruption={"shares": [0, 0.5, 1], "draws": 4},
    )

    degraded = [entry for entry in axis.entries if entry.role == "relabelled"]
    human = next(entry for entry in axis.entries if entry.role == "human")
    assert {(entry.share, entry.draw) for entry in degraded} == {
        (share, draw) for share in (0.5, 1.0) for draw in (1, 2, 3, 4)
    }
    for entry in degraded:
        np.testing.assert_allclose(
            np.sort(off_diagonal(entry.kernel.values)),
            np.sort(off_diagonal(human.kernel.values)),
            atol=1e-9,
        )
    mean = np.mean([entry.alignment["spearman"].value for entry in degraded])
    assert mean < human.alignment["spearman"].value


def test_corruption_brings_the_human_kernel_in(make_report: MakeReport) -> None:
    axis = build(make_report(), kernels=["length"], corruption={"shares": [1.0]})

    assert ("human", 0.0) in {(entry.name, entry.share) for entry in axis.entries}


def test_the_table_of_kernels_lists_the_skipped_ones_with_their_alignment(
    make_report: MakeReport,
) -> None:
    folder = make_report()

    rows = build(folder).rows(read_report(folder))

    chat = next(row for row in rows if row["kernel"] == "chat")
    assert chat["skipped"].startswith("has an alignment but no kernel")
    assert np.isfinite(chat["alignment_spearman"])
    assert all("effective_rank" in row for row in rows if row["kernel"] != "chat")


def test_halves_are_no_kernels_of_their_own(make_report: MakeReport) -> None:
    known = known_kernels(read_report(make_report()))

    assert "human" in known
    assert not {"human_half_a", "human_half_b"} & set(known)


def test_every_kind_of_corruption_has_kernels_measured_after_their_repair(
    make_report: MakeReport,
) -> None:
    folder = make_report()
    kinds = ["relabel", "permute_pairs", "blend", "noise"]
    axis = build(
        folder,
        kernels=["human"],
        forms=["as_given"],
        corruption={"kinds": kinds, "shares": [0.5, 1], "draws": 2},
    )

    degraded = [entry for entry in axis.entries if entry.share > 0]
    assert {(e.corruption, e.role) for e in degraded} == {
        ("relabel", "relabelled"),
        ("permute_pairs", "pairs_permuted"),
        ("blend", "blended"),
        ("noise", "noisy"),
    }
    assert len(degraded) == 4 * 2 * 2
    assert len({entry.key for entry in axis.entries}) == len(axis.entries)
    held_out = read_report(folder).matrices["human_half_b"].pairs()
    for entry in degraded:
        # What repair takes just below 0 counts as 0; relabelling needs no repair.
        seen = np.clip(off_diagonal(entry.kernel.values), 0, 1)
        expected = spearmanr(seen, held_out).statistic
        if entry.corruption != "relabel":
            assert entry.alignment["spearman"].value == pytest.approx(expected)
        assert entry.row()["corruption"] == entry.corruption


def test_the_ends_of_the_scale_stand_only_where_named_and_for_their_own_tasks(
    make_report: MakeReport,
) -> None:
    folder = make_report()
    plain = build(folder)
    axis = build(
        folder,
        kernels=["human", "value_oracle", "value_shuffled", "identity"],
        dimensions=["morality", "fun"],
        ends={"shuffles": 3},
    )

    assert not [entry for entry in plain.entries if entry.role == "end"]
    ends = [entry for entry in axis.entries if entry.role == "end"]
    assert len({entry.key for entry in axis.entries}) == len(axis.entries)
    for dimension in ("morality", "fun"):
        serving = [e.name for e in ends if e.serves(dimension, "group")]
        assert serving == ["value_oracle", *["value_shuffled"] * 3, "identity"]
    assert all(entry.alignment == {} for entry in ends)
    values = read_report(folder).values["fun", "group"]
    oracle = next(e for e in ends if e.name == "value_oracle" and e.dimension == "fun")
    gaps = values[:, None] - values[None]
    np.testing.assert_allclose(oracle.kernel.values, np.exp(-((gaps / 25) ** 2) / 2))


def test_the_value_oracle_fits_its_dimension_best(make_report: MakeReport) -> None:
    axis = build(
        make_report(),
        kernels=["all", "value_oracle", "value_shuffled", "identity"],
        forms=["as_given"],
        ends={"shuffles": 10},
    )

    fits = {(e.name, e.draw): e.fit for e in axis.entries}
    best = max(fits, key=lambda key: fits[key]["kta_morality"])
    assert best[0] == "value_oracle"
    assert max(fits, key=lambda key: fits[key]["lml_morality"])[0] == "value_oracle"
    assert all({"kta_morality", "lml_morality"} == set(fit) for fit in fits.values())


def test_a_kernels_fit_is_to_values_of_people_alignment_did_not_ask(
    make_report: MakeReport,
) -> None:
    both = tuple(f"b-{i}" for i in range(6))
    folder = make_report(judgments=people(both, both), seeds={"seed": 4})
    report = read_report(folder)
    assert report.judgments is not None

    axis = build(folder, kernels=["length"], forms=["as_given"])

    asked = halved(both, seed=4)[1]
    values = report.judgments.values.only(set(both) - set(asked)).mean("morality")
    (entry,) = axis.entries
    expected = value_alignment(
        entry.kernel.values, values, prior_mean=50, prior_sd=25, reward_sd=10
    )
    assert entry.fit == {"kta_morality": expected.kta, "lml_morality": expected.lml}


def test_several_halvings_give_a_human_kernel_each_and_models_their_mean(
    make_report: MakeReport,
) -> None:
    judges = tuple(f"s-{i}" for i in range(7))
    folder = make_report(judgments=people(judges), seeds={"seed": 4})
    asked = spec(people={"splits": 3})
    halvings = views(read_report(folder), asked)

    axis = build(folder, forms=["as_given"], people={"splits": 3})

    human = [entry for entry in axis.entries if entry.role == "human"]
    model = next(entry for entry in axis.entries if entry.name == "model-1")
    assert [entry.draw for entry in human] == [0, 1, 2]
    for entry, view in zip(human, halvings, strict=True):
        assert view.human is not None
        assert view.held_out is not None
        one = spearmanr(view.human.pairs(), view.held_out.pairs()).statistic
        assert entry.alignment["spearman"].value == pytest.approx(one)
    each = [
        spearmanr(
            read_report(folder).matrices["model-1"].pairs(),
            view.held_out.pairs(),  # type: ignore[union-attr]
        ).statistic
        for view in halvings
    ]
    found = model.alignment["spearman"]
    assert found.value == pytest.approx(np.mean(each))
    assert found.low < found.value < found.high


def test_a_participant_learns_with_a_human_kernel_that_leaves_them_out(
    make_report: MakeReport,
) -> None:
    judges = ("p-ada", *(f"s-{i}" for i in range(6)))
    folder = make_report(judgments=people(judges, ("p-ada",)), seeds={"seed": 4})

    axis = build(
        folder,
        kernels=["human", "length"],
        forms=["as_given"],
        values_from=["group", "p-ada"],
        corruption={"shares": [0.5], "draws": 1},
    )

    def serving(source: str) -> dict[tuple[str, float], object]:
        found = [e for e in axis.entries if e.serves("morality", source)]
        assert len(found) == 3
        return {(e.name, e.share): e for e in found}

    groups, own = serving("group"), serving("p-ada")
    assert set(groups) == set(own) == {("human", 0), ("human", 0.5), ("length", 0)}
    assert groups["length", 0] is own["length", 0]
    (view,) = views(read_report(folder), spec(), without="p-ada")
    assert view.human is not None
    for share in (0, 0.5):
        assert groups["human", share] is not own["human", share]
    kernel = own["human", 0].kernel  # type: ignore[attr-defined]
    np.testing.assert_array_equal(kernel.values, as_kernel(view.human).values)


def test_people_a_report_does_not_know_are_a_fault(make_report: MakeReport) -> None:
    with pytest.raises(SpecError) as refusal:
        build(make_report(), people={"splits": 2})

    ((place, sentence),) = refusal.value.faults
    assert place == "people"
    assert sentence.startswith("needs single participants' similarity judgments")


def test_kernels_are_repaired_as_the_spec_says(make_report: MakeReport) -> None:
    folder = make_report()

    clipped, nearest = (
        {e.name: e.kernel for e in build(folder, repair=r, forms=["as_given"]).entries}
        for r in ("clip", "higham")
    )

    assert clipped.keys() == nearest.keys()
    changed = [key for key, kernel in clipped.items() if kernel.repaired_share > 1e-6]
    assert changed
    for key in changed:
        assert nearest[key].repaired_share < clipped[key].repaired_share
