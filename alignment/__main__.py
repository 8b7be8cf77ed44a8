"""The commands of the alignment library.

python -m alignment import --pairs P --values V --out SNAPSHOT --name NAME
python -m alignment import --bridge-verbs 2 --out SNAPSHOT
python -m alignment ask SNAPSHOT --raters raters.toml
python -m alignment report SNAPSHOT --out REPORT [--raters raters.toml]
python -m alignment measures
"""

import argparse
import os
import sys
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from alignment.errors import AlignmentError

if TYPE_CHECKING:
    from alignment.importers import ImportSettings
    from alignment.raters.base import Rater
    from alignment.report_files import ReportData

DEFAULT_RATERS = "minilm,wordllama,smollm2,length,words"
REFUSED = 1
CHAT_KEY = "ATTUNE_CHAT_KEY"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 if it went well, 1 if it was refused with a sentence."""
    chosen = _parser().parse_args(arguments)
    try:
        code: int = chosen.run(chosen)
    except AlignmentError as refusal:
        print(f"alignment {chosen.command}: {refusal}", file=sys.stderr)
        return REFUSED
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUSED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m alignment",
        description="Compare language models' similarity judgments with people's.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_report(commands.add_parser("report", help="snapshot -> alignment report"))
    _add_ask(commands.add_parser("ask", help="ask models one by one, and remember"))
    _add_import(
        commands.add_parser("import", help="people's data from elsewhere -> snapshot")
    )
    measures = commands.add_parser("measures", help="what each measure is good for")
    measures.set_defaults(run=_measures)
    return parser


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="report folder")
    parser.add_argument(
        "--raters",
        default=DEFAULT_RATERS,
        help="built-in raters and files such as raters.toml, or none "
        f"(default: {DEFAULT_RATERS})",
    )
    _add_choice_of_raters(parser)
    parser.add_argument(
        "--chat-pairs",
        type=_pairs,
        default=100,
        metavar="N",
        help="pairs a chat model is asked, or all; 0 leaves chat models out "
        "(default: 100)",
    )
    parser.add_argument(
        "--recorded",
        type=_named,
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="a rater whose judgments lie in a file (.npz or .csv)",
    )
    parser.add_argument(
        "--embedding",
        type=_named,
        action="append",
        default=[],
        metavar="NAME=MODEL",
        help="any sentence-transformers model, by hub name or folder",
    )
    parser.add_argument(
        "--chat",
        type=_named,
        action="append",
        default=[],
        metavar="NAME=MODEL@URL",
        help="a chat model behind an OpenAI-compatible address (.../v1); its key is "
        "read from ATTUNE_CHAT_KEY",
    )
    parser.add_argument(
        "--chat-schema",
        action="store_true",
        help="hold the replies of --chat models to a whole number by a JSON schema",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resamples", type=int, default=1000, metavar="N")
    parser.add_argument("--permutations", type=int, default=1000, metavar="N")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(".cache/chat"),
        help="folder of chat replies (default: .cache/chat)",
    )
    parser.add_argument("--no-figures", action="store_true")
    parser.add_argument(
        "--split-seed",
        type=int,
        default=1,
        metavar="SEED",
        help="alignment is also measured on the blocks of a sweep with this seed "
        "(default: 1, as in the specs that come with Attune)",
    )
    parser.add_argument(
        "--splits",
        type=int,
        default=64,
        metavar="N",
        help="replicates of that sweep whose splits are averaged (default: 64)",
    )
    parser.set_defaults(run=_report)


def _add_ask(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("snapshot", type=Path)
    parser.add_argument(
        "--raters",
        required=True,
        help="files such as raters.toml, and built-in raters",
    )
    _add_choice_of_raters(parser)
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(".cache/chat"),
        help="folder of all answers (default: .cache/chat)",
    )
    parser.add_argument("--out", type=Path, help="folder of what they answered, drawn")
    parser.add_argument("--chat-pairs", type=_pairs, default=100, metavar="N")
    parser.set_defaults(run=_ask, seed=0)


def _add_choice_of_raters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only",
        default="",
        metavar="A,B",
        help="raters of the files to take (default: all)",
    )
    parser.add_argument(
        "--forecast",
        action="store_true",
        help="tell what asking will take, and stop",
    )


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="snapshot folder")
    parser.add_argument("--pairs", type=Path, help="CSV of pairs")
    parser.add_argument("--values", type=Path, help="CSV of ratings by rater")
    parser.add_argument("--name", help="slug of the study")
    parser.add_argument("--title", default="")
    parser.add_argument("--source", default="", help="where the data come from")
    parser.add_argument(
        "--similarity-from",
        default="distance-linear",
        choices=["distance-linear", "distance-exp", "similarity"],
    )
    parser.add_argument(
        "--pair-columns",
        default="verb_a,verb_b,distance",
        metavar="A,B,NUMBER",
        help="columns of --pairs (default: verb_a,verb_b,distance)",
    )
    parser.add_argument(
        "--value-columns",
        default="verb,rater,sample",
        metavar="ACTION,RATER[,SAMPLE]",
        help="columns of --values (default: verb,rater,sample)",
    )
    parser.add_argument(
        "--dimension",
        type=_named,
        action="append",
        default=[],
        metavar="COLUMN=NAME",
        help="a rating column and its value dimension (default: E=evaluation)",
    )
    parser.add_argument(
        "--value-range", type=_range, default=(-4.3, 4.3), metavar="LOW:HIGH"
    )
    parser.add_argument(
        "--samples", default="", metavar="A,B", help="samples to take (default: all)"
    )
    parser.add_argument(
        "--pool-raters",
        action="store_true",
        help="every rater counts alike (default: every sample counts alike)",
    )
    parser.add_argument(
        "--bridge-verbs",
        type=int,
        choices=[2, 6],
        metavar="CLASS",
        help="import this class of the bridge-verbs data from ATTUNE_DATA",
    )
    parser.set_defaults(run=_import)


def _report(chosen: argparse.Namespace) -> int:
    from alignment.raters.raters_file import place_of
    from alignment.report import ReportSettings, write_report
    from alignment.report_blocks import BlockSettings

    built_in, from_files = _chosen_raters(chosen)
    more_raters = [*_more_raters(chosen), *from_files]
    _tell_forecasts(chosen, built_in, more_raters)
    if chosen.forecast:
        return 0
    settings = ReportSettings(
        raters=built_in,
        recorded=tuple((name, Path(file)) for name, file in chosen.recorded),
        raters_files=tuple(place_of(file) for file in _named_files(chosen)),
        chat_pairs=chosen.chat_pairs,
        seed=chosen.seed,
        n_resamples=chosen.resamples,
        n_permutations=chosen.permutations,
        cache=chosen.cache,
        figures=not chosen.no_figures,
        blocks=BlockSettings(seed=chosen.split_seed, n_splits=chosen.splits),
    )
    report = write_report(
        chosen.snapshot, chosen.out, settings, more_raters=more_raters
    )
    _print_report(report)
    return 0


def _ask(chosen: argparse.Namespace) -> int:
    from alignment.answers import write_answers
    from alignment.ask import ask_each, asked_of_people
    from alignment.raters import RaterOptions, make_raters
    from alignment.snapshots import read_snapshot

    built_in, from_files = _chosen_raters(chosen)
    _tell_forecasts(chosen, built_in, from_files)
    if chosen.forecast:
        return 0
    options = RaterOptions(chosen.chat_pairs, chosen.seed, chosen.cache)
    raters = [*make_raters(built_in, options), *from_files]
    snapshot = read_snapshot(chosen.snapshot)
    results, refusals = ask_each(raters, asked_of_people(snapshot), print)
    if chosen.out is not None and results:
        write_answers(snapshot, chosen.out, raters, results, refusals)
    return REFUSED if refusals and (chosen.out is None or not results) else 0


def _chosen_raters(chosen: argparse.Namespace) -> tuple[tuple[str, ...], list["Rater"]]:
    """The built-in raters named by --raters, and the raters of its files."""
    from alignment.raters.from_file import raters_from

    files = _named_files(chosen)
    built_in = tuple(name for name in _named_raters(chosen) if not _is_file(name))
    only = [name.strip() for name in chosen.only.split(",") if name.strip()]
    if only and not files:
        raise AlignmentError("--only chooses from files: name one with --raters")
    raters = [
        rater
        for file in files
        for rater in raters_from(file, cache=chosen.cache, only=only)
    ]
    return () if built_in == ("none",) else built_in, raters


def _named_raters(chosen: argparse.Namespace) -> list[str]:
    return [name.strip() for name in chosen.raters.split(",") if name.strip()]


def _named_files(chosen: argparse.Namespace) -> list[Path]:
    return [Path(name) for name in _named_raters(chosen) if _is_file(name)]


def _is_file(name: str) -> bool:
    return name.endswith(".toml")


def _tell_forecasts(
    chosen: argparse.Namespace, built_in: Sequence[str], more: Sequence["Rater"]
) -> None:
    """Say what asking will take, of those raters that are asked in words."""
    from alignment.ask import asked_of_people, forecasts, told
    from alignment.raters import RaterOptions, make_raters
    from alignment.snapshots import read_snapshot

    options = RaterOptions(chosen.chat_pairs, chosen.seed, chosen.cache)
    raters = [*make_raters(built_in, options), *more]
    if any(rater.kind in ("chat", "causal") for rater in raters):
        asked = asked_of_people(read_snapshot(chosen.snapshot))
        for sentence in told(forecasts(raters, asked)):
            print(sentence, file=sys.stdout if chosen.forecast else sys.stderr)


def _more_raters(chosen: argparse.Namespace) -> list["Rater"]:
    from alignment.raters.chat import ChatRater, ChatSettings, at
    from alignment.raters.embedding_cache import EmbeddingCache
    from alignment.raters.reply_cache import ReplyCache
    from alignment.raters.sentence_models import sentence_transformer

    raters: list[Rater] = [
        sentence_transformer(name, model, EmbeddingCache(chosen.cache))
        for name, model in chosen.embedding
    ]
    for name, place in chosen.chat if chosen.chat_pairs != 0 else ():
        model, _, url = place.rpartition("@")
        if not model:
            raise AlignmentError(f"--chat {name}: needs NAME=MODEL@URL, got {place}")
        settings = ChatSettings(
            model=model,
            n_pairs=chosen.chat_pairs,
            seed=chosen.seed,
            reply_as="integer" if chosen.chat_schema else "text",
            served_by=url,
            api_key_env=CHAT_KEY if os.environ.get(CHAT_KEY) else None,
        )
        raters.append(
            ChatRater(name, model, at(url), settings, ReplyCache(chosen.cache))
        )
    return raters


def _print_report(report: "ReportData") -> None:
    """The alignment by the first measure, what is known of reliability, the notes."""
    if report.simulated:
        print("SIMULATED PARTICIPANTS")
    first = [row for row in report.alignment if row.measure == "spearman"]
    width = max((len(row.rater) for row in first), default=0)
    for row in first:
        said = (
            row.note
            if isnan(row.value)
            else f"{row.value:6.3f} [{row.low:6.3f}, {row.high:6.3f}]  p = {row.p:.3f}"
        )
        print(f"{row.rater:<{width}}  Spearman with {row.against}: {said}")
    for known in report.reliability:
        if known.what == "noise_ceiling":
            told = f"[{known.low:.3f}, {known.high:.3f}]"
            print(
                known.note
                if isnan(known.value)
                else f"noise ceiling: {known.value:.3f} {told}"
            )
    for note in report.notes:
        print(note)
    print(f"Report: {report.folder}")


def _import(chosen: argparse.Namespace) -> int:
    from alignment.importers import (
        data_folder,
        import_bridge_verbs,
        import_study,
    )

    if chosen.bridge_verbs is not None:
        data = data_folder()
        if data is None:
            raise AlignmentError(
                "the bridge-verbs data are not on this machine; set ATTUNE_DATA to "
                "the folder that holds bridge-verbs"
            )
        manifest = import_bridge_verbs(
            data,
            chosen.bridge_verbs,
            chosen.out,
            similarity_from=chosen.similarity_from,
        )
    else:
        if chosen.pairs is None or chosen.name is None:
            raise AlignmentError("needs --pairs and --name, or --bridge-verbs")
        manifest = import_study(
            chosen.pairs,
            chosen.values,
            chosen.out,
            name=chosen.name,
            title=chosen.title,
            settings=_import_settings(chosen),
        )
    counts = manifest["counts"]
    print(
        f"Snapshot: {chosen.out} ({counts['actions']:,} actions, "
        f"{counts['similarity_judgments']:,} pairs, "
        f"{counts['value_judgments']:,} ratings)"
    )
    return 0


def _import_settings(chosen: argparse.Namespace) -> "ImportSettings":
    from alignment.importers import (
        EVALUATION,
        Columns,
        ImportSettings,
        plain_dimension,
    )

    pair = chosen.pair_columns.split(",")
    value = chosen.value_columns.split(",")
    if len(pair) != 3 or len(value) not in (2, 3):
        raise AlignmentError(
            "--pair-columns needs three names and --value-columns two or three; got "
            f"{chosen.pair_columns} and {chosen.value_columns}"
        )
    dimensions = {
        column: EVALUATION if name == EVALUATION["name"] else plain_dimension(name)
        for column, name in chosen.dimension or [("E", "evaluation")]
    }
    return ImportSettings(
        similarity_from=chosen.similarity_from,
        dimensions=dimensions,
        value_range=chosen.value_range,
        samples=tuple(each for each in chosen.samples.split(",") if each),
        pool_groups_equally=not chosen.pool_raters,
        columns=Columns(*pair, *value, *([None] if len(value) == 2 else [])),
        source=chosen.source,
    )


def _measures(chosen: argparse.Namespace) -> int:
    from alignment.measures.table import MEASURES

    for measure in MEASURES.values():
        low, high = measure.range
        print(f"{measure.name} ({measure.label}), {low:g} to {high:g}")
        print(f"  compares {measure.compares}{measure.needs}")
        print(f"  use when {measure.use_when}")
        print(f"  misleads when {measure.misleads_when}")
        unmoved = ", ".join(sorted(measure.invariant_to)) or "nothing but order"
        sides = "either side may stand first" if measure.symmetric else "not symmetric"
        print(f"  unchanged by: {unmoved}; {sides}")
        print(f"  {measure.cost}; {measure.reference}")
    return 0


def _named(text: str) -> tuple[str, str]:
    name, found, rest = text.partition("=")
    if not (name and found and rest):
        raise argparse.ArgumentTypeError(f"needs two names around =, got {text!r}")
    return name, rest


def _pairs(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdigit():
        raise argparse.ArgumentTypeError(
            f"needs a number of pairs or all, got {text!r}"
        )
    return int(text)


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    try:
        return float(low), float(high)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"needs two numbers as LOW:HIGH, got {text!r}"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
