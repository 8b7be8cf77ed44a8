"""The page that a stranger reads first: README.md, with the card that Hugging Face reads.

Between the two lines of dashes stands YAML that `datasets` takes its configurations from,
one per table; below it is Markdown for people.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from collection.datasets.about import LICENSES, SIMULATED_MEANS, About, Written

README = "README.md"
CHANGES = "CHANGES.md"
FOLDER = "FOLDER"


def readme(about: About) -> str:
    """``README.md``."""
    return "\n".join([*_front(about), "", *_text(about)]) + "\n"


def changes(about: About) -> str:
    """``CHANGES.md``."""
    return (
        f"# Changes\n\n## {about.version} ({about.made_at:%Y-%m-%d})\n\n"
        f"- Made of snapshot {about.snapshot_number} of the study {about.slug}, frozen on "
        f"{about.frozen_at:%Y-%m-%d}. A version never changes: later answers, and "
        "erasures, make a new one.\n"
    )


def _front(about: About) -> Iterator[str]:
    known = about.license in LICENSES
    yield "---"
    yield f"pretty_name: {json.dumps(about.title, ensure_ascii=False)}"
    yield f"license: {about.license.lower() if known else 'other'}"
    if not known:
        yield "license_name: not-for-release"
    yield "language:"
    yield from (f"- {language}" for language in about.definition.offered_languages)
    yield "tags:"
    yield from (f"- {json.dumps(keyword)}" for keyword in about.keywords)
    yield "configs:"
    default = next((one for one in about.written if one.table.judgments), None)
    for one in _loadable(about):
        yield f"- config_name: {one.table.name}"
        yield f"  data_files: {one.parquet.path}"
        if one is default:
            yield "  default: true"
    yield "---"


def _text(about: About) -> Iterator[str]:
    first = next(one for one in about.written if one.table.judgments)
    yield f"# {about.title}"
    yield ""
    if about.simulated:
        yield f"> **{SIMULATED_MEANS}**"
        yield ""
    yield about.description
    yield ""
    yield "## Load it"
    yield ""
    yield f"Put the path of this folder in the place of `{FOLDER}`. One line each:"
    yield ""
    yield "```python"
    yield f'import pandas; pandas.read_parquet("{FOLDER}/{first.parquet.path}")'
    yield f'import pandas; pandas.read_csv("{FOLDER}/{first.csv.path}")'
    yield (
        "import datasets; "
        f'datasets.load_dataset("{FOLDER}", "{first.table.name}", split="train")'
    )
    yield "```"
    yield ""
    yield "```r"
    yield f'readr::read_csv("{FOLDER}/{first.csv.path}")'
    yield "```"
    yield ""
    yield "## Tables"
    yield ""
    yield "| table | rows | CSV | what it holds |"
    yield "| --- | ---: | --- | --- |"
    for one in about.written:
        yield (
            f"| {one.table.name} | {one.n_rows:,} | `{one.csv.path}` | "
            f"{one.table.meaning} |"
        )
    yield ""
    yield "Every column of each is explained in `documentation/codebook.csv`. A row of a"
    yield "table of judgments is named by its `trial_id` (in arrangements, with the pair)."
    if about.matrices:
        yield "Plain means over raters stand in `results/`, as CSV and as one NPZ."
    yield ""
    yield "## Who, and what is kept back"
    yield ""
    report = about.disclosure
    yield f"- {about.n_raters} {about.who}, for the use “{about.use}”."
    yield f"- Names: {report['names']}."
    told = ", ".join(report["facts_told"]) or "none"
    yield (
        f"- Facts about them: {told}; each combination is shared by at least "
        f"{report['k']} people or withheld."
    )
    yield f"- Never told: {', '.join(report['never_told'])}."
    yield f"- {report['remaining_risk']}"
    yield "- The whole report: `documentation/disclosure_report.json`."
    yield ""
    yield "## Licence and citation"
    yield ""
    yield f"{about.license_said}"
    yield ""
    yield f"> {about.citation}"
    yield ""
    yield "## Where it comes from"
    yield ""
    yield "- Study definition: `materials/study_definition.json`, sha256 of the original"
    yield f"  `{about.snapshot['definition_sha256']}`."
    yield "- Consent texts, word for word: `documentation/`."
    yield "- Design seeds, versions of programs and the commit:"
    yield "  `documentation/provenance.json`."
    yield f"- Hash of all judgments: `{about.judgments_sha256}`."
    yield "- Into another Attune: `manage.py importdataset FOLDER`."


def _loadable(about: About) -> Iterator[Written]:
    """Tables with rows: an empty one has no first row to tell its types by."""
    return (one for one in about.written if one.n_rows)
