"""Settings of the demo site. Five variables of the environment change them:

HARBOUR_DEBUG       "0" turns debugging off (default: on)
HARBOUR_HOSTS       host names to answer to, with commas between (with debugging on: any)
HARBOUR_HTTPS       "1": visitors come by HTTPS, of which the proxy tells by X-Scheme
HARBOUR_DATA        folder of the database and the uploads (default: this project's folder)
HARBOUR_SECRET_KEY  needed as soon as the site is more than a demo
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("HARBOUR_DATA") or BASE_DIR).resolve()

DEBUG = os.environ.get("HARBOUR_DEBUG", "1").lower() not in ("", "0", "false", "no", "off")

# A demo key that everyone can read. A site with anything to protect sets its own.
SECRET_KEY = os.environ.get("HARBOUR_SECRET_KEY", "demo-only-insecure-key-of-the-harbour-site")

_hosts = os.environ.get("HARBOUR_HOSTS", "*" if DEBUG else "localhost,127.0.0.1,[::1]")
ALLOWED_HOSTS = [host.strip() for host in _hosts.split(",") if host.strip()]

# With `proxy_set_header X-Scheme $scheme;` in nginx, which replaces what a visitor sent.
if os.environ.get("HARBOUR_HTTPS", "0") == "1":
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_SCHEME", "https")
    SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 3600

INSTALLED_APPS = [
    "fleet",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "harbour.urls"
WSGI_APPLICATION = "harbour.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "db.sqlite3",
        # Several workers write: readers do not block them, and a writer waits for its turn.
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "fleet:home"
LOGOUT_REDIRECT_URL = "fleet:home"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
MEDIA_URL = "/media/"
MEDIA_ROOT = DATA_DIR / "media"

# Django on its own is silent about errors when debugging is off: here they go to standard error.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
