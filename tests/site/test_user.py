"""Root starts it, and the project's code runs as the site's user: options user, group and umask."""

import atexit
import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Peer, build, get, post
from program import PYTHON, SLIPWAY, Site, environment, ids_of, is_for_all
from program import run as run_program
from projects import make_django, write

DAEMON, BIN, ADM, NOBODY = 1, 2, 4, 65534  # of every Debian; the last one are the edges


def program_for_all() -> str:
    """A tree may lie in a folder that is root's alone."""
    if is_for_all(SLIPWAY):
        return SLIPWAY
    folder = Path(tempfile.mkdtemp(prefix="slipway-for-all-", dir="/tmp"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    shutil.copytree(Path(SLIPWAY).parent / "python" / "slipway", folder / "python" / "slipway")
    return shutil.copy(SLIPWAY, folder)


PROGRAM = program_for_all()
INTERPRETER = PYTHON if is_for_all(PYTHON) else "/usr/bin/python3"
OURS = {"program": PROGRAM, "python": INTERPRETER}
run = functools.partial(run_program, program=PROGRAM)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give itself up")

APPLICATION = """
import json, os, sqlite3

def application(environ, start_response):
    path = environ["PATH_INFO"]
    start_response("200 OK", [("Content-Type", "application/json")])
    if path == "/write":
        os.makedirs("data", exist_ok=True)
        with open("data/upload", "wb") as file:
            file.write(environ["wsgi.input"].read())
        with sqlite3.connect("data/db.sqlite3") as connection:
            connection.execute("create table if not exists t (x)")
    with open("/dev/stdout", "w") as out:
        print("said by its own name", file=out)
    names = ("HOME", "USER", "LOGNAME", "SECRET", "XDG_RUNTIME_DIR")
    facts = {name: os.environ.get(name) for name in names}
    mask = os.umask(0)
    os.umask(mask)
    facts |= {"groups": sorted(os.getgroups()), "umask": mask, "ids": [os.getuid(), os.getgid()]}
    return [json.dumps(facts).encode()]
"""


def make(sites: Sites, owner: int = DAEMON) -> Path:
    """A project of somebody's, in a folder that all can pass."""
    sites.folder.chmod(0o711)
    folder = sites.folder / "project"
    write(folder / "own.py", APPLICATION)
    write(folder / ".env", "SECRET=read by root\n").chmod(0o600)
    for path in (folder, folder / "own.py"):
        os.chown(path, owner, owner)
    return folder


def start(sites: Sites, folder: Path, *options: str, **more: str) -> Site:
    env = {"SLIPWAY_USER": "", "XDG_RUNTIME_DIR": "/run/user/0", **more}
    return sites.start("own", *options, **OURS, chdir=folder, env=env)


def facts(site: Site, path: str = "/") -> dict[str, object]:
    return json.loads(post(site.address, path, b"bytes").body)


@as_root
@pytest.mark.parametrize("verb", ["serve", "run"])
def test_the_owner_of_the_folder(sites: Sites, verb: str) -> None:
    folder = make(sites)
    site = sites.start("own", **OURS, chdir=folder, verb=verb, env={"SLIPWAY_USER": ""})
    for name, user in (("zygote", DAEMON), ("worker", DAEMON), ("edge", NOBODY), ("scribe", 0)):
        assert {ids_of(pid)[0] for pid in site.pids(name)} == {user}, name
    assert ids_of(site.pid) == (0, 0)
    assert "runs as root" not in site.log()
    before = site.pids("worker")  # it may still be there when the reload is done
    assert site.verb("reload").returncode == 0
    (worker,) = site.wait_workers(1, without=before)
    assert ids_of(worker["pid"]) == (DAEMON, DAEMON)


@as_root
def test_its_surroundings_are_of_a_login(sites: Sites) -> None:
    site = start(sites, make(sites), "--umask", "027")
    told = facts(site)
    assert told["ids"] == [DAEMON, DAEMON] and told["groups"] == [DAEMON]
    assert (told["USER"], told["LOGNAME"]) == ("daemon", "daemon")
    assert told["HOME"] == os.path.expanduser("~daemon")
    assert told["umask"] == 0o27 and told["XDG_RUNTIME_DIR"] is None
    assert told["SECRET"] == "read by root"
    site.err.wait("said by its own name")


@as_root
@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (("--user", "bin"), [BIN, BIN]),
        (("--user", "bin", "--group", "adm"), [BIN, ADM]),
        (("--group", "adm"), [DAEMON, ADM]),
        (("--user", "4711"), [4711, 4711]),
        (("--user", "root"), [0, 0]),
    ],
)
def test_another_user(sites: Sites, options: tuple[str, ...], ids: list[int]) -> None:
    site = start(sites, make(sites), *options)
    assert facts(site)["ids"] == ids
    assert "runs as root" not in site.log()


