"""Settings. Everything that differs between machines comes from the environment.

``DATABASE_URL``       PostgreSQL; unset: the embedded server (``collection/embedded``)
``ATTUNE_SECRET_KEY``  required unless ``ATTUNE_DEBUG`` or the embedded database is used
``ATTUNE_VAR``         folder for everything written (default: ``var/`` beside this code)
``ATTUNE_HOSTS``       comma-separated host names that the site answers to
``ATTUNE_MOST_AT_ONCE``  people answering at once before others wait (default 600; 0: any)
``ATTUNE_HTTPS``       1: cookies only over TLS, and HSTS
``ATTUNE_PROXIES``     how many reverse proxies stand in front (default 0): whom to believe
                       about the address a request came from (``collection/limits.py``)
``ATTUNE_LIMITS``      0: no rate limits, for load tests from one machine
``ATTUNE_LARGEST_UPLOAD``  bytes that a logged-in researcher may send at once (8 MiB)
``ATTUNE_METRICS_TOKEN``   who brings it may read ``/metrics`` (unset: this machine only)
``ATTUNE_LOGS``        json: one JSON object a line, with a line for every request
``ATTUNE_ERASURES``    the file of erasures (default: ``erasures.jsonl`` in the var folder);
                       name one that no restored backup overwrites
``ATTUNE_API_PER_MINUTE``  requests that an access token may make in a minute (default 600)
``ATTUNE_DEBUG``       1: Django's debug pages, for developing only

Each secret (``ATTUNE_SECRET_KEY``, ``ATTUNE_METRICS_TOKEN``, ``DATABASE_PASSWORD``, those
below) may stand in a file instead, which the variable of the same name with ``_FILE``
names. ``DATABASE_PASSWORD`` is for a ``DATABASE_URL`` without a password.

Where people come from Prolific:

``ATTUNE_PROLIFIC_TOKEN``           API token of the workspace
``ATTUNE_PROLIFIC_WEBHOOK_SECRET``  secret with which its webhooks are signed
``ATTUNE_PROLIFIC_URL``             its API (default: https://api.prolific.com)
``ATTUNE_PROLIFIC_ISSUER``          who signs its links (https://www.prolific.com)
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from collection import embedded, logs
from collection.api import settings_block as api
from collection.secret_files import secret

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("ATTUNE_VAR") or BASE_DIR / "var")
DEBUG = os.environ.get("ATTUNE_DEBUG") == "1"
_DATABASE_URL = os.environ.get("DATABASE_URL", "")


# As many connections as a web worker has threads. A restarted database is noticed before
# a connection is used; while there is none, people are told so after a short wait.
POOL = {"min_size": 1, "max_size": 6, "timeout": 5}


def _local_secret_key() -> str:
    """A key made once for this machine's embedded installation, readable by its owner."""
    path = VAR / "secret-key"
    if not path.exists():
        VAR.mkdir(parents=True, exist_ok=True)
        mine = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(mine, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
        try:
            os.link(mine, path)  # fails where another process was first: its key counts
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    return path.read_text()


def _database() -> dict[str, Any]:
    if not _DATABASE_URL:
        place = embedded.cluster(VAR)
        return {
            "ENGINE": "collection.embedded",
            "NAME": embedded.DATABASE,
            "USER": embedded.ROLE,
            "HOST": str(place.sockets),
            "VAR": str(VAR),
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {"pool": POOL},
        }
    url = urlsplit(_DATABASE_URL)
    if url.scheme not in {"postgres", "postgresql"} or not url.path.strip("/"):
        raise ImproperlyConfigured(
            "DATABASE_URL must look like postgresql://user:password@host:5432/name; "
            f"its scheme is '{url.scheme}' and its database name '{url.path[1:]}'."
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path[1:]),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or "") or secret("DATABASE_PASSWORD"),
        "HOST": url.hostname or "",
        "PORT": str(url.port or ""),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"pool": POOL, **dict(parse_qsl(url.query))},
    }


DATABASES = {"default": _database()}

SECRET_KEY = secret("ATTUNE_SECRET_KEY")
if not SECRET_KEY:
    if _DATABASE_URL and not DEBUG:
        raise ImproperlyConfigured(
            "Set ATTUNE_SECRET_KEY (a long random string): sessions and links are signed "
            "with it."
        )
    SECRET_KEY = _local_secret_key()

