"""The demo's stages: what stands is reused, what does not is made again."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from collection import demo, jobs, serving
from collection.access import Role, role_in
from collection.models import JobRecord, Study
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(outside_var: Path) -> None:
    """What the demo writes lies in the test's own folder."""


def test_the_researcher_is_made_once_with_a_password_of_their_own() -> None:
    study = factories.open_study()

    user, password = demo.ensure_researcher(study)
    again, same = demo.ensure_researcher(study)

    assert again == user
    assert same == password
    assert User.objects.get().check_password(password)
    assert role_in(user, study) == Role.OWNER
    assert not user.is_superuser
    assert len(password) >= 12


def test_the_password_is_for_its_owner_alone() -> None:
    _, password = demo.ensure_researcher(factories.open_study())

    path = demo.researcher_file()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"password: {password}\n" in path.read_text()


def test_a_password_that_no_longer_fits_is_replaced() -> None:
    study = factories.open_study()
    user, old = demo.ensure_researcher(study)
    user.set_password("somebody changed it")
    user.save()

    user, new = demo.ensure_researcher(study)

    assert new != old
    assert user.check_password(new)
    assert demo.ensure_researcher(study)[1] == new


def test_a_snapshot_stands_until_simulated_people_answer_more() -> None:
    study = factories.open_study()
    assert demo.standing_snapshot(study) is None
    factories.finished(study, simulated=True)
    call_command("freezestudy", study.slug, verbosity=0)

    record = study.snapshots.get()
    standing = demo.standing_snapshot(study)
    factories.ada(study)  # a real person who tried the participant's page
    despite_ada = demo.standing_snapshot(study)
    factories.finished(study, simulated=True)

    assert standing == despite_ada == record
    assert demo.standing_snapshot(study) is None


def test_a_snapshot_whose_folder_was_changed_does_not_stand() -> None:
    study = factories.open_study()
    factories.finished(study, simulated=True)
    call_command("freezestudy", study.slug, verbosity=0)
    actions = Path(study.snapshots.get().folder) / "actions.csv"

    actions.write_text(actions.read_text().replace("alpha", "omega"))

    assert demo.standing_snapshot(study) is None


def test_a_job_stands_with_its_own_parameters_and_a_whole_folder(
    tmp_path: Path,
) -> None:
    study = factories.open_study()
    JobRecord.objects.create(
        kind="report",
        study=study,
        parameters={"snapshot": 1},
        status=JobRecord.Status.DONE,
        result_folder=str(tmp_path / "deleted"),
    )

    assert demo.standing_job(study, "report", {"snapshot": 1}) is None
    assert demo.standing_job(study, "report", {"snapshot": 2}) is None


def test_a_stage_that_fails_says_why() -> None:
    study = factories.open_study()
    user, _ = demo.ensure_researcher(study)

    with pytest.raises(
        demo.StageFailed, match="The report was not made: SnapshotRecord"
    ):
        demo.do_job(study, "report", {"snapshot": 9}, by=user, listener=lambda _: None)


def test_an_interrupted_job_is_taken_up_and_not_doubled() -> None:
    study = factories.open_study()
    user, _ = demo.ensure_researcher(study)
    left = JobRecord.objects.create(
        kind="freeze",
        study=study,
        status=JobRecord.Status.RUNNING,
        created_at=timezone.now() - timedelta(hours=1),
    )

    with pytest.raises(demo.StageFailed):
        demo.do_job(study, "freeze", {}, by=user, listener=lambda _: None)

    assert study.jobs.get() == left


def test_timings_tell_every_stage_and_the_sum() -> None:
    timings = demo.Timings()
    with timings.stage("study"):
        pass
    timings.reused.add("study")
    timings.seconds = {"study": 1.25, "snapshot": 2.0}

    lines = timings.lines()

    assert re.fullmatch(r"  study +1\.\d s  \(stood\)", lines[0])
    assert re.fullmatch(r"  all +3\.\d s", lines[-1])


def test_an_unknown_study_document_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('slug = "x"\n')

    with pytest.raises(CommandError, match="faults"):
        call_command("demo", study=tmp_path / "study.toml", no_serve=True)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_second_demo_reuses_what_the_first_one_made() -> None:
    first = _demo()
    study = Study.objects.get(slug="small")
    made = {job.pk: job.result_folder for job in study.jobs.all()}
    again = _demo()

    assert first.returncode == 0, first.stdout + first.stderr
    assert again.returncode == 0, again.stdout + again.stderr
    assert "(stood)" not in first.stdout
    assert again.stdout.count("(stood)") == 5
    assert {job.pk: job.result_folder for job in study.jobs.all()} == made
    assert study.snapshots.count() == 1
    assert jobs.studies_folder(study).joinpath("sweeps/1/cells.csv").is_file()


def _demo() -> subprocess.CompletedProcess[str]:
    """The demo on the small study, as a person would start it."""
    return subprocess.run(
        [
            *(sys.executable, "manage.py", "demo", "--no-serve", "--sessions", "12"),
            *("--study", "collection/studies/small/study.toml", "--chat-pairs", "0"),
            *("--raters", "length,words", "--port", str(serving.free_port())),
        ],
        cwd=settings.BASE_DIR,
        env=serving.child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