@as_root
def test_supplementary_groups(sites: Sites) -> None:
    """Those that the machine's user database has for him, and none of root's."""
    line = next(
        (line for line in Path("/etc/group").read_text().splitlines() if line.split(":")[3]), ""
    )
    if not line:
        pytest.skip("no group of this machine has a member")
    _, _, number, members = line.split(":")
    member = members.split(",")[0]
    site = start(sites, make(sites), "--user", member)
    groups = facts(site)["groups"]
    assert (
        isinstance(groups, list) and int(number) in groups and (0 not in groups or member == "root")
    )


@as_root
def test_what_it_writes_is_his(sites: Sites) -> None:
    folder = make(sites)
    site = start(sites, folder, "--static", f"/data/={folder}/data", "--body-memory", "64K")
    os.makedirs(folder / "data")
    os.chown(folder / "data", DAEMON, DAEMON)
    assert post(site.address, "/write", b"x" * 300_000).status == 200
    for name in ("upload", "db.sqlite3"):
        status = (folder / "data" / name).stat()
        assert (status.st_uid, status.st_gid) == (DAEMON, DAEMON)
    assert site.verb("reload").returncode == 0
    assert get(site.address, "/data/upload").body == b"x" * 300_000


@as_root
def test_a_reload_changes_him(sites: Sites) -> None:
    folder = make(sites)
    ini = write(folder / "slipway.ini", "[slipway]\nuser = daemon\n")
    site = sites.start("own", **OURS, chdir=folder, env={"SLIPWAY_USER": ""})
    site.process.poll()
    assert facts(site)["ids"] == [DAEMON, DAEMON]
    ini.write_text("[slipway]\nuser = bin\n")
    assert site.verb("reload").returncode == 0, site.log()
    assert facts(site)["ids"] == [BIN, BIN]
    ini.write_text("[slipway]\nuser = no-such-one\n")
    done = site.verb("reload")
    assert done.returncode == 1 and "there is no user 'no-such-one'" in done.stderr
    assert facts(site)["ids"] == [BIN, BIN]


@as_root
def test_root_is_warned_of(sites: Sites) -> None:
    site = start(sites, make(sites, owner=0))
    assert facts(site)["ids"] == [0, 0]
    assert site.log().count("the project runs as root") == 1
    assert site.verb("reload").returncode == 0
    assert site.log().count("the project runs as root") == 1


@as_root
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--user", "no-such-one"), "there is no user 'no-such-one' (--user)"),
        (("--group", "no-such-one"), "there is no group 'no-such-one' (--group)"),
        (("--umask", "8"), "--umask takes an octal number"),
        (("--umask", "1777"), "--umask takes an octal number"),
    ],
)
def test_options_that_will_not_do(sites: Sites, options: tuple[str, ...], words: str) -> None:
    arguments = ("--listen", "127.0.0.1:0", "--python", INTERPRETER, *options)
    done = run("serve", "own:application", *arguments, folder=make(sites))
    assert done.returncode in (1, 2) and words in done.stderr


@as_root
def test_what_he_cannot_reach_is_named(sites: Sites) -> None:
    folder = make(sites)
    sites.folder.chmod(0o700)
    arguments = ("own:application", "--python", INTERPRETER, "--chdir", str(folder))
    done = run("serve", *arguments, "--listen", "127.0.0.1:0")
    words = (
        "daemon (owner of the project's folder), whom the project runs as, cannot enter "
        f"{sites.folder}: chmod o+x it"
    )
    assert done.returncode == 1 and words in done.stderr
    found = json.loads(run("check", "--json", *arguments).stdout)
    assert any(words in problem for problem in found["problems"])


@as_root
def test_a_file_of_his_names_nobody_else(sites: Sites) -> None:
    """Who can write it would otherwise become root at the next reload."""
    folder = make(sites)
    ini = write(folder / "slipway.ini", "[slipway]\nuser = root\n")
    os.chown(ini, DAEMON, DAEMON)
    arguments = ("own:application", "--python", INTERPRETER, "--listen", "127.0.0.1:0")
    done = run("serve", *arguments, folder=folder)
    assert done.returncode == 1 and "counts for root only in a file of root's" in done.stderr
    ini.write_text("[slipway]\nuser = daemon\n")
    assert facts(start_quietly(sites, folder))["ids"] == [DAEMON, DAEMON]
    found = json.loads(run("check", "--json", *arguments, folder=folder).stdout)
    (row,) = [row for row in found["checks"] if row["name"] == "config"]
    assert row["level"] == "warning" and row["fix"] == f"chown root {ini}"


@as_root
@pytest.mark.parametrize(("mode", "who"), [(0o666, "everybody"), (0o664, "its group")])
def test_a_file_that_others_may_write_is_a_problem(sites: Sites, mode: int, who: str) -> None:
    folder = make(sites)
    ini = write(folder / "slipway.ini", "threads = 1\n")
    os.chown(ini, 0, DAEMON)
    arguments = ("own:application", "--python", INTERPRETER)
    for bits, level in ((0o644, "ok"), (mode, "problem")):
        ini.chmod(bits)
        found = json.loads(run("check", "--json", *arguments, folder=folder).stdout)
        (row,) = [row for row in found["checks"] if row["name"] == "config"]
        assert row["level"] == level
    assert who in row["text"] and row["fix"] == f"chmod go-w {ini}"


