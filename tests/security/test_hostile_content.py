"""What a hostile study, name, header or file does to those who look at it: nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.models import User

from collection import audit
from collection.models import Study
from tests.researchers import Site
from tests.security.conftest import PASSWORD, Browser, try_password

LogIn = Callable[..., httpx.Client]
SHORT = Path(__file__).resolve().parents[1] / "studies" / "short"
SCRIPT = "<script>alert(1)</script>"
IMAGE = "'><img src=x onerror=alert(2)>"
TEMPLATE = "{{ settings.SECRET_KEY }}{% debug %}"


def test_a_study_cannot_bring_script_or_templates_to_its_readers(
    log_in: LogIn, outside: Browser
) -> None:
    ada = log_in("ada")
    document = (SHORT / "study.toml").read_text()
    for was, hostile in {
        "A short study": f"{SCRIPT} {IMAGE} {TEMPLATE}",
        "There are no right or wrong answers.": f"{SCRIPT}{IMAGE}{TEMPLATE}",
        "Very immoral": f"{SCRIPT} {IMAGE}",
        "18 to 44": f"{IMAGE} {TEMPLATE}",
        "Find a helpline": f"{SCRIPT} {IMAGE}",
    }.items():
        assert was in document
        document = document.replace(was, hostile)
    files = {path.name: path.read_bytes() for path in SHORT.iterdir()}
    files["study.toml"] = document.encode()
    said = "I return a lost wallet with the money still inside."
    assert said in files["actions.csv"].decode()
    hostile = f"I say {SCRIPT} {IMAGE} {TEMPLATE}"
    actions = files["actions.csv"].decode().replace(said, hostile)
    files["actions.csv"] = actions.encode()

    uploaded = upload(ada, files)
    assert uploaded.status_code == 302, uploaded.text[:2000]
    assert Study.objects.filter(slug="short").exists()
    place = "/research/studies/short"
    seen = [ada.get(f"{place}/"), ada.get(f"{place}/definition/")]
    preview = ada.get(f"{place}/preview/")
    links = [part.split('"')[0] for part in preview.text.split('href="')[1:]]
    steps = [link for link in links if f"{place}/preview/" in link]
    assert len(steps) > 5
    seen += [preview, *(ada.get(link) for link in steps)]
    token = ada.cookies["csrftoken"]
    ada.post(f"{place}/state/open/", data={"csrfmiddlewaretoken": token})
    seen.append(outside().get("/s/short/"))

    for answer in seen:
        assert answer.status_code == 200, answer.url
        for hostile in ("<script>alert", "<img src=x", "<img src=&#x27;x"):
            assert hostile not in answer.text, answer.url
    told = " ".join(answer.text for answer in seen)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in told
    assert "{{ settings.SECRET_KEY }}" in told  # said, and not carried out


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("study.toml", b"\xff\xfe\x00not text"),
        ("study.toml", b"a = " + b"[" * 20_000),
        ("study.toml", b'slug = "x"\nslug = "y"\n' * 5_000),
        ("study.toml", b"title = " + b'"' + b"x" * 300_000 + b'"'),
        ("actions.csv", b"action_id,text\n" + b"\x00" * 10_000),
        ("actions.csv", b"action_id,text\n" + b'"open quote never closed,' * 5_000),
        ("study.toml", b"a." * 900_000 + b"a = 1"),
        ("study.toml", b"[" + b" " * 900_000),
        ("other.toml", b""),
    ],
)
def test_a_hostile_file_is_refused_in_words_and_nothing_is_stored(
    log_in: LogIn, name: str, content: bytes
) -> None:
    ada = log_in("ada")
    before = set(Study.objects.values_list("slug", flat=True))
    files = {path.name: path.read_bytes() for path in SHORT.iterdir()} | {name: content}

    answer = upload(ada, files)

    assert answer.status_code in (400, 422), answer.text[:500]
    assert "Traceback" not in answer.text
    assert set(Study.objects.values_list("slug", flat=True)) == before


def test_more_than_an_upload_may_hold_is_refused_before_it_is_read(
    log_in: LogIn,
) -> None:
    ada = log_in("ada")

    answer = upload(ada, {"study.toml": b"# " + b"x" * 20_000_000})

    assert answer.status_code == 413
    assert "too large" in answer.text


def test_a_made_up_host_is_refused_and_not_repeated(outside: Browser) -> None:
    for place in ("/", "/research/login/", "/s/tiny/", "/api/1/studies/"):
        answer = outside().get(place, headers={"Host": "evil.example"})

        assert answer.status_code == 400, place
        assert "evil.example" not in answer.text, place

        believed = outside().get(place, headers={"X-Forwarded-Host": "evil.example"})
        assert "evil.example" not in believed.text + str(believed.headers), place


def test_logging_in_gives_a_new_session_and_logging_out_ends_it(
    outside: Browser, site: Site
) -> None:
    browser = outside()
    browser.get("/research/login/")
    browser.cookies.set("sessionid", "attacker-chosen-session-0000000000")
    try_password(browser, "ada", PASSWORD)
    given = [c.value for c in browser.cookies.jar if c.name == "sessionid"]
    assert any(value != "attacker-chosen-session-0000000000" for value in given)

    attacker = outside()
    attacker.cookies.set("sessionid", "attacker-chosen-session-0000000000")
    assert attacker.get("/research/").status_code == 302

    theirs = next(v for v in given if v and not v.startswith("attacker"))
    ada = outside()
    ada.cookies.set("sessionid", theirs)
    assert ada.get("/research/").status_code == 200
    ada.post(
        "/research/logout/",
        data={"csrfmiddlewaretoken": ada.cookies["csrftoken"]},
    )
    copied = outside()
    copied.cookies.set("sessionid", theirs)
    assert copied.get("/research/").status_code == 302


def test_what_cannot_be_asked_for_is_refused(outside: Browser) -> None:
    browser = outside()

    for method in ("TRACE", "PUT", "DELETE", "PATCH"):
        for place in ("/", "/s/tiny/", "/research/login/"):
            answer = browser.request(method, place)
            assert answer.status_code in (403, 405), (method, place)
    for place in ("/%00", "/s/%00/", "/s/tiny/?%00", "/p/x/", "/s/tiny%0d%0aX-A:b/"):
        answer = browser.get(place)
        assert answer.status_code in (200, 400, 404), place
        assert "x-a" not in answer.headers
        assert "Traceback" not in answer.text


def test_a_table_for_spreadsheets_holds_no_formula(log_in: LogIn, site: Site) -> None:
    ed = User.objects.get(username="ed")
    ed.username = "=HYPERLINK(1)"
    ed.save()
    audit.record(ed, site.study, "audit.downloaded")
    ada = log_in("ada")

    answer = ada.get("/research/studies/tiny/audit.csv")

    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    cells = [cell for row in csv.reader(io.StringIO(answer.text)) for cell in row]
    assert "'=HYPERLINK(1)" in cells
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


def test_a_reports_own_page_is_only_ever_a_download(log_in: LogIn, site: Site) -> None:
    """It holds a script of its own, which this site's pages must not run."""
    ada = log_in("ada")
    address = site.addresses()["research-report-page"][1]

    answer = ada.get(address)

    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]


def upload(browser: httpx.Client, files: dict[str, bytes]) -> httpx.Response:
    browser.get("/research/new/")
    return browser.post(
        "/research/new/",
        data={"csrfmiddlewaretoken": browser.cookies["csrftoken"]},
        files=[("files", (name, content)) for name, content in files.items()],
    )
