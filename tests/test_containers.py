"""The images and the composition: linted, and true to what the code expects.

No container engine is needed: the linters read, and what the files say is compared with
the settings and commands that they name.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

DOCKER = Path(__file__).resolve().parents[1] / "docker"
PROGRAMS = Path(sys.executable).parent


def linted(program: str, *arguments: str | Path) -> str:
    """What a linter finds wrong: nothing, if all is well."""
    done = subprocess.run(
        [PROGRAMS / program, *arguments], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.fixture(scope="module")
def composition() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    return read


def test_the_images_are_without_fault() -> None:
    assert linted("hadolint", DOCKER / "Dockerfile") == ""


@pytest.mark.parametrize("also", [None, "compose.cuda.yaml"])
def test_the_composition_is_without_fault(tmp_path: Path, also: str | None) -> None:
    shutil.copy(DOCKER / "compose.yaml", tmp_path)
    if also:
        shutil.copy(DOCKER / also, tmp_path / "compose.override.yaml")
    config = DOCKER / ".compose-lint.yml"

    assert (
        linted(
            "compose-lint", "check", "--fail-on", "low", "--strict-config",
            "--config", config, tmp_path / "compose.yaml",
        )
        == ""
    )  # fmt: skip


def test_no_service_runs_as_root_with_its_powers(composition: dict[str, Any]) -> None:
    for name, service in composition["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name


def test_only_the_proxy_is_reached_from_outside(composition: dict[str, Any]) -> None:
    services = composition["services"]

    assert [name for name, one in services.items() if "ports" in one] == ["proxy"]
    assert services["db"]["networks"] == ["inside"]
    assert composition["networks"]["inside"] == {"internal": True}


def test_no_secret_stands_in_the_composition(composition: dict[str, Any]) -> None:
    for service in composition["services"].values():
        for name, value in service.get("environment", {}).items():
            secret = re.search("PASSWORD|SECRET|TOKEN|KEY", name)
            assert not secret or name.endswith("_FILE") or value.startswith("${"), name


def test_the_settings_know_every_variable(composition: dict[str, Any]) -> None:
    settings = (DOCKER.parent / "collection" / "settings.py").read_text()
    named = {
        name.removesuffix("_FILE")
        for name in composition["services"]["web"]["environment"]
    }

    assert [name for name in sorted(named) if name not in settings] == []


def test_every_command_exists(composition: dict[str, Any]) -> None:
    commands = [
        service["command"][2]
        for service in composition["services"].values()
        if service.get("command", [None, None])[1] == "manage.py"
    ]
    images = (DOCKER / "Dockerfile").read_text()
    commands += re.findall(r'CMD \["python", "manage.py", "(\w+)"', images)

    assert {"migrate", "backup", "restore", "web", "procrastinate"} == set(commands)
    assert set(commands) <= set(get_commands())


def test_the_web_image_has_no_torch() -> None:
    images = (DOCKER / "Dockerfile").read_text()
    web = images[
        images.index("AS build-web") : images.index("FROM build AS build-worker")
    ]

    assert '".[web]"' in web
    assert "torch" not in web


def test_no_address_but_the_usual_image_names_stands_in_the_files() -> None:
    for path in DOCKER.iterdir():
        addresses = re.findall(r"https?://([^\s/:\"']+)", path.read_text())
        assert set(addresses) <= {"127.0.0.1", "study.example.org"}, path


def test_the_ledger_of_erasures_lies_where_no_restore_reaches(
    composition: dict[str, Any],
) -> None:
    services = composition["services"]
    ledger = services["web"]["environment"]["ATTUNE_ERASURES"]

    assert ledger.startswith("/erasures/")
    for name in ("web", "worker", "restore"):
        assert "erasures:/erasures" in services[name]["volumes"], name
