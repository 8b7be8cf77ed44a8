"""Simulated participants on the real pages, served by the real server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from pytest_httpserver import HTTPServer

from collection.definitions import load_definition
from collection.loading import load_study, open_study
from collection.models import Participant, Response, Study, StudySession
from collection.serving import serve_in_background
from collection.simulated_pages import Field, Form
from collection.simulated_people import Beliefs, SimulatedPerson
from collection.simulation import (
    NotSimulatable,
    Summary,
    filled_in,
    join_token,
    plant_truth,
    simulate_participants,
)
from collection.truth import Truth

SMALL = Path(__file__).parents[2] / "collection" / "studies" / "small" / "study.toml"

with_database = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_folder(outside_var: Path) -> None:
    """Logs of the servers lie in the test's own folder."""


@pytest.fixture
def small() -> Study:
    return open_study(load_study(load_definition(SMALL)))


@pytest.fixture
def values_only() -> Study:
    """The small study with one whole dimension per session, and nothing else: short."""
    whole = load_definition(SMALL)
    block = whole.block("values").model_copy(update={"dimensions_per_session": 1})
    return open_study(
        load_study(
            whole.model_copy(
                update={
                    "slug": "values-only",
                    "blocks": (block, whole.block("about-you")),
                    "groups": (whole.group("values"),),
                }
            )
        )
    )


@pytest.fixture
def base_url() -> Iterator[str]:
    with serve_in_background() as address:
        yield address


@pytest.fixture
def person() -> SimulatedPerson:
    beliefs = Beliefs(
        similarity={("a", "b"): 0.33, ("b", "a"): 0.33},
        values={("morality", "a"): 92.0},
    )
    return SimulatedPerson(beliefs, 3, 1)


def a_form(kind: str, *fields: Field, slider: bool = True, **hooks: str) -> Form:
    shown = {"pair": ("a", "b"), "value": ("a",)}.get(kind, ())
    return Form("/p/1/trial/", {"kind": kind, **hooks}, fields, shown, slider)


# Over HTTP ----------------------------------------------------------------------------


@with_database
def test_simulated_participants_walk_the_whole_study(
    small: Study, base_url: str
) -> None:
    truth = plant_truth(small, world="follows", seed=4)

    summary = simulate_participants(
        "small", base_url, truth=truth, numbers=range(6), threads=3
    )

    assert summary.problems == ()
    assert summary.sessions_finished == 6
    assert Counter(small.sessions.values_list("status", flat=True)) == {"finished": 6}
    assert Counter(small.sessions.values_list("group", flat=True)) == {
        "similarity": 4,
        "values": 2,
    }
    stored = Response.objects.filter(trial__session__study=small)
    assert summary.responses == stored.count()
    assert summary.answers == Counter(stored.values_list("trial__kind", flat=True))
    assert summary.answers["pair"] == 4 * 33
    assert summary.answers["value"] == 2 * 24
    # Marked as simulated all through, and without a time that nobody measured.
    assert all(small.sessions.values_list("simulated", flat=True))
    assert all(small.participants.values_list("simulated", flat=True))
    assert set(stored.values_list("rt_ms", flat=True)) == {None}


@with_database
def test_scales_of_both_ways_round_lead_to_the_same_truth(
    values_only: Study, base_url: str
) -> None:
    truth = plant_truth(values_only, world="follows", seed=4)

    simulate_participants(
        values_only.slug, base_url, truth=truth, numbers=range(14), threads=4
    )

    rows = []
    rated = Response.objects.filter(trial__kind="value", rating__isnull=False)
    for response in rated.select_related("trial"):
        trial, rating = response.trial, response.rating or 0
        value = 100 - rating if trial.polarity == "reversed" else rating
        action = truth.action_ids.index(trial.actions[0])
        rows.append((value, truth.values[trial.dimension][action]))
    assert np.corrcoef(np.array(rows).T)[0, 1] > 0.9


@with_database
def test_the_command_starts_its_own_server_and_goes_on_with_new_people(
    values_only: Study,
) -> None:
    out = StringIO()

    for sessions in (2, 1):
        call_command(
            "simulateparticipants", values_only.slug, sessions=sessions, stdout=out
        )

    assert "2 simulated participants finished and gave 28 answers" in out.getvalue()
    assert Participant.objects.filter(study=values_only).count() == 3
    stored = Study.objects.get(pk=values_only.pk).simulation
    assert stored is not None
    assert stored["world"] == "follows"


