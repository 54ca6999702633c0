"""`slipway install-service`: what is in the unit, and what is never written over."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Sites
from program import PYTHON, SLIPWAY, run
from projects import make_django, write

ANALYZE = shutil.which("systemd-analyze")


@pytest.fixture
def project(sites: Sites) -> Path:
    """With uploads, SQLite, a cache and a log file in folders of their own."""
    folder = make_django(sites.folder / "project")
    for name in ("uploads", "db", "cache", "log"):
        (folder / name).mkdir()
    settings = folder / "tiny" / "settings.py"
    more = f"""
MEDIA_URL = "/media/"
MEDIA_ROOT = "{folder}/uploads"
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3",
                         "NAME": "{folder}/db/db.sqlite3"}}}}
CACHES = {{"default": {{"BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
                      "LOCATION": "{folder}/cache"}}}}
LOGGING = {{"version": 1, "handlers": {{"file": {{"class": "logging.FileHandler", "delay": True,
                                              "filename": "{folder}/log/tiny.log"}}}}}}
"""
    write(settings, settings.read_text() + more)
    return folder


def install(
    project: Path, *arguments: str, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    to = ("--to", str(folder)) if folder else ()
    return run("install-service", *to, "--python", PYTHON, *arguments, folder=project)


def values(unit: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit, re.M)


def test_it_is_printed_and_nothing_is_written(project: Path, tmp_path: Path) -> None:
    done = install(project, "--name", "shop", "--listen", "0.0.0.0:80", folder=tmp_path)
    assert done.returncode == 0 and "nothing was written" in done.stderr
    assert done.stdout.startswith(f"# {tmp_path}/shop.service\n[Unit]\n")
    assert list(tmp_path.iterdir()) == []
    unit = done.stdout
    assert values(unit, "Type") == ["notify"]
    assert values(unit, "ExecStart") == [
        f"{SLIPWAY} serve --chdir={project} --listen=0.0.0.0:80 --python={PYTHON}"
    ]
    assert values(unit, "ExecReload") == [f"{SLIPWAY} reload --chdir={project}"]
    assert values(unit, "TimeoutStopSec") == ["77"] and values(unit, "KillMode") == ["mixed"]
    assert "network-online" not in unit


def test_what_the_project_writes_stays_writable(project: Path, tmp_path: Path) -> None:
    """A project at home: there the private folders for temporary files do not hide it."""
    home = Path("/root" if os.geteuid() == 0 else os.path.expanduser("~"))
    unit = install(
        project, "--log", f"{home}/slipway-test-log/slipway.log", "--spool-dir", "/var/spool/x y"
    ).stdout
    writes = [path.removeprefix("-").strip('"') for path in values(unit, "ReadWritePaths")]
    for name in ("uploads", "db", "cache", "log"):
        assert f"{project}/{name}" in writes
    assert f"{home}/slipway-test-log" in writes and "/var/spool/x y" in writes
    assert values(unit, "ProtectSystem") == ["strict"]
    assert values(unit, "ProtectHome") == ["read-only"]
    assert values(unit, "PrivateTmp") == ["no"]  # the project lies there
    assert writes[-1] == "/tmp /var/tmp"


def test_files_of_any_option_are_in_sight(project: Path) -> None:
    """A word that is no path hides nothing."""
    assert values(install(project, "--wall-open", "/no/such/path").stdout, "ProtectHome") == ["yes"]
    home = os.path.expanduser("~")
    write(project / "slipway.ini", f"[slipway]\nstatic = /a/={home}\n")
    assert values(install(project).stdout, "ProtectHome") == ["read-only"]


def test_sockets_of_systemd(project: Path) -> None:
    listen = ("0.0.0.0:80", "[::1]:443 tls", "unix:/run/x/a%b.sock mode=0666 group=www-data")
    options = [word for item in listen for word in ("--listen", item)]
    service, socket = install(project, "--socket", *options).stdout.split("\n# /etc/")
    assert values(service, "Requires") == ["project.socket"]
    (command,) = values(service, "ExecStart")
    assert command.endswith('--listen=fd:3 "--listen=fd:4 tls" --listen=fd:5')
    assert "0.0.0.0" not in command
    assert values(socket, "ListenStream") == ["0.0.0.0:80", "[::1]:443", "/run/x/a%%b.sock"]
    assert values(socket, "SocketMode") == ["0666"] and values(socket, "SocketGroup") == [
        "www-data"
    ]
    done = install(project, "--socket", "--listen", "localhost:80")
    assert done.returncode == 1 and "not 'localhost:80' (--listen)" in done.stderr


def test_words_are_spelled_as_units_spell_them(project: Path) -> None:
    unit = install(project, "--wall-open", '/a b%$"x\\').stdout
    assert r'"--wall-open=/a b%%$$\"x\\"' in values(unit, "ExecStart")[0]


def test_an_address_of_one_interface_waits_for_it(project: Path) -> None:
    unit = install(project, "--listen", "192.0.2.7:80").stdout
    assert values(unit, "Wants") == ["network-online.target"]


def test_a_server_of_several_sites(sites: Sites, project: Path, tmp_path: Path) -> None:
    other = make_django(sites.folder / "other")
    server = write(sites.folder / "etc" / "slipway.ini", "sites = sites\nlisten = 0.0.0.0:80\n")
    for folder in (project, other):
        lines = f"chdir = {folder}\nhosts = {folder.name}.test\npython = {PYTHON}\n"
        write(server.parent / "sites" / f"{folder.name}.ini", lines)
    done = run("install-service", "--config", str(server), folder=tmp_path)
    unit = done.stdout
    assert done.returncode == 0, done.stderr
    assert unit.startswith("# /etc/systemd/system/slipway.service\n")
    where = f"--chdir={server.parent} --config={server}"
    assert values(unit, "ExecStart") == [f"{SLIPWAY} serve {where}"]
    assert values(unit, "ExecReload") == [f"{SLIPWAY} reload {where}"]
    assert f"-{project}/uploads" in values(unit, "ReadWritePaths")
    write(
        server.parent / "sites" / "other.ini",
        f"chdir = {other}\nsettings = no.such\npython = {PYTHON}\n",
    )
    done = run("install-service", "--config", str(server), folder=tmp_path)
    assert done.returncode == 1 and "other: " in done.stderr and "no.such" in done.stderr


def test_only_its_own_is_written_over(project: Path, tmp_path: Path) -> None:
    path = tmp_path / "project.service"
    done = install(project, "--write", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"wrote {path}\nNow: systemctl daemon-reload && systemctl enable --now project.service\n"
    )
    assert path.stat().st_mode & 0o777 == 0o644
    assert install(project, "--write", "--listen", "0.0.0.0:81", folder=tmp_path).returncode == 0
    assert "--listen=0.0.0.0:81" in (text := path.read_text())
    path.write_text(text.replace("Restart=always", "Restart=no"))
    done = install(project, "--write", folder=tmp_path)
    assert done.returncode == 1 and "was written or changed by somebody else" in done.stderr
    assert "Restart=no" in path.read_text()
    assert install(project, "--write", "--force", folder=tmp_path).returncode == 0
    assert "Restart=always" in path.read_text()
    write(tmp_path / "project.socket", "[Socket]\n")
    done = install(project, "--socket", "--write", folder=tmp_path)
    assert done.returncode == 1 and "project.socket was written" in done.stderr
    assert "Requires" not in path.read_text()  # both or none


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--name", "a/b"), 2, "--name takes letters"),
        (("--user", "no-such-one"), 1, "there is no user 'no-such-one'"),
        (("--to", "/no/such/folder", "--write"), 1, "cannot write /no/such/folder/project.service"),
        (("--settings", "no.such"), 1, "no.such"),
    ],
)
def test_what_is_refused(
    project: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = install(project, *arguments)
    assert done.returncode == status and words in done.stderr
    if "--user" in arguments and os.geteuid() != 0:
        assert "only root" in done.stderr


@pytest.mark.skipif(not ANALYZE, reason="there is no systemd-analyze")
def test_systemd_understands_it(project: Path, tmp_path: Path) -> None:
    write(project / "tool", "")
    options = ("--socket", "--write", "--listen", "127.0.0.1:8001", "--listen", "[::1]:8001")
    done = install(project, "--wall-open", '/a b%$"x', *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    units = [str(tmp_path / f"project.{kind}") for kind in ("service", "socket")]
    verified = subprocess.run(
        [ANALYZE, "verify", *units], capture_output=True, text=True, timeout=60, check=False
    )
    ours = [line for line in verified.stderr.splitlines() if "project." in line]
    assert ours == [] and verified.returncode == 0, verified.stderr
    judged = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--threshold=40", units[0]],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert judged.returncode == 0, judged.stdout[-300:]