def start_quietly(sites: Sites, folder: Path) -> Site:
    site = sites.start("own", **OURS, chdir=folder, waits=False, env={"SLIPWAY_USER": ""})
    return site.wait_ready()


@as_root
def test_check_and_exec_are_his_too(sites: Sites) -> None:
    folder = make(sites)
    found = json.loads(
        run("check", "--json", "own:application", "--python", INTERPRETER, folder=folder).stdout
    )
    assert found["user"] == "daemon"
    command = ("id", "-un")
    assert run("exec", "--", *command, folder=folder).stdout == "daemon\n"
    assert run("exec", "--user", "root", "--", *command, folder=folder).stdout == "root\n"
    done = run("exec", "--", "sh", "-c", "echo $HOME $SECRET; touch made", folder=folder)
    assert done.stdout == f"{os.path.expanduser('~daemon')} read by root\n", done.stderr
    assert (folder / "made").stat().st_uid == DAEMON


@as_root
def test_without_root_it_stays_who_it_is(sites: Sites) -> None:
    """High ports, and nobody to become."""
    folder = make(sites)
    (folder / ".env").unlink()
    command = [
        PROGRAM,
        "serve",
        "own:application",
        "--python",
        INTERPRETER,
        "--listen",
        "127.0.0.1:0",
    ]
    them = {"user": DAEMON, "group": DAEMON, "extra_groups": [], "cwd": folder}
    if subprocess.run([PROGRAM, "version"], capture_output=True, check=False, **them).returncode:
        pytest.skip("the program is not for other users here")
    env = environment({"TMPDIR": "/tmp", "HOME": "/tmp"})
    refused = subprocess.run(
        [*command, "--user", "bin"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **them,
    )
    assert refused.returncode == 1 and "only root can run the project as another" in refused.stderr
    same = subprocess.Popen(
        [*command, "--user", "daemon"], env=env, stderr=subprocess.PIPE, text=True, **them
    )
    assert same.stderr
    try:
        assert re.match(r"slipway \S+: http://", line := same.stderr.readline()), line
    finally:
        same.terminate()
        same.communicate(timeout=60)
    assert same.returncode == 0
    shutil.rmtree(f"/tmp/slipway-{DAEMON}", ignore_errors=True)


@as_root
def test_check_tells_what_he_cannot_write(sites: Sites) -> None:
    if INTERPRETER != PYTHON:
        pytest.skip("the tests' Django is root's alone")
    sites.folder.chmod(0o711)
    folder = make_django(sites.folder / "django")
    data = folder / "data"
    (data / "uploads").mkdir(parents=True)
    more = (
        f'\nMEDIA_URL = "/media/"\nMEDIA_ROOT = {str(data / "uploads")!r}\n'
        f'DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", '
        f'"NAME": {str(data / "db.sqlite3")!r}}}}}\n'
    )
    settings = folder / "tiny" / "settings.py"
    write(settings, settings.read_text() + more)
    write(data / "db.sqlite3", "")
    os.chown(data, DAEMON, DAEMON)
    os.chown(folder, DAEMON, DAEMON)
    done = run("check", "--json", "--python", INTERPRETER, folder=folder)
    rows = {row["name"]: row for row in json.loads(done.stdout)["checks"]}
    assert rows["media"]["fix"] == f"chown -R daemon {data / 'uploads'}"
    assert rows["database"]["text"] == f"{data / 'db.sqlite3'} cannot be written by this user"
    assert rows["database"]["fix"] == f"chown daemon {data} {data / 'db.sqlite3'}"


@as_root
def test_each_site_has_its_own(sites: Sites) -> None:
    sites.folder.chmod(0o711)
    for name, owner in (("one", DAEMON), ("two", BIN)):
        folder = sites.folder / name
        write(folder / "own.py", APPLICATION)
        os.chown(folder, owner, owner)
        lines = f"chdir = {folder}\napp = own:application\nhosts = {name}.test\n"
        lines += f"python = {INTERPRETER}\n"
        write(sites.folder / "etc" / "sites" / f"{name}.ini", lines)
    server = write(sites.folder / "etc" / "slipway.ini", "sites = sites\n")
    site = sites.start(
        None,
        "--config",
        str(server),
        chdir=server.parent,
        python=None,
        program=PROGRAM,
        env={"SLIPWAY_USER": ""},
    )
    for name, owner in (("one", DAEMON), ("two", BIN)):
        with Peer(site.address) as peer:
            peer.send(build("GET", "/", [("Host", f"{name}.test")]))
            assert json.loads(peer.response().body)["ids"] == [owner, owner]
