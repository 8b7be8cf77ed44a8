"""`alignment.raters.raters_file` and `from_file`: raters.toml, read whole or refused."""

from pathlib import Path

import pytest

from alignment.errors import AlignmentError, RatersFileError
from alignment.raters.causal import CausalRater
from alignment.raters.chat import ChatRater
from alignment.raters.from_file import raters_from
from alignment.raters.raters_file import (
    BuiltInEntry,
    CausalEntry,
    EmbeddingEntry,
    RecordedEntry,
    read_raters_file,
)
from alignment.raters.recorded import RecordedRater
from alignment.raters.sentence_models import SentenceModelRater

KEY = "sk-not-for-anyone-7"
KNOWN = """
family = "Tiny"
parameters = 1_000
training = "instruction-tuned"
licence = "MIT"
"""
CHAT = f"""
[[rater]]
name = "tiny"
kind = "chat"
model = "tiny-1"
endpoint = "http://127.0.0.1:9/v1"
{KNOWN}"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(folder: Path, text: str) -> dict[str, str]:
    with pytest.raises(RatersFileError) as refused:
        read_raters_file(write(folder, text))
    assert all(sentence in str(refused.value) for _, sentence in refused.value.faults)
    assert KEY not in f"{refused.value} {refused.getrepr(style='long')}"
    return dict(refused.value.faults)


def test_the_file_that_ships_names_twenty_open_models_of_many_families() -> None:
    file = read_raters_file(Path("raters.toml"))

    models = [e for e in file.rater if not isinstance(e, BuiltInEntry | RecordedEntry)]
    assert len(models) >= 20
    assert len({entry.family for entry in models}) >= 12
    assert all(entry.parameters and entry.licence for entry in models)
    sizes = [entry.parameters or 0 for entry in models]
    assert max(sizes) / min(sizes) > 100
    assert {type(entry) for entry in models} >= {EmbeddingEntry, CausalEntry}
    assert len({entry.training for entry in models}) >= 4
    assert (file.asking.paraphrases, file.asking.both_orders) == (3, True)
    assert file.asking.reversed_scale


def test_the_shipped_rewordings_are_of_the_built_in_studys_own_questions() -> None:
    study = Path("collection/studies/everyday/study.toml").read_text(encoding="utf-8")

    for each in read_raters_file(Path("raters.toml")).rewording:
        assert f'"{each.of}"' in study
        assert len(each.sentences) >= 2


def test_a_file_of_ones_own_goes_before_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raters.toml").write_text(CHAT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert [entry.name for entry in read_raters_file(Path("raters.toml")).rater] == [
        "tiny"
    ]


def test_entries_become_raters_and_say_otherwise_than_all(tmp_path: Path) -> None:
    text = f"""
[asking]
paraphrases = 2
both_orders = false
repeats = 2
n_pairs = 7
seed = 3

[[rewording]]
of = "Alike?"
as = ["Similar?"]

[[rater]]
kind = "builtin"
name = "length"
{CHAT}
api_key_env = "TINY_KEY"
repeats = 5
n_triplets = 4
values = false
temperature = 0.7
reply_as = "object"
price_in = 2

[[rater]]
name = "local"
kind = "causal"
model = "lab/tiny"
{KNOWN}
[[rater]]
name = "layers"
kind = "embedding"
model = "lab/bert"
layers = [0, 12]
{KNOWN}
[[rater]]
name = "elsewhere"
kind = "recorded"
family = "Large"
files = ["pairs.csv", "values.csv"]
"""
    length, chat, local, first, last, elsewhere = raters_from(
        write(tmp_path, text), cache=tmp_path / "cache"
    )

    assert length.name == "length"
    assert isinstance(chat, ChatRater)
    told = chat.settings
    assert (told.model, told.n_pairs, told.n_triplets, told.values) == (
        "tiny-1",
        7,
        4,
        False,
    )
    assert (told.temperature, told.reply_as, told.seed) == (0.7, "object", 3)
    assert (told.design.paraphrases, told.design.repeats) == (2, 5)
    assert told.design.rewordings == {"Alike?": ("Similar?",)}
    assert (told.api_key_env, told.served_by) == ("TINY_KEY", "http://127.0.0.1:9/v1")
    assert chat.prices.per_million_in == 2
    assert chat.facts["licence"] == "MIT"
    assert chat.cache.folder == tmp_path / "cache"
    assert isinstance(local, CausalRater)
    assert (local.settings.design.repeats, local.settings.n_pairs) == (1, 7)
    assert isinstance(first, SentenceModelRater)
    assert isinstance(last, SentenceModelRater)
    assert (first.name, first.settings.layer) == ("layers-layer0", 0)
    assert (last.name, last.settings.layer) == ("layers-layer12", 12)
    assert first.family == last.family == "Tiny"
    assert isinstance(elsewhere, RecordedRater)
    assert elsewhere.path == tmp_path / "pairs.csv"
    assert elsewhere.more_paths == (tmp_path / "values.csv",)


def test_some_can_be_chosen_by_the_name_of_entry_or_layer() -> None:
    path = Path("raters.toml")

    assert [r.name for r in raters_from(path, only=["mpnet"])] == ["mpnet"]
    assert len(raters_from(path, only=["bert-base"])) == 4
    assert [r.name for r in raters_from(path, only=["bert-base-layer4", "gpt2"])] == [
        "bert-base-layer4",
        "gpt2",
    ]
    with pytest.raises(AlignmentError, match=r"no rater bert, gpt9; it has .*mpnet"):
        raters_from(path, only=["bert", "gpt9"])


def test_all_faults_are_told_at_once_each_with_its_place(tmp_path: Path) -> None:
    text = f"""
