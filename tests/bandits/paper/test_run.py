"""The whole experiment on a tiny report."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from alignment.errors import FolderError
from alignment.folders import read_manifest, read_rows
from bandits.errors import BanditError
from bandits.paper import folder
from bandits.paper.run import PARTS, run_paper
from bandits.paper.study import NO_SNAPSHOT
from tests.bandits.paper.conftest import tiny

MakeStudy = Callable[..., Path]


def files(out: Path) -> dict[str, bytes]:
    """Every file of a run but its manifest, which tells when it was made."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("manifest.json", ".lock")
    }


@pytest.fixture(scope="module")
def done(
    build_study: MakeStudy, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A report and its finished experiment, without figures."""
    inside = tmp_path_factory.mktemp("paper")
    report, out = build_study(inside), inside / "out"
    run_paper(report, out, tiny(), processes=1, figures=False, say=lambda line: None)
    return report, out


def test_every_part_leaves_tables_that_are_not_empty(done: tuple[Path, Path]) -> None:
    _, out = done
    for part in PARTS:
        note = out / "parts" / f"{part.name}.json"
        if not note.is_file():
            assert part.name == "safe_sets", part.name
            continue
        tables = json.loads(note.read_text())["texts"]
        assert tables
        for name in tables:
            assert (out / "tables" / f"{name}.csv").is_file(), name
    for name in (
        "synthetic_spearman",
        "real_outcomes",
        "theory",
        "central",
        "personal",
    ):
        assert read_rows(out / "tables" / f"{name}.csv"), name


def test_the_manifest_names_the_inputs_the_settings_and_the_seed(
    done: tuple[Path, Path],
) -> None:
    out = done[1]
    manifest = read_manifest(out, folder.KIND)
    assert manifest["inputs"].keys() == {"report", "snapshot"}
    assert manifest["parameters"] == tiny().model_dump(mode="json")
    assert manifest["seeds"] == {"paper": 1}
    assert manifest["simulated"] is True


def test_simulated_participants_are_said_first(done: tuple[Path, Path]) -> None:
    text = (done[1] / "summary.md").read_text()
    assert "SIMULATED PARTICIPANTS" in text.splitlines()[2]


def test_no_number_of_the_paper_is_claimed(done: tuple[Path, Path]) -> None:
    text = (done[1] / "summary.md").read_text()
    assert "No number of theirs is claimed to be reproduced" in text


def test_a_run_that_lost_parts_and_cells_ends_with_the_same_bytes(
    done: tuple[Path, Path], tmp_path: Path
) -> None:
    report, out = done
    again = tmp_path / "again"
    shutil.copytree(out, again)
    (again / "manifest.json").unlink()
    (again / "parts" / "control.json").unlink()
    (again / "tables" / "theory.csv").unlink()
    run_paper(report, again, tiny(), processes=1, figures=False, resume=True)
    assert files(again) == files(out)


def test_a_finished_run_is_left_as_it_is(done: tuple[Path, Path]) -> None:
    report, out = done
    before = (out / "manifest.json").read_bytes()
    run_paper(report, out, tiny(), processes=1, figures=False, resume=True)
    assert (out / "manifest.json").read_bytes() == before


def test_other_settings_are_another_run(done: tuple[Path, Path]) -> None:
    out = done[1]
    assert folder.load_part(out, "real", "another") is None


def test_a_folder_of_another_kind_is_refused(done: tuple[Path, Path]) -> None:
    report, _ = done
    with pytest.raises(FolderError, match="report"):
        run_paper(report, report, tiny(), processes=1)


def test_a_file_is_refused_as_a_folder(done: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(FolderError, match="is a file"):
        run_paper(done[0], tmp_path / "out", tiny(), processes=1)


def test_without_a_snapshot_the_parts_about_single_people_say_why(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    report = build_study(
        tmp_path, people=False, halves=False, simulated=False, models=1
    )
    few = tiny().model_copy(
        update={"synthetic": tiny().synthetic.model_copy(update={"others": False})}
    )
    out = run_paper(report, tmp_path / "out", few, processes=1, figures=False)
    left_out = read_manifest(out, folder.KIND)["left_out"]
    assert left_out["Personal values: whom the group's kernel serves"] == NO_SNAPSHOT
    text = (out / "summary.md").read_text()
    assert f"Left out: {NO_SNAPSHOT}." in text
    assert "SIMULATED" not in text
    assert "the human kernel has no alignment of its own" in text


def test_a_snapshot_of_another_report_is_refused(
    done: tuple[Path, Path], build_study: MakeStudy, tmp_path: Path
) -> None:
    other = build_study(tmp_path, values="unrelated")
    with pytest.raises(BanditError, match="was made from another one"):
        run_paper(done[0], tmp_path / "out", tiny(), snapshot=other.parent / "snapshot")


def test_an_unknown_dimension_is_refused_with_those_there_are(
    done: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(BanditError, match=r'"courage" is not one .* known: morality'):
        run_paper(done[0], tmp_path / "out", tiny(dimensions=("courage",)))
