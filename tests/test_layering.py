"""The import arrows of the house hold, in the source and in a running process."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

MAY_IMPORT = {
    "alignment": {"alignment"},
    "bandits": {"bandits", "alignment"},
    "collection": {"collection", "bandits", "alignment"},
}
WEB_MODULES = (
    "collection.wsgi",
    "collection.urls",
    "collection.models",
    "collection.definitions",
    "collection.assignment",
    "collection.participation",
    "collection.snapshots",
    "collection.joining_pages",
    "collection.pages",
    "collection.trial_views",
    "collection.research",
)
HEAVY = ("numpy", "scipy", "torch", "matplotlib", "sklearn", "sentence_transformers")


def imported_names(source: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_each_package_imports_only_what_its_arrows_allow(package: str) -> None:
    forbidden = (set(MAY_IMPORT) | {"django", "tests"}) - MAY_IMPORT[package]
    if package == "collection":
        forbidden.remove("django")

    offences = [
        f"{source.relative_to(ROOT)} imports {name}"
        for source in sorted((ROOT / package).rglob("*.py"))
        for name in sorted(imported_names(source))
        if name.split(".")[0] in forbidden
    ]

    assert offences == []


def run_in_a_fresh_process(code: str) -> list[str]:
    """The heavy modules that a fresh interpreter holds after running ``code``."""
    report = f"import sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_web_process_holds_no_numerics() -> None:
    code = (
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n"
        "import django; django.setup()\n"
        "from django.core.management import get_commands; get_commands()\n"
        + "\n".join(f"import {module}" for module in WEB_MODULES)
        + "\nfrom django.urls import get_resolver; get_resolver().url_patterns"
    )

    assert run_in_a_fresh_process(code) == []


@pytest.mark.parametrize(
    "module",
    [
        "alignment.adaptive_rules",
        "alignment.folders",
        "alignment.progress",
        "alignment.snapshot_files",
    ],
)
def test_what_the_web_may_use_of_alignment_needs_no_numerics(module: str) -> None:
    assert run_in_a_fresh_process(f"import {module}") == []


def test_the_libraries_run_where_django_was_never_installed() -> None:
    code = (
        "import sys; sys.modules['django'] = None\n"
        "import alignment.report, alignment.importers, bandits.sweep"
    )

    loaded = run_in_a_fresh_process(code)

    assert "numpy" in loaded
    assert "sentence_transformers" not in loaded  # only inside the rater that needs it
