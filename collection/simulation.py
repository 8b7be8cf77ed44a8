"""Simulated participants, who use the real pages over real HTTP.

They know nothing but what a page shows: they follow the link, consent, read, answer and
go on until a completion code stands there. Several walk at a time. What person number
7 answers to a question depends on the seed, on 7 and on the question, however many walk
beside them.

They send no response time: they have no screen, and a wrong time is worse than none.
Imports httpx and lxml, which the web process does not need.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from threading import local

import httpx
from django.core import signing
from django.urls import reverse

from alignment.progress import Progress
from collection.definition_parts import PREFER_NOT_TO_SAY
from collection.errors import CollectionError
from collection.joining_pages import SIMULATED_SALT
from collection.models import Study
from collection.simulated_pages import Form, Page
from collection.simulated_people import Beliefs, SimulatedPerson
from collection.trial_views import IN_PLACE
from collection.truth import Truth, TruthError, World, plant

MOST_PAGES = 5_000
"""More pages than any session has: a walk in a circle ends here."""
PATIENCE_S = 60.0
USE_TICKED_SHARE = 0.9
"""How many simulated people tick a use of their data that they need not tick."""


class NotSimulatable(CollectionError):
    """The study cannot take simulated participants, or not in this world."""

    code = "not-simulatable"
    status = 409


class WalkFailed(Exception):
    """A participant could not go on; the message says where and why."""


@dataclass(frozen=True)
class Walk:
    """How one participant fared."""

    number: int
    finished: bool
    answers: Counter[str]
    problem: str = ""


@dataclass(frozen=True)
class Summary:
    """How all participants fared.

    Attributes:
        sessions_finished: Sessions that reached their completion code.
        responses: Answers given, over all kinds.
        answers: Kind of trial -> answers given.
        problems: One sentence for each participant who could not go on.
        seconds: How long it took.
    """

    sessions_finished: int
    responses: int
    answers: Counter[str]
    problems: tuple[str, ...]
    seconds: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.responses / self.seconds if self.seconds else 0.0


def plant_truth(study: Study, *, world: World, seed: int) -> Truth:
    """Decide what is true for a study's simulated people, and keep it with the study.

    Safe to repeat with the same world and seed.

    Raises:
        NotSimulatable: real people took part, another truth stands already, or the
            actions lack the attributes that a truth is made of.
    """
    n_real = study.sessions.filter(simulated=False).count()
    if n_real:
        raise NotSimulatable(
            f"Study {study.slug} has {n_real} sessions of real people. Simulated "
            "people would take their places; load the study again under another slug."
        )
    if study.simulation:
        planted = Truth.from_json(study.simulation)
        if (planted.world, planted.seed) != (world, seed):
            raise NotSimulatable(
                f"Study {study.slug} has simulated people in the world "
                f"{planted.world} with seed {planted.seed}; asked for {world} with "
                f"seed {seed}. One study has one truth: load it under another slug."
            )
        return planted
    definition = study.definition_model()
    try:
        truth = plant(
            definition.action_ids,
            [dict(action.attributes) for action in definition.actions],
            [dimension.name for dimension in definition.dimensions],
            world=world,
            seed=seed,
        )
    except TruthError as error:
        raise NotSimulatable(f"Study {study.slug}: {error}.") from error
    study.simulation = truth.as_json()
    study.save(update_fields=["simulation"])
    return truth


def join_token(slug: str, number: int) -> str:
    """A token that only this server could have made, for one simulated participant."""
    return signing.dumps({"study": slug, "n": number}, salt=SIMULATED_SALT)


def simulate_participants(
    slug: str,
    base_url: str,
    *,
    truth: Truth,
    numbers: Sequence[int],
    careless: float = 0.0,
    threads: int = 4,
    understood: Mapping[str, str] | None = None,
) -> Summary:
    """Let simulated participants walk through a study, several at a time.

    A participant who cannot go on stops there and is reported; the others go on.

    Args:
        slug: The study, which must be open.
        base_url: Where the site answers, such as http://127.0.0.1:8000.
        truth: What is true; its seed is also that of the people.
        numbers: Which participants walk; a number is a person.
        careless: Share of people who answer carelessly, 0 to 1.
        threads: How many walk at a time.
        understood: What they answer to checks of comprehension: `right_answers`.
    """
    beliefs = Beliefs.from_json(truth.as_json())
    started = time.monotonic()
    own = local()
    clients: list[httpx.Client] = []

    def one(number: int) -> Walk:
        person = SimulatedPerson(beliefs, truth.seed, number, careless)
        if not hasattr(own, "client"):
            own.client = httpx.Client(base_url=base_url, timeout=PATIENCE_S)
            clients.append(own.client)
        own.client.cookies.clear()  # the next person is somebody else
        return _walk(own.client, slug, person, understood or {})

    walks: list[Walk] = []
    pool = ThreadPoolExecutor(threads, thread_name_prefix="participant")
    try:
        with Progress(f"Simulated participants of {slug}", len(numbers)) as progress:
            for walk in as_completed([pool.submit(one, n) for n in numbers]):
                walks.append(walk.result())
                progress.advance()
    finally:
        pool.shutdown(cancel_futures=True)
        for client in clients:
            client.close()
    return _summary(walks, time.monotonic() - started)


def _summary(walks: Iterable[Walk], seconds: float) -> Summary:
    ordered = sorted(walks, key=lambda walk: walk.number)
    answers: Counter[str] = Counter()
    for walk in ordered:
        answers += walk.answers
    return Summary(
        sessions_finished=sum(walk.finished for walk in ordered),
        responses=answers.total(),
        answers=answers,
        problems=tuple(walk.problem for walk in ordered if walk.problem),
        seconds=seconds,
    )


def right_answers(study: Study) -> dict[str, str]:
    """Question -> the answer that lets a person go on: comprehension and screening.

    The one thing that simulated people know without a page saying it: they cannot read
    instructions, and a coin would send half of them away. As many as were asked for can
    take part; how many real people cannot is for nobody to simulate.
    """
    right = {}
    for question in study.definition_model().questions:
        if question.purpose == "comprehension" and question.correct is not None:
            right[question.key] = question.correct
        elif question.screens and question.kind == "choice":
            keys = [option.key for option in question.options]
            let_in = [key for key in keys if key not in question.screen_out]
            right[question.key] = (let_in or [PREFER_NOT_TO_SAY])[0]
        elif question.screens:
            limits = (question.screen_out_below, question.screen_out_above)
            bounds = [bound for bound in limits if bound is not None]
            if bounds:
                right[question.key] = f"{bounds[0]:g}"
    return right


def _walk(
    client: httpx.Client, slug: str, person: SimulatedPerson, right: Mapping[str, str]
) -> Walk:
    """From the invitation to the completion code."""
    answers: Counter[str] = Counter()
    token = join_token(slug, person.number)
    try:
        page = _get(client, reverse("join", args=[slug]) + f"?simulated={token}")
        for _ in range(MOST_PAGES):
            if page.completion_code is not None or _leaves(page.forward, client):
                return Walk(person.number, finished=True, answers=answers)
            if page.complaint:
                raise WalkFailed(f"{page.address} says: {page.complaint}")
            if page.forms:
                form = page.forms[0]
                page = _post(client, form.address, filled_in(form, person, right))
                answers[form.kind] += form.kind in _ANSWERS
            elif page.forward is not None:
                page = _get(client, page.forward)
            else:
                raise WalkFailed(f"{page.address} shows no way to go on")
        raise WalkFailed(f"{page.address}: no end after {MOST_PAGES} pages")
    except (WalkFailed, httpx.HTTPError) as error:
        problem = f"participant {person.number}: {error or type(error).__name__}"
        return Walk(person.number, False, answers, problem)


def _leaves(address: str | None, client: httpx.Client) -> bool:
    """Whether a link leads away from the site, as a platform's completion link does."""
    return address is not None and httpx.URL(address).host != client.base_url.host