@with_database
def test_who_cannot_go_on_is_reported_with_the_reason(
    small: Study, base_url: str
) -> None:
    truth = plant_truth(small, world="follows", seed=4)
    Study.objects.filter(slug="small").update(status="paused")

    summary = simulate_participants("small", base_url, truth=truth, numbers=[0, 1])

    assert summary.sessions_finished == 0
    assert len(summary.problems) == 2
    assert summary.problems[1].startswith("participant 1: ")


@with_database
def test_the_command_fails_when_participants_could_not_finish(small: Study) -> None:
    with pytest.raises(CommandError, match="2 simulated participants could not finish"):
        call_command(
            "simulateparticipants",
            "small",
            sessions=2,
            base_url="http://127.0.0.1:9",  # the discard port: nobody answers there
            stdout=StringIO(),
        )


# A site that misbehaves ---------------------------------------------------------------


def walk_alone(site: HTTPServer, truth: Truth) -> Summary:
    return simulate_participants(
        "small", site.url_for("").rstrip("/"), truth=truth, numbers=[0], threads=1
    )


@pytest.fixture
def some_truth() -> Truth:
    return Truth("follows", 1, ("a",), np.ones((1, 1)), {}, ({},))


def test_a_page_without_a_way_on_is_named(
    httpserver: HTTPServer, some_truth: Truth
) -> None:
    httpserver.expect_request("/s/small/").respond_with_data("<main>Hello</main>")

    (problem,) = walk_alone(httpserver, some_truth).problems

    assert "/s/small/" in problem
    assert problem.endswith("shows no way to go on")


def test_a_failing_server_is_named_with_its_status(
    httpserver: HTTPServer, some_truth: Truth
) -> None:
    httpserver.expect_request("/s/small/").respond_with_data("<p>Sorry</p>", status=500)

    (problem,) = walk_alone(httpserver, some_truth).problems

    assert problem == "participant 0: GET /s/small/ answered 500"


def test_what_a_page_complains_about_ends_the_walk(
    httpserver: HTTPServer, some_truth: Truth
) -> None:
    httpserver.expect_request("/s/small/").respond_with_data(
        '<main><div role="alert">Choose a place on the scale.</div></main>'
    )

    (problem,) = walk_alone(httpserver, some_truth).problems

    assert problem.endswith("says: Choose a place on the scale.")


def test_a_link_away_from_the_site_is_the_end_and_is_not_followed(
    httpserver: HTTPServer, some_truth: Truth
) -> None:
    httpserver.expect_request("/s/small/").respond_with_data(
        '<main><a class="button" href="https://platform.invalid/done">Finish</a></main>'
    )

    summary = walk_alone(httpserver, some_truth)

    assert summary.problems == ()
    assert summary.sessions_finished == 1


# What a person sends ------------------------------------------------------------------


def test_a_reversed_scale_is_answered_from_its_other_end(
    person: SimulatedPerson,
) -> None:
    normal = filled_in(a_form("value", dimension="morality", polarity="normal"), person)
    again = SimulatedPerson(person.beliefs, person.seed, person.number)
    reversed_ = filled_in(
        a_form("value", dimension="morality", polarity="reversed"), again
    )

    assert int(str(normal["rating"])) + int(str(reversed_["rating"])) == 100
    assert int(str(normal["rating"])) > 50


def test_a_row_of_buttons_gets_the_nearest_place(person: SimulatedPerson) -> None:
    buttons = [Field("rating", "radio", str(place)) for place in (0, 50, 100)]
    exact = filled_in(a_form("pair"), person)
    again = SimulatedPerson(person.beliefs, person.seed, person.number)
    nearest = filled_in(a_form("pair", *buttons, slider=False), again)

    assert nearest["rating"] in {"0", "50", "100"}
    assert abs(int(str(nearest["rating"])) - int(str(exact["rating"]))) <= 25


