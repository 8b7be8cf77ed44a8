"""`alignment.report`: a snapshot becomes a report, or is refused with a sentence."""

import json
from collections.abc import Callable
from itertools import combinations
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_httpserver import HTTPServer
from scipy.stats import spearmanr

from alignment.errors import AlignmentError, FolderError, FolderInUse
from alignment.figure_style import ALARM
from alignment.folders import MANIFEST, locked, read_manifest, read_rows, sha256_of
from alignment.importers import import_bridge_verbs
from alignment.measures.table import REPORTED
from alignment.raters.chat import ChatRater, ChatSettings, at
from alignment.report import ReportSettings, write_report
from alignment.report_blocks import BlockSettings
from alignment.report_files import (
    ARRANGEMENTS,
    GROUP,
    HALF_A,
    HALF_B,
    HUMAN,
    TRIPLETS,
    AlignmentRow,
    ReportData,
)

WriteSnapshot = Callable[..., Path]
TEXTS = [
    "return-wallet",
    "help-stranger",
    "cook-soup",
    "water-plants",
    "read-book",
    "lie-friend",
    "steal-bicycle",
    "keep-wallet",
]


def quick(**more: Any) -> ReportSettings:
    """Settings for a test: the raters that load nothing, few resamples."""
    usual = {
        "raters": ("length", "words"),
        "n_resamples": 30,
        "n_permutations": 20,
        "n_splits": 5,
        "figures": False,
    }
    return ReportSettings(**{**usual, **more})


def row(report: ReportData, rater: str, measure: str = "spearman") -> AlignmentRow:
    (found,) = (
        each
        for each in report.alignment
        if (each.rater, each.measure) == (rater, measure)
    )
    return found


