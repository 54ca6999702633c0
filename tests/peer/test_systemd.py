"""A unit of `slipway install-service` in a booted Debian 12: started, reloaded, killed."""

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import booted
import pytest
from program import until

SETTINGS = """
from pathlib import Path
BASE = Path(__file__).resolve().parent.parent
ALLOWED_HOSTS = ["*"]
SECRET_KEY = "of a test, and as long as one that Django itself would have made"
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
INSTALLED_APPS = []
USE_TZ = True
MEDIA_URL = "/media/"
MEDIA_ROOT = BASE / "data" / "uploads"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3",
                         "NAME": str(BASE / "data" / "shop.sqlite3")}}
"""
WSGI = """
import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = get_wsgi_application()
"""
MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
URLS = """
import os
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.http import HttpResponse
from django.urls import path

def page(request):
    return HttpResponse("WORDS")

def keep(request):
    default_storage.save("kept.txt", ContentFile(b"kept"))
    with connection.cursor() as cursor:
        cursor.execute("create table if not exists kept (at integer)")
    print("it was kept")
    return HttpResponse(default_storage.open("kept.txt").read())

def stray(request):
    try:
        open("/srv/shop/stray", "w")
    except OSError as error:
        return HttpResponse(error.strerror)
    return HttpResponse("written")

def long(request):
    print("long " + "\u00fc" * 45000)
    return HttpResponse("long")

urlpatterns = [path("", page), path("keep", keep), path("stray", stray), path("long", long)]
"""
# Requests, each with a connection of its own, from two threads until the file is there.
LOAD = r"""
import json, os, socket, sys, threading
stop, good, bad, words = sys.argv[1], [0], [], set()

def ask():
    try:
        with socket.create_connection(("127.0.0.1", 8080), timeout=30) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: s.recv(65536), b""))
        if answer.startswith(b"HTTP/1.1 200 "):
            words.add(answer.rpartition(b"\r\n")[2].decode())
            good[0] += 1
        else:
            bad.append(repr(answer[:60]))
    except OSError as error:
        bad.append(repr(error))

def run():
    while not os.path.exists(stop):
        ask()

threads = [threading.Thread(target=run) for _ in range(2)]
for t in threads: t.start()
print("begun", flush=True)
for t in threads: t.join()
print(json.dumps({"good": good[0], "bad": bad, "words": sorted(words)}))
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[booted.Machine]:
    if why := booted.why_not() or booted.make_root():
        pytest.skip(why)
    machine = booted.Machine()
    try:
        if not machine.wait_booted():
            pytest.skip(f"systemd-nspawn does not boot here: {machine.said()}")
        looked = machine.run(f"{booted.INSIDE}/slipway", "version", is_well=False)
        if looked.returncode != 0:
            pytest.skip(f"this build is not for Debian 12: {looked.stderr}")
        prepare(machine)
        yield machine
    finally:
        machine.end()


def prepare(machine: booted.Machine) -> None:
    machine.sh("useradd --system --create-home --home-dir /var/lib/shop shop")
    files = {"settings.py": SETTINGS, "wsgi.py": WSGI, "__init__.py": ""}
    for name, text in files.items():
        machine.write(f"/srv/shop/shop/{name}", text)
    machine.write("/srv/shop/manage.py", MANAGE)
    machine.write("/srv/shop/.env", "TOKEN=of root alone\n")
    say(machine, "first")
    machine.write("/root/load.py", LOAD)
    machine.sh(
        "mkdir -p /srv/shop/data/uploads; chown -R shop /srv/shop/data; chmod 600 /srv/shop/.env"
    )


def say(machine: booted.Machine, words: str) -> None:
    """What the page says from the next reload on."""
    machine.write("/srv/shop/shop/urls.py", URLS.replace("WORDS", words))


def install(machine: booted.Machine, *options: str) -> None:
    machine.sh(
        "systemctl stop shop.socket shop.service 2>/dev/null || true; systemctl reset-failed"
    )
    machine.sh("rm -rf /etc/systemd/system/shop.*")
    arguments = ("--chdir", "/srv/shop", "--name", "shop", "--user", "shop", "--media", "yes",
                 "--listen", "127.0.0.1:8080", "--workers", "2", "--write", *options)  # fmt: skip
    machine.run(f"{booted.INSIDE}/slipway", "install-service", *arguments)
    machine.run("systemctl", "daemon-reload")
    units = ("shop.socket", "shop.service") if "--socket" in options else ("shop.service",)
    machine.run("systemctl", "enable", "--now", *units)


def curl(machine: booted.Machine, path: str = "/") -> str:
    return machine.run("curl", "-sS", "--fail", f"http://127.0.0.1:8080{path}").stdout


def processes(machine: booted.Machine) -> dict[str, set[str]]:
    """The users of each kind of process in the unit."""
    found: dict[str, set[str]] = {}
    for line in machine.sh("ps -eo user:20,args").splitlines():
        user, _, command = line.partition(" ")
        kind = re.search(r"slipway (serve|edge|scribe)|boot.py", command)
        if kind:
            found.setdefault(kind[1] or "python", set()).add(user)
    return found


def pids(machine: booted.Machine) -> set[str]:
    """Of every process in the unit."""
    shown = machine.run(
        "systemctl", "status", "--no-pager", "-n", "0", "shop", is_well=False
    ).stdout
    return set(re.findall(r"[├└]─\s*(\d+) ", shown))


@contextlib.contextmanager
def load(machine: booted.Machine) -> Iterator[dict[str, Any]]:
    """Requests all the while; what became of them is in the dict afterwards."""
    found: dict[str, Any] = {}
    machine.sh("rm -f /root/stop")
    process = subprocess.Popen(
        machine.command("python3", "/root/load.py", "/root/stop"), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "begun\n"
    try:
        yield found
    finally:
        machine.sh("touch /root/stop")
        found.update(json.loads(process.communicate(timeout=60)[0]))


def test_it_starts_and_says_so(machine: booted.Machine) -> None:
    """`systemctl start` ends when the first request can be served, and `status` shows the line."""
    install(machine)
    assert curl(machine) == "first"
    shown = machine.run("systemctl", "status", "--no-pager", "shop").stdout
    assert re.search(r'Status: "1 site, 2 workers, 1 edge, \d+ requests', shown), shown
    assert machine.show("shop", "ActiveState") == "active"
    kinds = processes(machine)
    assert kinds["serve"] == kinds["scribe"] == {"root"} and kinds["edge"] == {"nobody"}
    assert kinds["python"] == {"shop"}


def test_what_it_may_write(machine: booted.Machine) -> None:
    install(machine)
    assert curl(machine, "/keep") == "kept"
    assert curl(machine, "/media/kept.txt") == "kept"
    owners = machine.sh("stat -c %U /srv/shop/data/shop.sqlite3 /srv/shop/data/uploads/kept.txt")
    assert owners.split() == ["shop", "shop"]
    machine.sh("chown shop /srv/shop")
    assert curl(machine, "/stray") == "Read-only file system"
    machine.sh("chown root /srv/shop")


def test_the_journal_has_its_lines(machine: booted.Machine) -> None:
    install(machine)
    curl(machine, "/keep")

    def look() -> bool:
        text = machine.run("journalctl", "-u", "shop", "-o", "json", "--no-pager").stdout
        lines = [json.loads(line) for line in text.splitlines()]
        said = [str(line["MESSAGE"]) for line in lines if line.get("SYSLOG_IDENTIFIER") == "shop"]
        return (
            any("ready in" in line for line in said)
            and any("it was kept" in line for line in said)
            and any("GET /keep" in line for line in said)
        )

    until("ready line, output and access log in the journal", look, 30, 0.2)


def test_a_reload_loses_no_request(machine: booted.Machine) -> None:
    say(machine, "first")
    install(machine)
    with load(machine) as found:
        for words in ("second", "third", "fourth"):
            say(machine, words)
            machine.run("systemctl", "reload", "shop")
            assert curl(machine) == words  # the new code serves when the command ends
    assert found["bad"] == [] and found["good"] > 50
    assert set(found["words"]) >= {"second", "third", "fourth"}
    machine.sh("echo 'raise RuntimeError(\"broken\")' >> /srv/shop/shop/urls.py")
    machine.sh("echo 'raise RuntimeError(\"broken\")' >> /srv/shop/shop/settings.py")
    assert machine.run("systemctl", "reload", "shop", is_well=False).returncode != 0
    assert curl(machine) == "fourth"
    assert machine.show("shop", "ActiveState") == "active"
    assert re.search(
        r"the last one: .*, shop refused: .*broken", machine.show("shop", "StatusText")
    )
    machine.write("/srv/shop/shop/settings.py", SETTINGS)
    say(machine, "first")
    machine.run("systemctl", "reload", "shop")
    assert curl(machine) == "first"


def test_the_master_is_killed(machine: booted.Machine) -> None:
    """Its children end with it, the port is free, and the next one serves."""
    install(machine)
    before = pids(machine)
    main = machine.show("shop", "MainPID")
    assert len(before) >= 6 and main in before
    machine.run("kill", "-KILL", main)
    until("the next one", lambda: machine.show("shop", "NRestarts") == "1"
          and machine.show("shop", "ActiveState") == "active", 60, 0.1)  # fmt: skip
    assert curl(machine) == "first"
    after = pids(machine)
    assert not before & after and machine.show("shop", "MainPID") in after
    alive = set(machine.sh("ps -eo pid=").split())
    assert not before & alive


def test_a_restart_with_sockets_refuses_nobody(machine: booted.Machine) -> None:
    """Requests wait while nobody is there to accept them."""
    install(machine, "--socket")
    assert curl(machine) == "first"
    with load(machine) as found:
        for _ in range(2):
            machine.run("systemctl", "restart", "shop.service")
    assert found["bad"] == [] and found["good"] >= 4  # two wait through each restart
    with load(machine) as found:
        machine.run("kill", "-KILL", machine.show("shop", "MainPID"))
        until("the next one", lambda: machine.show("shop", "NRestarts") == "1"
              and machine.show("shop", "ActiveState") == "active", 60, 0.1)  # fmt: skip
        assert curl(machine) == "first"
    assert not [text for text in found["bad"] if "refused" in text.lower()]
    assert len(found["bad"]) <= 4  # those under way when it was killed
    assert "127.0.0.1:8080" in machine.show("shop.socket", "Listen")


def test_an_edge_that_hangs_is_noticed(machine: booted.Machine) -> None:
    install(machine)
    machine.write("/etc/systemd/system/shop.service.d/soon.conf", "[Service]\nWatchdogSec=2\n")
    machine.sh("systemctl daemon-reload; systemctl restart shop")
    machine.sh("pkill --signal STOP --exact 'slipway: edge'")
    until("the next one", lambda: machine.show("shop", "NRestarts") == "1"
          and machine.show("shop", "ActiveState") == "active", 60, 0.1)  # fmt: skip
    assert curl(machine) == "first"


def test_it_stops_well(machine: booted.Machine) -> None:
    install(machine)
    machine.run("systemctl", "stop", "shop")
    assert machine.show("shop", "Result") == "success"
    assert not processes(machine)


def test_a_start_that_fails_is_told(machine: booted.Machine) -> None:
    install(machine)
    machine.run("systemctl", "stop", "shop")
    machine.sh("echo 'raise RuntimeError(\"broken\")' >> /srv/shop/shop/settings.py")
    assert machine.run("systemctl", "start", "shop", is_well=False).returncode != 0
    assert "broken" in machine.show("shop", "StatusText")
    machine.write("/srv/shop/shop/settings.py", SETTINGS)
    until("what was mended", lambda: machine.show("shop", "ActiveState") == "active", 60, 0.1)
    assert curl(machine) == "first"


def entries(machine: booted.Machine, *matches: str) -> list[dict[str, Any]]:
    shown = machine.run("journalctl", "-q", "-a", "-o", "json", "-t", "slipway", *matches).stdout
    return [json.loads(line) for line in shown.splitlines()]


def test_logs_in_the_journal(machine: booted.Machine) -> None:
    """Fields of a request, and an entry that is too large for a datagram (a memfd)."""
    install(machine, "--access-log", "journald", "--log", "journald", "--access-format", "json")
    assert curl(machine, "/long") == "long"
    (row,) = until("the request", lambda: entries(machine, "SLIPWAY_TARGET=/long"), 20, 0.2)
    assert (row["SLIPWAY_STATUS"], row["SLIPWAY_SITE"], row["PRIORITY"]) == ("200", "shop", "6")
    assert row["_SYSTEMD_UNIT"] == "shop.service"
    one = row["REQUEST_ID"]
    found = until(
        "its line", lambda: len(r := entries(machine, f"REQUEST_ID={one}")) > 1 and r, 20, 0.2
    )
    assert "long " + "ü" * 45000 in [entry["MESSAGE"] for entry in found]