def test_hidden_fields_travel_along(person: SimulatedPerson) -> None:
    hidden = Field("csrfmiddlewaretoken", "hidden", "secret")

    assert filled_in(a_form("pair", hidden), person)["csrfmiddlewaretoken"] == "secret"
    assert filled_in(a_form("", hidden), person) == {"csrfmiddlewaretoken": "secret"}


def test_everyone_consents_and_most_allow_further_uses(person: SimulatedPerson) -> None:
    uses = [Field("uses", "checkbox", use) for use in ("this_study", "open_release")]
    form = a_form("consent", Field("of_age", "checkbox", "1"), *uses)

    sent = [
        filled_in(form, SimulatedPerson(person.beliefs, 1, number))
        for number in range(200)
    ]

    assert all(s["of_age"] == "1" and "this_study" in s["uses"] for s in sent)
    further = sum("open_release" in s["uses"] for s in sent)
    assert 150 < further < 200


def test_questions_are_answered_as_they_are_asked(person: SimulatedPerson) -> None:
    options = [Field("choice", "radio", key) for key in ("young", "old")]
    number = Field("text", "number", "", lowest="3", highest="4")
    words = Field("text", "textarea", "")

    choice = filled_in(a_form("question", *options, question="age"), person)
    digits = filled_in(a_form("question", number, question="age"), person)
    empty = filled_in(a_form("question", words, question="end", optional="1"), person)
    said = filled_in(a_form("question", words, question="end"), person)

    assert choice["choice"] in {"young", "old"}
    assert digits["text"] in {"3", "4"}
    assert empty["text"] == ""
    assert said["text"]


def test_a_token_is_for_one_study_and_one_person() -> None:
    assert join_token("small", 1) != join_token("small", 2)
    assert join_token("small", 1) != join_token("large", 1)


# What is refused ----------------------------------------------------------------------


@pytest.mark.django_db
def test_a_study_with_real_people_takes_no_simulated_ones(small: Study) -> None:
    real = Participant.objects.create(study=small, group="values")
    StudySession.objects.create(
        study=small, participant=real, group="values", blocks=["values"]
    )

    with pytest.raises(NotSimulatable, match="small has 1 sessions of real people"):
        plant_truth(small, world="follows", seed=1)


@pytest.mark.django_db
def test_a_study_keeps_the_truth_it_was_given(small: Study) -> None:
    first = plant_truth(small, world="follows", seed=1)
    again = plant_truth(Study.objects.get(slug="small"), world="follows", seed=1)

    np.testing.assert_array_equal(first.similarity, again.similarity)
    with pytest.raises(
        NotSimulatable, match="world follows with seed 1; asked for null"
    ):
        plant_truth(small, world="null", seed=1)
    with pytest.raises(NotSimulatable, match="asked for follows with seed 2"):
        plant_truth(small, world="follows", seed=2)


@pytest.mark.django_db
def test_a_study_without_attributes_is_told_what_it_lacks(small: Study) -> None:
    definition = load_definition(SMALL)
    bare = [a.model_copy(update={"attributes": {}}) for a in definition.actions]
    study = load_study(
        definition.model_copy(update={"slug": "bare", "actions": tuple(bare)})
    )

    with pytest.raises(NotSimulatable, match=r"Study bare: .*add such a column"):
        plant_truth(study, world="follows", seed=1)


@pytest.mark.django_db
def test_the_command_names_the_studies_there_are(small: Study) -> None:
    with pytest.raises(CommandError, match=r"No study 'smal'. Loaded studies: small."):
        call_command("simulateparticipants", "smal")


@pytest.mark.django_db
def test_the_command_says_how_to_open_a_draft() -> None:
    load_study(load_definition(SMALL))

    with pytest.raises(CommandError, match=r"small is draft.*openstudy small"):
        call_command("simulateparticipants", "small")


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--careless=1.5", "needs a share from 0 to 1, got 1.5"),
        ("--careless=some", "needs a share from 0 to 1, got some"),
        ("--sessions=0", "needs a whole number from 1 up, got 0"),
        ("--seed=-1", "needs a whole number from 0 up, got -1"),
        ("--world=upside", "invalid choice: 'upside'"),
    ],
)
def test_an_option_out_of_range_is_refused(option: str, sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("simulateparticipants", "small", option)
