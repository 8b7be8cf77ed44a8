"""What a program reads from a page."""

from __future__ import annotations

from collection.simulated_pages import Page

ADDRESS = "http://site/p/1/trial/"

TRIAL = b"""<!doctype html><html><body><header><form method="post" action="/elsewhere/">
<input name="language" type="hidden" value="en"></form></header>
<main><div role="alert" hidden>Nothing was stored yet</div>
<form method="post" action="/p/1/trial/" data-trial-id="t1" data-kind="value"
  data-dimension="morality" data-polarity="reversed">
<input type="hidden" name="csrfmiddlewaretoken" value="secret">
<input type="hidden" name="trial_id" value="t1">
<ul><li data-action-id="help-move">I help a friend move house.</li></ul>
<div data-slider><input type="radio" name="rating" value="0">
<input type="radio" name="rating" value="100"></div>
<input type="number" name="text" min="3" max="9">
<button type="submit">Next</button>
<button type="submit" name="not_understood" value="1">I do not understand</button>
</form></main></body></html>"""


def test_a_trials_hooks_are_read() -> None:
    (form,) = Page(TRIAL, ADDRESS).forms

    assert form.address == ADDRESS
    assert form.kind == "value"
    assert form.hooks["dimension"] == "morality"
    assert form.hooks["polarity"] == "reversed"
    assert form.action_ids == ("help-move",)
    assert form.slider


def test_only_hidden_fields_are_sent_by_themselves() -> None:
    (form,) = Page(TRIAL, ADDRESS).forms

    assert form.hidden() == {"csrfmiddlewaretoken": "secret", "trial_id": "t1"}
    assert form.offered("rating", "radio") == ["0", "100"]
    assert form.offered("not_understood", "button") == ["1"]
    number = form.field("text")
    assert number is not None
    assert (number.lowest, number.highest) == ("3", "9")
    assert form.field("choice") is None


def test_a_complaint_is_read_only_where_it_is_shown() -> None:
    shown = TRIAL.replace(b'role="alert" hidden', b'role="alert"')

    assert Page(TRIAL, ADDRESS).complaint == ""
    assert Page(shown, ADDRESS).complaint == "Nothing was stored yet"


def test_the_completion_code_ends_the_walk() -> None:
    page = Page(b"<main><span data-completion-code> THANKS-1 </span></main>", ADDRESS)

    assert page.completion_code == "THANKS-1"
    assert Page(TRIAL, ADDRESS).completion_code is None


def test_the_main_button_leads_on() -> None:
    page = Page(
        b'<main><a href="/withdraw/">Stop</a>'
        b'<a class="button" href="../trial/">Begin</a></main>',
        "http://site/p/1/instructions/",
    )

    assert page.forward == "http://site/p/1/trial/"
    assert Page(TRIAL, ADDRESS).forward is None