def _get(client: httpx.Client, address: str) -> Page:
    return _read(_patiently(client, "GET", address))


def _post(
    client: httpx.Client, address: str, fields: dict[str, str | list[str]]
) -> Page:
    return _read(_patiently(client, "POST", address, fields))


def _patiently(
    client: httpx.Client,
    method: str,
    address: str,
    fields: dict[str, str | list[str]] | None = None,
) -> httpx.Response:
    """Send; after a lost connection once more, as people do who reload a page.

    The server stores an answer once, so that sending it again is safe. (Joining twice
    leaves a session behind that nobody uses.) The header is the one that the page's
    script sends.
    """
    headers = {IN_PLACE: "1"}
    request = partial(client.request, method, address, data=fields, headers=headers)
    try:
        return request(follow_redirects=True)
    except httpx.TransportError:
        return request(follow_redirects=True)


def _read(response: httpx.Response) -> Page:
    if response.is_error:
        said = Page(response.content, str(response.url)).complaint
        raise WalkFailed(
            f"{response.request.method} {response.url.path} answered "
            f"{response.status_code}" + (f": {said}" if said else "")
        )
    return Page(response.content, str(response.url))


def filled_in(
    form: Form, person: SimulatedPerson, right: Mapping[str, str] | None = None
) -> dict[str, str | list[str]]:
    """What this person sends with this form; `right` lets them go on."""
    fields: dict[str, str | list[str]] = dict(form.hidden())
    if form.kind == "consent":
        fields |= _consent(form, person)
    elif form.hooks.get("question") in (right or {}):
        typed = form.hooks.get("question-kind") == "number"
        fields["text" if typed else "choice"] = (right or {})[form.hooks["question"]]
    elif form.kind:
        fields |= _ANSWERS[form.kind](form, person)
    return fields


