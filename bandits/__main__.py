"""The command line: python -m bandits sweep | check | replay | paper | ..."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from alignment.errors import AlignmentError
from bandits.errors import BanditError, SpecError

if TYPE_CHECKING:
    from bandits.spec import SweepSpec


_SLURM_FIELDS = "jobs, cores, memory, walltime, queue, account, python, ..."
INTERRUPTED = 130
"""The exit status that a shell gives what Ctrl-C ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit status: 0, 1 after a refusal, or `INTERRUPTED`.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.run is _sweep and given.out is None and not given.check:
        parser.error("sweep: the following arguments are required: --out")
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with _ended_like_ctrl_c():
            return int(given.run(given))
    except KeyboardInterrupt:
        print(_how_to_go_on(words), file=sys.stderr)
        return INTERRUPTED
    except SpecError as refusal:
        print(_listed(refusal), file=sys.stderr)
    except (BanditError, AlignmentError) as refusal:
        print(refusal, file=sys.stderr)
    return 1


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """Take SIGTERM, with which a batch system ends a job, for a Ctrl-C."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: signals are somebody else's
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _how_to_go_on(words: Sequence[str]) -> str:
    if words[:1] != ["sweep"] or "--check" in words:
        return "Stopped."
    again = [*words, *(["--resume"] if "--resume" not in words else [])]
    return (
        "Stopped. What was finished is kept; go on with:\n"
        f"  python -m bandits {shlex.join(again)}"
    )


def _sweep(given: argparse.Namespace) -> int:
    # Imported here: `--help` and a fault in the spec must not wait for torch.
    from bandits.sweep import run_sweep, stands

    spec = _checked(given)
    options = {name: getattr(given, name) for name in ("device", "backend", "dtype")}
    if given.check:
        _print_forecast(given, spec)
        return 0
    if not (given.resume and stands(spec, given.source, given.out, **options)):
        _print_forecast(given, spec)
    out = run_sweep(
        spec,
        given.source,
        given.out,
        processes=given.processes,
        resume=given.resume,
        figures=not given.no_figures,
        cluster=given.cluster,
        cluster_options=given.cluster_options,
        **options,
    )
    for line in _told(out):
        print(line)
    return 0


def _check(given: argparse.Namespace) -> int:
    _print_forecast(given, _checked(given))
    return 0


def _checked(given: argparse.Namespace) -> SweepSpec:
    from alignment.report_files import read_report
    from bandits.plan import check
    from bandits.spec import read_document

    document = read_document(given.spec)
    if given.seed is not None:
        document["seed"] = given.seed
    return check(document, None if given.source is None else read_report(given.source))


def _print_forecast(given: argparse.Namespace, spec: SweepSpec) -> None:
    from alignment.report_files import read_report
    from bandits.engine import open_engine
    from bandits.forecast import make_forecast, without_report
    from bandits.plan import make_plan

    if given.source is None:
        lines = without_report(spec)
    else:
        # The number of resamples changes no cell, and two are quickly had.
        quick = spec.model_copy(update={"alignment_resamples": 2})
        plan = make_plan(read_report(given.source), quick)
        engine = open_engine(given.backend, given.dtype, given.device)
        elsewhere = given.cluster not in (None, "local")
        shared = None if elsewhere else given.processes
        lines = make_forecast(plan, engine).lines(shared)
    if given.cluster == "slurm":
        from bandits.cluster import job_script

        lines += ["Each SLURM job:", job_script(given.cluster_options)]
    print("\n".join(lines), flush=True)


def _replay(given: argparse.Namespace) -> int:
    from bandits.replay import replay

    found = replay(
        given.sweep, cell=given.cell, replicate=given.replicate, report=given.source
    )
    if given.out is None:
        found.write(sys.stdout)
    else:
        with given.out.open("w", encoding="utf-8", newline="") as stream:
            found.write(stream)
    print(found.proof(), file=sys.stderr)
    return 0


def _bridge_verbs(given: argparse.Namespace) -> int:
    from bandits.bridge_verbs import run_bridge_verbs

    for line in run_bridge_verbs(given.data, given.out, processes=given.processes):
        print(line)
    return 0


def _compare(given: argparse.Namespace) -> int:
    from bandits.compare import compare

    print(compare(given.first, given.second, given.out, figures=not given.no_figures))
    return 0


def _schema(given: argparse.Namespace) -> int:
    from bandits.spec_schema import spec_schema

    print(json.dumps(spec_schema(), indent=1, ensure_ascii=False))
    return 0


def _measures(given: argparse.Namespace) -> int:
    from bandits.metric_page import table_lines

    for line in table_lines():
        print(line)
    return 0


def _paper(given: argparse.Namespace) -> int:
    from bandits.paper.everything import run_everything
    from bandits.paper.run import run_paper
    from bandits.paper.settings import read_settings

    settings = read_settings(given.settings)
    if given.quick:
        settings = settings.quick()
    if given.source is None:
        for line in run_everything(
            given.out or Path("var/paper"),
            settings,
            demo=given.demo,
            data=given.data,
            processes=given.processes,
        ):
            print(line)
        return 0
    out = run_paper(
        given.source,
        given.out or Path("var/paper") / given.source.name,
        settings,
        snapshot=given.snapshot,
        processes=given.processes,
        resume=given.resume,
        figures=not given.no_figures,
    )
    print((out / "summary.md").read_text(encoding="utf-8"), end="")
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
    _add_spec(sweep, source_needed=True)
    sweep.add_argument("--out", type=Path, help="the sweep folder to write")
    sweep.add_argument("--resume", action="store_true", help="keep finished shards")
    sweep.add_argument(
        "--check", action="store_true", help="tell the forecast, and write nothing"
    )
    sweep.add_argument(
        "--no-figures", action="store_true", help="write the tables only"
    )
    sweep.set_defaults(run=_sweep)

    check = commands.add_parser("check", help="list a spec's faults, or its forecast")
    _add_spec(check, source_needed=False)
    check.set_defaults(run=_check)

    measures = commands.add_parser(
        "measures", help="how every measure of a phase is defined, and by whom"
    )
    measures.set_defaults(run=_measures)

    schema = commands.add_parser("schema", help="the fields of a spec, as JSON")
    schema.set_defaults(run=_schema)

    replay = commands.add_parser("replay", help="one run of a sweep, step by step")
    replay.add_argument("sweep", type=Path, help="a finished sweep folder")
    replay.add_argument("--cell", type=int, required=True, help="as in cells.csv")
    replay.add_argument("--replicate", type=int, required=True, help="from 0")
    replay.add_argument(
        "--from", dest="source", type=Path, help="its report, if that was moved"
    )
    replay.add_argument("--out", type=Path, metavar="FILE.csv", help="else printed")
    replay.set_defaults(run=_replay)

    both = commands.add_parser(
        "compare", help="two sweeps: what differs, and by how much agents do"
    )
    both.add_argument("first", type=Path, help="a finished sweep folder")
    both.add_argument("second", type=Path, help="another one")
    both.add_argument("--out", type=Path, required=True, help="the folder to write")
    both.add_argument("--no-figures", action="store_true", help="tables only")
    both.set_defaults(run=_compare)

    verbs = commands.add_parser(
        "bridge-verbs", help="real people's data: import, report, sweep and a table"
    )
    verbs.add_argument("--data", type=Path, help="instead of ATTUNE_DATA")
    verbs.add_argument("--out", type=Path, default=Path("var/bridge-verbs"))
    verbs.add_argument("--processes", type=_at_least_one, default=2)
    verbs.set_defaults(run=_bridge_verbs)

    paper = commands.add_parser(
        "paper", help="the whole experiment on learning values with human-like kernels"
    )
    paper.add_argument(
        "--from",
        dest="source",
        type=Path,
        help="a report; without it the demo's and both classes of bridge-verbs",
    )
    paper.add_argument("--out", type=Path, help="a folder; var/paper if not told")
    paper.add_argument(
        "--demo", type=Path, default=Path("var/studies/everyday/reports")
    )
    paper.add_argument("--data", type=Path, help="instead of ATTUNE_DATA")
    paper.add_argument("--settings", type=Path, help="a TOML file of paper settings")
    paper.add_argument("--snapshot", type=Path, help="the report's, if not beside it")
    paper.add_argument("--quick", action="store_true", help="seconds, no conclusions")
    paper.add_argument("--processes", type=_at_least_one, default=2)
    paper.add_argument("--resume", action="store_true", help="keep finished parts")
    paper.add_argument("--no-figures", action="store_true", help="tables and text only")
    paper.set_defaults(run=_paper)
    return parser


def _add_spec(parser: argparse.ArgumentParser, *, source_needed: bool) -> None:
    """What names a sweep, and what computes it."""
    parser.add_argument("spec", help="a TOML file, or the name of a built-in spec")
    parser.add_argument(
        "--from", dest="source", type=Path, required=source_needed, help="a report"
    )
    parser.add_argument("--seed", type=int, help="instead of the spec's")
    parser.add_argument("--processes", type=_at_least_one, default=2)
    parser.add_argument(
        "--cluster",
        metavar="local|slurm|tcp://HOST:PORT",
        help="make shards through Dask instead of this machine's processes",
    )
    parser.add_argument(
        "--cluster-options",
        type=Path,
        metavar="FILE.toml",
        help="what a SLURM job asks for: " + _SLURM_FIELDS,
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--backend", choices=("auto", "torch", "numba"), default="auto")
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"needs at least 1, got {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