ALLOWED_HOSTS = [
    host
    for host in os.environ.get("ATTUNE_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
    if host
]
_HTTPS = os.environ.get("ATTUNE_HTTPS") == "1"
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS] if _HTTPS else []
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _HTTPS
# Whoever watches the site asks a worker directly, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
if _HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "collection",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "procrastinate.contrib.django",
    *api.INSTALLED_APPS,
]

# Outermost first. The headers stand outside whatever may answer by itself: static files,
# the redirect to TLS, a refused host.
MIDDLEWARE = [
    "collection.observing.ObservingMiddleware",
    "collection.middleware.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "collection.guards.BodySizeMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "collection.languages.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "collection.middleware.CollectionErrorMiddleware",
    # The innermost: it knows which view was asked for, and answers its own refusals.
    "collection.guards.FloodMiddleware",
]

ROOT_URLCONF = "collection.urls"
WSGI_APPLICATION = "collection.wsgi.application"
CSRF_FAILURE_VIEW = "collection.error_pages.csrf_failure"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

AUTHENTICATION_BACKENDS = ["collection.logins.LimitedBackend"]
PASSWORD_HASHERS = [
    "collection.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "/research/login/"
LOGIN_REDIRECT_URL = "/research/"
LOGOUT_REDIRECT_URL = "/research/login/"
# The messages of a page live in a cookie: participants have no server-side session.
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

# What the site's own sentences are translated to (collection/locale). A study may be read
# in others too: its own texts then stand among English ones.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("es", "Español")]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # or whitenoise warns at every start
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "collection.static_plotly.PlotlyFinder",
]

DATA_UPLOAD_MAX_MEMORY_SIZE = 262_144
# A sweep's form has 56 fields, and lists among them send one for each choice.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
DATA_UPLOAD_MAX_NUMBER_FILES = 5
# Of a whole request, files and all (collection/guards.py).
ATTUNE_LARGEST_UPLOAD = int(os.environ.get("ATTUNE_LARGEST_UPLOAD") or 8 * 1024 * 1024)

# Behind how many proxies the site stands, and whether tries are counted at all.
ATTUNE_PROXIES = int(os.environ.get("ATTUNE_PROXIES") or 0)
ATTUNE_LIMITS = os.environ.get("ATTUNE_LIMITS") != "0"

# Where erasures are written beside the database; empty: in the var folder.
ATTUNE_ERASURES = os.environ.get("ATTUNE_ERASURES", "")

# How long a place is held without an answer, before it is offered to somebody else: it
# follows the pace of a study's people (collection/pace.py) between these two.
ATTUNE_RESERVATION_MINUTES = 30
ATTUNE_RESERVATION_LEAST_S = 120

# Who comes when this many are answering waits on a friendly page until there is room: a
# few minutes of waiting harm a study less than a slow page does. Two cores answer 600.
ATTUNE_MOST_AT_ONCE = int(os.environ.get("ATTUNE_MOST_AT_ONCE", "600"))

# Triplets that were chosen longer ago than this are not asked; new ones are chosen.
ATTUNE_TRIPLETS_FRESH_MINUTES = 60

PROLIFIC_URL = os.environ.get("ATTUNE_PROLIFIC_URL") or "https://api.prolific.com"
PROLIFIC_ISSUER = os.environ.get("ATTUNE_PROLIFIC_ISSUER") or "https://www.prolific.com"
PROLIFIC_TOKEN = secret("ATTUNE_PROLIFIC_TOKEN")
PROLIFIC_WEBHOOK_SECRET = secret("ATTUNE_PROLIFIC_WEBHOOK_SECRET")

REST_FRAMEWORK = api.REST_FRAMEWORK
SPECTACULAR_SETTINGS = api.SPECTACULAR_SETTINGS
API_PER_MINUTE = api.API_PER_MINUTE

PROCRASTINATE_IMPORT_PATHS = ["collection.work", "collection.recruitment.tasks"]

ATTUNE_METRICS_TOKEN = secret("ATTUNE_METRICS_TOKEN")
LOGGING = logs.configuration(as_json=os.environ.get("ATTUNE_LOGS") == "json")