def _consent(form: Form, person: SimulatedPerson) -> dict[str, str | list[str]]:
    return {
        "of_age": "1",
        "decision": "agree",
        "uses": [
            use
            for use in form.offered("uses", "checkbox")
            if use == "this_study" or person.chance(f"use {use}") < USE_TICKED_SHARE
        ],
    }


def _pair(form: Form, person: SimulatedPerson) -> dict[str, str]:
    a, b = form.action_ids
    return _rating(form, person.similarity_rating(a, b))


def _value(form: Form, person: SimulatedPerson) -> dict[str, str]:
    (action,) = form.action_ids
    rating = person.value_rating(form.hooks["dimension"], action)
    if rating is not None and form.hooks["polarity"] == "reversed":
        rating = 100 - rating  # the page shows the high pole at the left end
    return _rating(form, rating)


def _rating(form: Form, rating: int | None) -> dict[str, str]:
    """The rating on the scale as shown; a row of buttons has fewer places."""
    if rating is None:
        return {"not_understood": "1"}
    if form.slider:
        return {"rating": str(rating)}
    wanted = rating
    places = map(int, form.offered("rating", "radio"))
    return {"rating": str(min(places, key=lambda place: abs(place - wanted)))}


def _triplet(form: Form, person: SimulatedPerson) -> dict[str, str]:
    odd = person.odd_one_out(form.action_ids)
    return {"not_understood": "1"} if odd is None else {"choice": odd}


def _arrangement(form: Form, person: SimulatedPerson) -> dict[str, str]:
    return {"positions": json.dumps(person.arrangement(form.action_ids))}


def _question(form: Form, person: SimulatedPerson) -> dict[str, str]:
    question = form.hooks["question"]
    if options := form.offered("choice", "radio"):
        return {"choice": person.option(question, options)}
    if "optional" in form.hooks:
        return {"text": ""}
    field = form.field("text")
    if field is not None and field.kind == "number":
        low = int(float(field.lowest or 0))
        high = int(float(field.highest or low + 60))
        return {"text": str(person.number_between(question, low, high))}
    return {"text": "No comment."}


_ANSWERS = {
    "pair": _pair,
    "value": _value,
    "triplet": _triplet,
    "arrangement": _arrangement,
    "question": _question,
}
