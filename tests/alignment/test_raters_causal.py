"""`alignment.raters.causal`: expected ratings, exact to the last digit."""

import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.raters.base import MoreQuestions, RaterResult, ValueQuestion
from alignment.raters.causal import CausalRater, CausalSettings
from alignment.raters.number_tree import number_probabilities, spell
from alignment.raters.questions import FULL_DESIGN, Design
from alignment.raters.reply_cache import ReplyCache
from tests.tiny_models import tiny_gpt

WORDING = {
    "pair": "How similar are they?",
    "pair_low": "not at all",
    "pair_high": "very",
    "triplet": "Which is the odd one?",
}
MORALITY = ValueQuestion("morality", "How moral is it?", "immoral", "moral")
ACTIONS = Actions(("help", "lie", "sing"), ("I help.", "I lie.", "I sing."), ({},) * 3)
MORE = MoreQuestions((MORALITY,), np.array([[0, 1, 2]]))


@pytest.fixture(scope="module", params=["digits", "whole numbers"])
def gpt(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Path:
    whole = request.param == "whole numbers"
    return tiny_gpt(tmp_path_factory.mktemp("gpt"), whole_numbers=whole)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gpt(tmp_path_factory.mktemp("digits"))


def rater(model: Path, cache: Path | None = None, **settings: Any) -> CausalRater:
    told = CausalSettings(
        str(model), **{"device": "cpu", "least_on_scale": 0.0, **settings}
    )
    return CausalRater("tiny", "Tiny", told, ReplyCache(cache))


def judged(model: Path, cache: Path | None = None, **settings: Any) -> RaterResult:
    return rater(model, cache, **settings).judge(ACTIONS, WORDING, more=MORE)


SOME = (0, 1, 7, 10, 70, 99, 100)


def twin(model: Any, prompt: list[int], tokenizer: Any) -> list[float]:
    """One plain pass for each beginning of each spelling, without memory or floor."""
    import torch

    def next_(path: tuple[int, ...]) -> Any:
        with torch.no_grad():
            said = model(input_ids=torch.tensor([[*prompt, *path]]))
        return said.logits[0, -1].double().softmax(-1)

    digit = [k for word, k in tokenizer.get_vocab().items() if word[0] in "0123456789"]
    found = []
    for number in SOME:
        total = 0.0
        for text in (str(number), f" {number}"):
            path = tuple(tokenizer(text)["input_ids"])
            chance = 1.0
            for k, token in enumerate(path):
                chance *= float(next_(path[:k])[token])
            total += chance * float(1 - next_(path)[digit].sum())
        found.append(total)
    return found


class Forgetful:
    """A model whose memory is of a kind that cannot be copied."""

    def __init__(self, model: Any) -> None:
        self.model, self.device = model, model.device

    def __call__(self, input_ids: Any, **_: Any) -> Any:
        return SimpleNamespace(logits=self.model(input_ids=input_ids).logits)


def test_every_number_has_the_probability_that_plain_passes_give(gpt: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gpt)
    model = AutoModelForCausalLM.from_pretrained(gpt).eval()
    prompt = tokenizer("How similar?\n\nAnswer:")["input_ids"]
    tree = spell(tokenizer, range(101), after=":")

    found = number_probabilities(model, prompt, tree, floor=0.0)

    slow = twin(model, prompt, tokenizer)
    np.testing.assert_allclose([found[n] for n in SOME], slow, rtol=1e-4)
    assert 0 < sum(found.values()) < 1
    forgetful = number_probabilities(Forgetful(model), prompt, tree, floor=0.0)
    assert forgetful == pytest.approx(found, rel=1e-4)
    rough = number_probabilities(model, prompt, tree, floor=1e-4)
    assert sum(abs(rough[n] - found[n]) for n in range(101)) < 101e-4


def test_numbers_are_spelled_as_the_tokenizer_would(gpt: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gpt)

    tree = spell(tokenizer, range(101), after=":")

    said = {tokenizer.decode(path): number for path, number in tree.ends.items()}
    assert said == {
        text: number for number in range(101) for text in (str(number), f" {number}")
    }


def test_a_rating_is_the_mean_over_what_the_model_would_write(
    gpt: Path, tmp_path: Path
) -> None:
    result = judged(gpt, tmp_path, n_pairs=1, n_triplets=0, values=False)

    (reply,), (file,) = result.replies, tmp_path.rglob("*.json")
    entry = json.loads(file.read_text())
    mass = {int(n): p for n, p in entry["reply"]["probabilities"].items()}
    mean = sum(n * p for n, p in mass.items()) / sum(mass.values())
    assert reply.score == pytest.approx(mean)
    assert reply.off_scale == pytest.approx(1 - sum(mass.values()))
    assert reply.rating == max(mass, key=lambda n: mass[n])
    assert reply.text == str(reply.rating)
    assert result.matrix.n_missing == 2
    assert np.nanmin(result.matrix.values) == pytest.approx(mean / 100)


def test_values_and_triplets_are_read_too(digits: Path) -> None:
    result = judged(digits)

    assert result.matrix.complete
    assert not np.isnan(result.values["morality"].values).any()
    assert result.triplets is not None
    assert result.triplets.odd[0] in (0, 1, 2)
    assert result.provenance is not None
    assert result.provenance.counts["device"] == "cpu"
    assert result.provenance.counts["mean_off_scale"] > 0


def test_what_was_read_once_is_not_read_again(digits: Path, tmp_path: Path) -> None:
    first = judged(digits, tmp_path)
    left = rater(digits, tmp_path).forecast(ACTIONS, WORDING, more=MORE)

    again = judged(digits, tmp_path)

    assert (left.n_questions, left.n_known) == (0, 7)
    assert all(reply.cached for reply in again.replies)
    assert not any(reply.cached for reply in first.replies)
    np.testing.assert_array_equal(again.matrix.values, first.matrix.values)
    assert again.provenance is not None
    assert first.provenance is not None
    assert again.provenance.identity == first.provenance.identity


@pytest.mark.parametrize(
    "other", [{"template": "plain"}, {"dtype": "bfloat16"}, {"floor": 1e-3}]
)
def test_another_setting_is_another_question(
    digits: Path, tmp_path: Path, other: dict[str, Any]
) -> None:
    judged(digits, tmp_path)

    assert not any(reply.cached for reply in judged(digits, tmp_path, **other).replies)


def test_what_lies_off_the_scale_does_not_count(digits: Path) -> None:
    result = judged(digits, least_on_scale=0.99)

    assert {reply.outcome for reply in result.replies} == {"unparsable"}
    assert all(reply.off_scale > 0.01 for reply in result.replies)
    assert (result.n_asked, result.n_refused) == (3, 3)


def test_the_conditions_are_those_of_chat_models(digits: Path) -> None:
    result = judged(digits, design=FULL_DESIGN, floor=0.05)

    assert len(result.replies) == 3 * 8 + 3 * 4 + 9
    assert {(r.task, r.factor) for r in result.variation} == {
        *itertools.product(["pair"], ["paraphrase", "order", "reversal"]),
        *itertools.product(["value"], ["paraphrase", "reversal"]),
        *itertools.product(["triplet"], ["paraphrase", "order"]),
    }


def test_a_chat_template_is_used_where_there_is_one(
    digits: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    plain = judged(digits).replies[0].score
    chatty = tiny_gpt(tmp_path / "chatty")
    tokenizer = AutoTokenizer.from_pretrained(chatty)
    tokenizer.chat_template = (
        "{% for m in messages %}<{{ m.role }}> {{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}<assistant>\n{% endif %}"
    )
    tokenizer.save_pretrained(chatty)

    assert judged(chatty).replies[0].score != pytest.approx(plain)
    assert judged(chatty, template="plain").replies[0].score == pytest.approx(plain)
    with pytest.raises(AlignmentError, match="has no chat template; ask it with"):
        judged(digits, template="chat")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"template": "poem"}, "template must be one of auto, chat, plain, got poem"),
        ({"dtype": "int8"}, "dtype must be one of"),
        ({"floor": 1.0}, "floor must be 0 or more and below 1, got 1"),
        ({"n_pairs": 0}, "n_pairs must be at least 1, got 0"),
        ({"n_triplets": -1}, "n_triplets must be at least 0, got -1"),
    ],
)
def test_impossible_settings_are_refused(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(AlignmentError, match=message):
        CausalSettings("some/model", **settings)


def test_nothing_is_drawn_so_nothing_is_repeated(digits: Path) -> None:
    with pytest.raises(AlignmentError, match="repeats must be 1, got 2"):
        judged(digits, design=Design(repeats=2))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AlignmentError, match="rater tiny: transformers cannot load"):
        judged(tmp_path)


def test_where_a_model_lies_on_this_machine_is_not_told(digits: Path) -> None:
    result = judged(digits)

    assert result.provenance is not None
    assert result.provenance.model == digits.name
    told = f"{result.provenance} {result.description}"
    assert str(digits.parent) not in told