colour = "red"
[asking]
paraphrases = 0
[[rewording]]
of = "Alike?"
as = []
{CHAT}
temperature = 3
[[rater]]
name = "Big Bert"
kind = "embedding"
model = "lab/bert"
family = "BERT"
training = "magic"
pooling = "max"
[[rater]]
name = "odd"
kind = "oracle"
[[rater]]
name = "bare"
[[rater]]
kind = "builtin"
name = "bert"
"""
    found = faults(tmp_path, text)

    assert found == {
        "colour": "is no field of it",
        "asking.paraphrases": "must be greater than or equal to 1; got 0",
        "rewording 1, as": "needs at least one entry",
        "rater 1 (tiny), temperature": "must be less than or equal to 2; got 3",
        "rater 2 (Big Bert), name": found["rater 2 (Big Bert), name"],
        "rater 2 (Big Bert), training": found["rater 2 (Big Bert), training"],
        "rater 2 (Big Bert), licence": "is required and was not given",
        "rater 2 (Big Bert), pooling": "must be 'mean', 'cls' or 'last'; got 'max'",
        "rater 3 (odd)": "its kind must be embedding, causal, chat, recorded or builtin",
        "rater 4 (bare)": "needs a kind: embedding, causal, chat, recorded or builtin",
        "rater 5 (bert), name": found["rater 5 (bert), name"],
    }
    assert "'contrastive'" in found["rater 2 (Big Bert), training"]


def test_names_that_would_collide_are_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, CHAT + CHAT) == {
        "": "two raters are called tiny; give one another name"
    }
    twice = '[[rewording]]\nof = "Alike?"\nas = ["Similar?"]\n' * 2
    assert faults(tmp_path, twice + CHAT) == {
        "": "'Alike?' is reworded twice; put it into one place"
    }


@pytest.mark.parametrize(
    ("line", "place", "sentence"),
    [
        (f'api_key = "{KEY}"', "api_key", "is no field of it"),
        (
            f'api_key_env = "{KEY}"',
            "api_key_env",
            "must be the name of an environment variable, such as EXAMPLE_KEY, never "
            "the key itself",
        ),
        (f'api_key_env = ["{KEY}"]', "api_key_env", "must be a valid string"),
        (f'max_tokens = "{KEY}"', "max_tokens", "must be a valid integer"),
    ],
)
def test_a_key_in_the_file_is_refused_and_not_repeated(
    tmp_path: Path, line: str, place: str, sentence: str
) -> None:
    (found,) = faults(tmp_path, f"{CHAT}\n{line}\n").items()

    assert found[0] == f"rater 1 (tiny), {place}"
    assert found[1].startswith(sentence)


def test_a_key_in_an_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    text = CHAT.replace("http://127.0.0.1:9/v1", f"https://a.example/v1?key={KEY}")

    (found,) = faults(tmp_path, text).items()

    assert found[0] == "rater 1 (tiny), endpoint"
    assert "must hold no user, password or parameters" in found[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[rater", "mine.toml: is not TOML: "),
        ("", "mine.toml: rater: is required and was not given"),
        ("rater = []", r"mine.toml: needs at least one \[\[rater\]\]"),
        ("rater = 5", "rater: must be a valid tuple"),
    ],
)
def test_what_is_no_raters_file_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(RatersFileError, match=message):
        read_raters_file(write(tmp_path, text))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RatersFileError, match=r"none\.toml: cannot be read \(No such"):
        read_raters_file(tmp_path / "none.toml")
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RatersFileError, match=r"cannot be read \(not UTF-8 text\)"):
        read_raters_file(tmp_path / "mine.toml")
