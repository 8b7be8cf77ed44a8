"""The command line: python -m bandits sweep | check | measures | bridge-verbs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from alignment.errors import AlignmentError
from bandits.errors import BanditError, SpecError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0, or 1 after a refusal."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except SpecError as refusal:
        print(_listed(refusal), file=sys.stderr)
    except (BanditError, AlignmentError) as refusal:
        print(refusal, file=sys.stderr)
    return 1


def _sweep(given: argparse.Namespace) -> int:
    # Imported here: `--help` and a fault in the spec must not wait for torch.
    from alignment.report_files import read_report
    from bandits.plan import check
    from bandits.spec import read_document
    from bandits.sweep import run_sweep

    document = read_document(given.spec)
    if given.seed is not None:
        document["seed"] = given.seed
    spec = check(document, read_report(given.source))
    out = run_sweep(
        spec,
        given.source,
        given.out,
        processes=given.processes,
        resume=given.resume,
        device=given.device,
        figures=not given.no_figures,
    )
    for line in _told(out):
        print(line)
    return 0


def _check(given: argparse.Namespace) -> int:
    from alignment.report_files import read_report
    from bandits.plan import check, forecast
    from bandits.spec import read_document

    report = None if given.source is None else read_report(given.source)
    spec = check(read_document(given.spec), report)
    for line in forecast(spec, report):
        print(line)
    return 0


def _bridge_verbs(given: argparse.Namespace) -> int:
    from bandits.bridge_verbs import run_bridge_verbs

    for line in run_bridge_verbs(given.data, given.out, processes=given.processes):
        print(line)
    return 0


def _measures(given: argparse.Namespace) -> int:
    from bandits.metric_page import table_lines

    for line in table_lines():
        print(line)
    return 0


def _told(out: Path) -> list[str]:
    from bandits.results import read_sweep

    sweep = read_sweep(out)
    lines = [
        f"{task}: {note}" for task, note in sweep.manifest["notes"].items() if note
    ]
    skipped = sweep.manifest["skipped_kernels"]
    lines += [f"{rater}: {reason}" for rater, reason in skipped.items()]
    count = len({row["cell"] for row in sweep.cells})
    return [*lines, f"{count:,} cells of {sweep.spec.n_runs:,} runs in {out}"]


def _listed(refusal: SpecError) -> str:
    count = len(refusal.faults)
    head = f"The spec has {count} fault{'s' * (count != 1)}:"
    return "\n".join(
        [head, *(f"  {place}: {sentence}" for place, sentence in refusal.faults)]
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bandits", description=__doc__)
    commands = parser.add_subparsers(required=True)

    sweep = commands.add_parser("sweep", help="simulate every cell of a spec")
    sweep.add_argument("spec", help="a TOML file, or the name of a built-in spec")
    sweep.add_argument("--from", dest="source", type=Path, required=True)
    sweep.add_argument("--out", type=Path, required=True)
    sweep.add_argument("--processes", type=_at_least_one, default=2)
    sweep.add_argument("--resume", action="store_true", help="keep finished shards")
    sweep.add_argument(
        "--no-figures", action="store_true", help="write the tables only"
    )
    sweep.add_argument("--seed", type=int, help="instead of the spec's")
    sweep.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    sweep.set_defaults(run=_sweep)

    check = commands.add_parser("check", help="list a spec's faults, or its cells")
    check.add_argument("spec", help="a TOML file, or the name of a built-in spec")
    check.add_argument("--from", dest="source", type=Path)
    check.set_defaults(run=_check)

    measures = commands.add_parser(
        "measures", help="how every measure of a phase is defined, and by whom"
    )
    measures.set_defaults(run=_measures)

    verbs = commands.add_parser(
        "bridge-verbs", help="real people's data: import, report, sweep and a table"
    )
    verbs.add_argument("--data", type=Path, help="instead of ATTUNE_DATA")
    verbs.add_argument("--out", type=Path, default=Path("var/bridge-verbs"))
    verbs.add_argument("--processes", type=_at_least_one, default=2)
    verbs.set_defaults(run=_bridge_verbs)
    return parser


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"needs at least 1, got {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
