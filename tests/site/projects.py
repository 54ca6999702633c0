"""Small projects that tests write into a folder of their own, to break them."""

from pathlib import Path

SETTINGS = """
DEBUG = {debug}
ALLOWED_HOSTS = ["*"]
SECRET_KEY = "of a test, and as long as one that Django itself would have made"
ROOT_URLCONF = "tiny.urls"
WSGI_APPLICATION = "tiny.wsgi.application"
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATIC_URL = "/static/"
STATIC_ROOT = {root!r}
DATABASES = {{}}
"""

URLS = """
import os, sys
from django.http import HttpResponse
from django.urls import path

def page(request):
    return HttpResponse(f"{words} {{os.getpid()}} {{sys.executable}}")

urlpatterns = [path("", page)]
"""

WSGI = """
import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiny.settings")
application = get_wsgi_application()
"""

MANAGE = """#!/usr/bin/env python3
import os, sys

def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiny.settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)

if __name__ == "__main__":
    main()
"""

APPLICATION = """
import os, sys

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    name = environ["PATH_INFO"].removeprefix("/env/")
    if name != environ["PATH_INFO"]:
        return [os.environ.get(name, "nothing").encode()]
    return [f"{words} {{os.getpid()}} {{sys.executable}}".encode()]
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def make_django(folder: Path, words: str = "tiny", debug: bool = False) -> Path:
    """A Django project of one page; returns its folder."""
    root = folder / "collected"
    write(folder / "manage.py", MANAGE)
    write(folder / "tiny" / "__init__.py", "")
    write(folder / "tiny" / "settings.py", SETTINGS.format(debug=debug, root=str(root)))
    write(folder / "tiny" / "urls.py", URLS.format(words=words))
    write(folder / "tiny" / "wsgi.py", WSGI)
    write(root / "a.css", "a { color: red }\n")
    return folder


def make_wsgi(folder: Path, words: str = "one", before: str = "") -> Path:
    """A WSGI application `own:application`; `before` stands above it."""
    write(folder / "own.py", before + APPLICATION.format(words=words))
    return folder