def test_every_rater_is_compared_with_people_by_every_measure(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    report = write_report(small_snapshot(), tmp_path / "report", quick())

    assert list(report.matrices) == [HUMAN, HALF_A, HALF_B, TRIPLETS, "length", "words"]
    compared = {
        (each.rater, each.against, each.measure)
        for each in report.alignment
        if each.measure in REPORTED
    }
    assert compared == {
        (rater, against, measure)
        for measure in REPORTED
        for rater, against in [
            (TRIPLETS, HUMAN),
            ("length", HUMAN),
            ("words", HUMAN),
            (HALF_B, HALF_A),
        ]
    }
    human, words = report.matrices[HUMAN].pairs(), report.matrices["words"].pairs()
    assert row(report, "words").value == pytest.approx(
        spearmanr(human, words).statistic
    )
    assert row(report, TRIPLETS).value > 0.9
    assert row(report, HUMAN, "triplet_accuracy").value > 2 / 3
    assert [
        each.rater for each in report.alignment if each.measure == "triplet_accuracy"
    ] == [HUMAN, "length", "words"]


def test_people_who_agree_have_a_ceiling(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    report = write_report(small_snapshot(), tmp_path / "report", quick())

    ceiling, r, lower, upper = report.reliability
    assert (ceiling.what, r.what) == ("noise_ceiling", "split_half_r")
    assert (lower.what, upper.what) == ("rater_ceiling_lower", "rater_ceiling_upper")
    assert 0.8 < lower.value <= upper.value <= 1
    assert 0.9 < ceiling.low <= ceiling.value <= ceiling.high <= 1
    assert (ceiling.n_raters, ceiling.raters_per_pair, ceiling.note) == (4, 4, "")


def test_values_are_the_groups_mean_and_complete_vectors_alone(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    report = write_report(small_snapshot(), tmp_path / "report", quick())

    assert list(report.values) == [("morality", GROUP), ("morality", "p-ada")]
    assert report.participants("morality") == ("p-ada",)
    assert report.values["morality", "p-ada"][0] == 95
    assert report.values["morality", GROUP][0] == 93
    assert report.value_counts["morality", GROUP].tolist() == [2, 2, 2, 2, 1, 2, 2, 2]
    assert report.dimensions["morality"].harm
    assert not report.dimensions["challenge"].harm
    assert report.dimensions["morality"].low_label == "immoral"
    assert "morality: 4 of 8 actions are unsafe." in report.notes


def test_the_manifest_names_the_inputs_the_settings_and_the_figures_mark(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot, models = small_snapshot(), tmp_path / "raters.toml"
    models.write_text("# whose models were asked")

    settings = quick(seed=7, figures=True, raters_files=(models,))
    write_report(snapshot, tmp_path / "report", settings)

    manifest = read_manifest(tmp_path / "report", "report")
    assert manifest["inputs"] == {
        "snapshot": sha256_of(snapshot / MANIFEST),
        "raters raters.toml": sha256_of(models),
    }
    assert manifest["seeds"] == {"seed": 7, "split": BlockSettings().seed}
    assert manifest["parameters"]["measures"] == list(REPORTED)
    assert [each["name"] for each in manifest["parameters"]["raters"]] == [
        "length",
        "words",
    ]
    assert manifest["study"] == "small"
    assert manifest["simulated"] is False
    mark = f"snapshot {manifest['inputs']['snapshot'][:8]}"
    assert manifest["figure_mark"] == mark
    assert {name for name in manifest["files"] if name.startswith("figures/")} == {
        f"figures/{name}.{ending}"
        for name in ("matrices", "alignment", "map", "blocks", "values")
        for ending in ("svg", "png", "pdf", "json", "csv")
    }


def test_the_same_snapshot_and_seed_give_the_same_files(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot = small_snapshot()

    for name in ("one", "two"):
        write_report(snapshot, tmp_path / name, quick(figures=True))

    one, two = (read_manifest(tmp_path / name, "report") for name in ("one", "two"))
    assert one["files"] == two["files"]


def test_simulated_participants_stay_simulated(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot = small_snapshot(simulated=True, world="aligned")

    report = write_report(snapshot, tmp_path / "report", quick(figures=True))

    assert report.simulated
    drawn = list((report.folder / "figures").glob("*.svg"))
    assert len(drawn) == 5
    for file in drawn:  # letters are drawn as paths: the stamp shows by its colour
        assert ALARM.lower() in file.read_text(encoding="utf-8").lower()
    assert report.manifest["world"] == "aligned"


def test_triplets_alone_are_compared_with_and_it_is_said(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot = small_snapshot(pairs=False, values=False)

    report = write_report(snapshot, tmp_path / "report", quick())

    assert list(report.matrices) == [TRIPLETS, "length", "words"]
    assert row(report, "words").against == TRIPLETS
    assert report.reliability[0].note == "no ceiling: no pair was rated"
    assert report.notes == (
        "No pair was rated: there is no human matrix from pair ratings.",
        "No embedding of the triplets: 8 actions need 120 judgments, there are 56.",
        "No value was rated: a sweep has nothing to pay rewards with.",
        "Alignment is with the matrix from triplets.",
    )


def arranged(*, heaped: bool = False) -> list[dict[str, object]]:
    """Two people who laid all eight actions out along a line, or on one spot."""
    return [
        {
            "action_a": a,
            "action_b": b,
            "rater_id": rater,
            "distance": 0.0 if heaped else abs(TEXTS.index(a) - TEXTS.index(b)) / 8,
            "n_in_arena": len(TEXTS),
            "trial_id": f"arena of {rater}",
        }
        for rater in ("p-fay", "p-gus")
        for a, b in combinations(TEXTS, 2)
    ]


def test_arrangements_are_a_view_of_people_beside_their_pair_ratings(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot = small_snapshot(arrangement_rows=arranged())

    report = write_report(snapshot, tmp_path / "report", quick())

    assert list(report.matrices)[:5] == [HUMAN, HALF_A, HALF_B, ARRANGEMENTS, TRIPLETS]
    assert row(report, ARRANGEMENTS).against == HUMAN
    assert row(report, ARRANGEMENTS).value > 0.9
    assert report.rater(ARRANGEMENTS).kind == "arrangements"
    assert report.rater(ARRANGEMENTS).complete


def test_without_pairs_alignment_is_with_the_arrangements_and_it_is_said(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot = small_snapshot(pairs=False, arrangement_rows=arranged())

    report = write_report(snapshot, tmp_path / "report", quick(figures=True))

    assert row(report, "words").against == ARRANGEMENTS
    assert row(report, TRIPLETS).against == ARRANGEMENTS
    assert "Alignment is with the matrix from arrangements." in report.notes
    drawn = (tmp_path / "report/figures/alignment.svg").read_text()
    assert "people, arranging" not in drawn  # they are what others are compared with
    assert "participants' arrangements" in drawn


def test_arrangements_that_say_nothing_are_noted_and_cost_no_report(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot = small_snapshot(arrangement_rows=arranged(heaped=True))

    report = write_report(snapshot, tmp_path / "report", quick())

    assert ARRANGEMENTS not in report.matrices
    assert any("two actions lie apart, got none" in note for note in report.notes)


def test_values_alone_give_a_report_without_alignment(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot = small_snapshot(pairs=False, triplets=False)

    report = write_report(snapshot, tmp_path / "report", quick())

    assert report.alignment == ()
    assert ("morality", GROUP) in report.values
    assert "Nobody judged similarity" in " ".join(report.notes)


def test_a_study_without_raters_or_judgments_of_similarity_still_reports_values(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot = small_snapshot(pairs=False, triplets=False)

    settings = quick(raters=(), figures=True)
    report = write_report(snapshot, tmp_path / "report", settings)

    assert report.matrices == {}
    assert list((tmp_path / "report" / "figures").iterdir()) == []


def test_unjudged_pairs_leave_out_what_needs_all_of_them(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot = small_snapshot(unjudged=4)

    report = write_report(snapshot, tmp_path / "report", quick())

    assert report.rater(HUMAN).n_missing == 4
    assert not report.rater(HUMAN).complete
    assert row(report, "length").n_pairs == 24
    assert isnan(row(report, "length", "cka").value)
    assert row(report, "length", "cka").note == (
        "needs every pair judged: 4 of 28 pairs were not judged by human"
    )


def test_published_means_have_no_ceiling_and_no_halves(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    means = [
        {"action_a": a, "action_b": b, "rater_id": "aggregate", "similarity": i / 28}
        for i, (a, b) in enumerate(
            combinations(("steal-bicycle", "read-book", "cook-soup"), 2)
        )
    ]
    snapshot = small_snapshot(
        triplets=False, means_only=True, similarity_rows=means, pairs=False
    )

    report = write_report(snapshot, tmp_path / "report", quick())

    assert list(report.matrices) == [HUMAN, "length", "words"]
    (only,) = report.reliability
    assert only.note == "no ceiling: only means are available"
    assert "No split halves of the participants: only means are available." in (
        report.notes
    )


@pytest.mark.parametrize(
    ("threshold", "note"),
    [
        (100, "morality: all actions unsafe: harm measures undefined."),
        (0, "morality: no action unsafe: harm measures undefined."),
    ],
)
def test_harm_that_cannot_be_measured_is_said(
    small_snapshot: WriteSnapshot, tmp_path: Path, threshold: int, note: str
) -> None:
    snapshot = small_snapshot()
    manifest = read_manifest(snapshot, "snapshot")
    manifest["dimensions"][0]["low_threshold"] = threshold
    (snapshot / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")

    report = write_report(snapshot, tmp_path / "report", quick())

    assert note in report.notes


def test_recorded_judgments_are_a_rater_like_any(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot = small_snapshot()
    human = write_report(snapshot, tmp_path / "first", quick()).matrices[HUMAN]
    file = tmp_path / "twin.npz"
    np.savez(file, action_ids=human.actions, twin=human.values)

    report = write_report(
        snapshot, tmp_path / "second", quick(recorded=(("twin", file),))
    )

    assert row(report, "twin").value == pytest.approx(1)
    assert report.rater("twin").kind == "recorded"
    assert report.manifest["inputs"]["recorded twin"] == sha256_of(file)


def test_a_recorded_matrix_in_another_order_is_refused_and_leaves_no_report(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    file = tmp_path / "twin.npz"
    ids = ["read-book", "water-plants", *(f"a{i}" for i in range(6))]
    np.savez(file, action_ids=ids, twin=np.eye(8))

    with pytest.raises(
        AlignmentError,
        match=r"similarity of twin: row 0 must be return-wallet .* got read-book",
    ):
        write_report(
            small_snapshot(), tmp_path / "out", quick(recorded=(("twin", file),))
        )
    assert not (tmp_path / "out" / MANIFEST).exists()


def chat(server: HTTPServer, answer: str, **settings: Any) -> ChatRater:
    server.expect_request("/v1/chat/completions").respond_with_json(
        {"choices": [{"message": {"content": answer}}]}
    )
    return ChatRater(
        "chatty", "Chatty", at(server.url_for("/v1")), ChatSettings("c-1", **settings)
    )


def test_a_models_own_values_stand_beside_peoples(
    small_snapshot: WriteSnapshot, tmp_path: Path, httpserver: HTTPServer
) -> None:
    rater = chat(httpserver, "70", n_pairs=3, values=True)

    write_report(
        small_snapshot(),
        tmp_path / "report",
        quick(figures=True),
        more_raters=[rater],
    )

    (found,) = read_rows(tmp_path / "report" / "model_values.csv")
    assert (found["dimension"], found["rater"]) == ("morality", "chatty")
    assert found["note"] == "undefined: the model rated all 8 actions alike"
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "Models' own values" in page.replace("&#x27;", "'")


def test_triplets_that_several_judged_have_a_ceiling(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    alone = write_report(small_snapshot(), tmp_path / "alone", quick())
    answers = [
        ("p-eve", "read-book"),
        ("p-fay", "read-book"),
        ("p-gil", "steal-bicycle"),
    ]
    triplet = {"a": "read-book", "b": "lie-friend", "c": "steal-bicycle"}
    rows = [
        {**triplet, "odd": odd, "rater_id": who, "sampler": "random", "propensity": 0.1}
        for who, odd in answers
    ]

    both = write_report(
        small_snapshot("several", triplet_rows=rows), tmp_path / "both", quick()
    )

    found = {each.what: each.value for each in both.reliability}
    assert found["triplet_modal_share"] == pytest.approx(2 / 3)
    assert found["triplet_leave_one_out"] == pytest.approx(1 / 3)
    assert not [each for each in alone.reliability if each.what.startswith("triplet")]


def test_a_chat_model_that_always_says_the_same_is_undefined_not_a_crash(
    small_snapshot: WriteSnapshot, tmp_path: Path, httpserver: HTTPServer
) -> None:
    rater = chat(httpserver, "100", n_pairs=10)

    report = write_report(
        small_snapshot(), tmp_path / "report", quick(), more_raters=[rater]
    )

    found = row(report, "chatty")
    assert isnan(found.value)
    assert found.note == "undefined: chatty gave all 10 pairs the same similarity, 1"
    assert report.rater("chatty").n_missing == 18
    replies = read_rows(tmp_path / "report" / "replies.csv")
    assert [reply["text"] for reply in replies] == ["100"] * 10
    assert {reply["rater"] for reply in replies} == {"chatty"}


def test_a_chat_model_is_asked_the_pairs_that_people_judged(
    small_snapshot: WriteSnapshot, tmp_path: Path, httpserver: HTTPServer
) -> None:
    rater = chat(httpserver, "70", n_pairs=8)

    report = write_report(
        small_snapshot(unjudged=20), tmp_path / "report", quick(), more_raters=[rater]
    )

    assert row(report, "chatty").n_pairs == 8


def test_a_chat_model_that_gives_no_number_is_reported_with_its_refusals(
    small_snapshot: WriteSnapshot, tmp_path: Path, httpserver: HTTPServer
) -> None:
    rater = chat(httpserver, "As a model, I cannot say.", n_pairs=6)

    report = write_report(
        small_snapshot(), tmp_path / "report", quick(), more_raters=[rater]
    )

    assert row(report, "chatty").note == "needs at least 2 pairs judged by both, got 0"
    assert (report.rater("chatty").n_asked, report.rater("chatty").n_refused) == (6, 6)
    assert (
        "All raters answered 0 of the 6 pairs that all were asked; 6 were lost. Asked but "
        "not answered: chatty 6."
    ) in report.notes
    manifest = (tmp_path / "report" / MANIFEST).read_text(encoding="utf-8")
    assert "secret" not in manifest
    assert '"model": "c-1"' in manifest


def test_raw_cosines_are_kept(small_snapshot: WriteSnapshot, tmp_path: Path) -> None:
    report = write_report(small_snapshot(), tmp_path / "report", quick())

    with np.load(tmp_path / "report" / "cosines.npz", allow_pickle=False) as held:
        np.testing.assert_allclose(
            (1 + held["words"]) / 2, report.matrices["words"].values
        )


def test_a_report_is_never_written_over(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot = small_snapshot()
    write_report(snapshot, tmp_path / "report", quick())

    with pytest.raises(FolderError, match="holds a report already; delete it or"):
        write_report(snapshot, tmp_path / "report", quick())


def test_a_folder_that_is_being_written_is_refused(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    with (
        locked(tmp_path / "report"),
        pytest.raises(FolderInUse, match="another process is writing this folder"),
    ):
        write_report(small_snapshot(), tmp_path / "report", quick())


def test_a_changed_snapshot_is_refused(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot = small_snapshot()
    with (snapshot / "value_judgments.csv").open("a") as stream:
        stream.write("read-book,morality,p-bo,1,,,\n")

    with pytest.raises(FolderError, match=r"value_judgments\.csv was changed after"):
        write_report(snapshot, tmp_path / "report", quick())


@pytest.mark.parametrize(
    ("recorded", "message"),
    [
        ((("human", Path("x.npz")),), "a rater cannot be called 'human'"),
        ((("action_ids", Path("x.npz")),), "a rater cannot be called 'action_ids'"),
        ((("length", Path("x.npz")),), "two raters are called length"),
    ],
)
def test_a_rater_needs_a_name_of_its_own(
    small_snapshot: WriteSnapshot,
    tmp_path: Path,
    recorded: tuple[tuple[str, Path], ...],
    message: str,
) -> None:
    with pytest.raises(AlignmentError, match=message):
        write_report(small_snapshot(), tmp_path / "out", quick(recorded=recorded))


@pytest.mark.parametrize("name", ["n_resamples", "n_permutations", "n_splits"])
def test_numbers_of_draws_must_be_positive(name: str) -> None:
    with pytest.raises(AlignmentError, match=f"{name} must be at least 1, got 0"):
        quick(**{name: 0})


@pytest.mark.parametrize(("verb_class", "n_unsafe"), [(2, 36), (6, 32)])
def test_real_peoples_verbs_give_a_report_without_ceiling(
    human_data: Path, tmp_path: Path, verb_class: int, n_unsafe: int
) -> None:
    import_bridge_verbs(human_data, verb_class, tmp_path / "snapshot")

    report = write_report(tmp_path / "snapshot", tmp_path / "report", quick())

    n = len(report.actions)
    assert report.matrices[HUMAN].complete
    assert [each.note for each in report.reliability] == [
        "no ceiling: only means are available"
    ]
    assert int((report.values["evaluation", GROUP] < 50).sum()) == n_unsafe
    assert report.participants("evaluation") == ()
    said = (
        "evaluation: all actions unsafe: harm measures undefined."
        if n_unsafe == n
        else f"evaluation: {n_unsafe} of {n} actions are unsafe."
    )
    assert said in report.notes
    # One word each: no two verbs share a word, so this baseline says nothing.
    assert row(report, "words").note.startswith("undefined: words gave all")
