"""`alignment.raters`: raters by name."""

from pathlib import Path

import pytest

from alignment.errors import AlignmentError
from alignment.raters import CHAT_RATERS, RATERS, RaterOptions, make_raters
from alignment.raters.chat import ChatRater


def test_every_rater_is_called_what_the_table_calls_it() -> None:
    made = make_raters(RATERS, RaterOptions())

    assert [rater.name for rater in made] == list(RATERS)
    assert {rater.name for rater in made if rater.kind == "chat"} == set(CHAT_RATERS)


def test_the_chat_model_gets_the_options(tmp_path: Path) -> None:
    (rater,) = make_raters(["smollm2"], RaterOptions(7, 3, tmp_path))

    assert isinstance(rater, ChatRater)
    assert (rater.settings.n_pairs, rater.settings.seed) == (7, 3)
    assert rater.cache.folder == tmp_path


def test_no_pairs_leave_the_chat_models_out() -> None:
    made = make_raters(["smollm2", "length"], RaterOptions(chat_pairs=0))

    assert [rater.name for rater in made] == ["length"]


def test_an_unknown_rater_is_refused_with_those_there_are() -> None:
    with pytest.raises(AlignmentError, match=r"no rater bert; .* minilm, wordllama"):
        make_raters(["minilm", "bert"], RaterOptions())


def test_a_rater_named_twice_is_refused() -> None:
    with pytest.raises(AlignmentError, match="length stands twice"):
        make_raters(["length", "words", "length"], RaterOptions())
