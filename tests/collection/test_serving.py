"""The production server, started for real: it answers, it stops, it says why it cannot."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.contrib.auth.models import User

from collection import serving


@pytest.fixture(autouse=True)
def _own_folder(outside_var: Path) -> None:
    """Logs of these servers lie in the test's own folder."""


@pytest.mark.django_db(transaction=True)
def test_the_server_has_this_process_data_and_ends_with_the_block() -> None:
    User.objects.create(username="ada", password=_real_hash("correct horse"))

    with (
        serving.serve_in_background() as base_url,
        httpx.Client(base_url=base_url, follow_redirects=True) as browser,
    ):
        page = browser.get("/research/login/")
        answer = browser.post(
            "/research/login/",
            data={
                "username": "ada",
                "password": "correct horse",
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            },
        )

    assert page.status_code == 200
    assert "My studies" in answer.text
    assert "ada" in answer.text
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{base_url}/healthz")


def test_a_server_that_cannot_start_says_so_with_its_last_words(
    outside_var: Path,
) -> None:
    with (
        pytest.raises(serving.ServerDidNotStart, match="ended with status") as refusal,
        serving.serve_in_background(env={"ATTUNE_SECRET_KEY": "", "DATABASE_URL": "x"}),
    ):
        pass

    assert "DATABASE_URL must look like postgresql://" in str(refusal.value)


def test_a_taken_port_is_passed_over() -> None:
    with closing(socket.socket()) as other:
        other.bind((serving.HOST, 0))
        other.listen()
        taken = other.getsockname()[1]

        assert serving.port_or_next(taken) > taken
    assert serving.port_or_next(taken) == taken


@pytest.mark.django_db
def test_a_child_process_is_given_the_same_data() -> None:
    environment = serving.child_environment({"MORE": "1"})

    assert environment["ATTUNE_VAR"] == str(settings.VAR)
    assert environment["ATTUNE_SECRET_KEY"] == settings.SECRET_KEY
    assert environment["MORE"] == "1"
    assert "/test_attune" in environment["DATABASE_URL"]


@pytest.mark.django_db
def test_a_grandchild_is_given_the_same_database_too() -> None:
    ask = (
        "import django; django.setup()\n"
        "from collection.serving import child_environment as given\n"
        "import sys; sys.stdout.write(given()['DATABASE_URL'])"
    )
    environment = serving.child_environment()

    assert _said_by_a_child(ask, environment) == environment["DATABASE_URL"]


@pytest.mark.django_db
def test_a_secret_that_came_in_a_file_is_left_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As containers get theirs; given both ways, a child would refuse to start."""
    key, password = tmp_path / "key", tmp_path / "password"
    key.write_text(settings.SECRET_KEY + "\n")
    password.write_text("correct horse\n")
    monkeypatch.setitem(settings.DATABASES["default"], "PASSWORD", "correct horse")
    monkeypatch.delenv("ATTUNE_SECRET_KEY", raising=False)
    monkeypatch.setenv("ATTUNE_SECRET_KEY_FILE", str(key))
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", str(password))
    ask = (
        "import django; django.setup()\n"
        "from django.conf import settings as s\n"
        "print(s.SECRET_KEY, s.DATABASES['default']['PASSWORD'])"
    )

    environment = serving.child_environment()

    said = _said_by_a_child(ask, environment)
    assert said == f"{settings.SECRET_KEY} correct horse\n"
    told = " ".join(environment.values())
    assert settings.SECRET_KEY not in told
    assert "horse" not in told


@pytest.mark.django_db
def test_another_key_than_the_files_is_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    key.write_text("some other key")
    monkeypatch.delenv("ATTUNE_SECRET_KEY", raising=False)
    monkeypatch.setenv("ATTUNE_SECRET_KEY_FILE", str(key))

    environment = serving.child_environment()

    assert environment["ATTUNE_SECRET_KEY"] == settings.SECRET_KEY
    assert "ATTUNE_SECRET_KEY_FILE" not in environment


@pytest.mark.django_db(transaction=True)
def test_a_server_of_ones_own_answers_however_the_site_is_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Simulated participants use the pages from within a site that is behind TLS."""
    monkeypatch.setenv("ATTUNE_HOSTS", "study.example.org")
    monkeypatch.setenv("ATTUNE_HTTPS", "1")
    monkeypatch.setenv("ATTUNE_PROXIES", "1")

    with serving.serve_in_background() as base_url:
        page = httpx.get(f"{base_url}/research/login/")

    assert page.status_code == 200
    assert "Secure" not in page.headers["set-cookie"]


@pytest.mark.django_db(transaction=True)
def test_the_site_ends_when_one_of_its_processes_does() -> None:
    with serving.site(port=serving.free_port()) as site:
        worker, _ = site.processes["worker"]
        worker.terminate()
        worker.wait(timeout=20)
        started = time.monotonic()

        with pytest.raises(serving.ServerDidNotStart, match="worker ended with status"):
            site.wait()

    assert time.monotonic() - started < 15


def _said_by_a_child(code: str, environment: dict[str, str]) -> str:
    child = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    return child.stdout


def _real_hash(password: str) -> str:
    """As production stores it: the tests' own hasher is not known to the server."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher

    hasher = PBKDF2PasswordHasher()
    return hasher.encode(password, hasher.salt(), iterations=1000)
