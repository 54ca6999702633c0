"""The three sites of examples/from-nginx, served by nginx + uWSGI or by slipway.

The files of the example name folders, sockets and ports as a machine of one's own has them; here
each such name gets a place in a folder that is gone afterwards.
"""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from certificates import make
from http1 import Address, Fields, Peer, Response
from program import PYTHON, ROOT, SANDBOX, SLIPWAY, environment, until
from tls_client import TlsPeer

EXAMPLE = ROOT / "examples" / "from-nginx"
NGINX, UWSGI = "/usr/sbin/nginx", "/usr/bin/uwsgi"
SITES = ("production", "staging", "notes")
PASSWORD, TOKEN = "low-tide", "0123456789abcdef0123456789abcdef01234567"
START_S, STOP_S = 60, 20


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class World:
    """What both servers serve, in a folder of its own: /srv of the example is FOLDER/srv."""

    folder: Path
    http: int = field(default_factory=free_port)
    https: int = field(default_factory=free_port)

    @property
    def data(self) -> Path:
        return self.folder / "srv/data"

    def here(self, text: str) -> str:
        """A file of the example with the names of this world."""
        text = re.sub(
            r"(?<![\w/.])/(srv|run|etc|var)/(?!nginx/uwsgi_params)", rf"{self.folder}/\1/", text
        )
        text = re.sub(r"\blisten 80\b", f"listen 127.0.0.1:{self.http}", text)
        text = re.sub(r"\blisten 443\b", f"listen 127.0.0.1:{self.https}", text)
        text = re.sub(r"(?<=^listen = )0\.0\.0\.0:80\b", f"127.0.0.1:{self.http}", text, flags=re.M)
        return re.sub(
            r"(?<=^listen = )0\.0\.0\.0:443\b", f"127.0.0.1:{self.https}", text, flags=re.M
        )

    def copy(self, source: str, target: str) -> None:
        path = self.folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.here((EXAMPLE / source).read_text()))


def manage(project: Path, env: Mapping[str, str], *arguments: str) -> None:
    subprocess.run(
        [PYTHON, "manage.py", *arguments],
        cwd=project,
        env=environment(env),
        check=True,
        timeout=START_S,
        stdout=subprocess.DEVNULL,
    )


def env_of(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def make_world(folder: Path) -> World:
    folder.chmod(0o755)
    world = World(folder)
    for name in ("gallery", "notes"):
        shutil.copytree(EXAMPLE / name, folder / "srv" / name)
    (folder / "srv/venv").symlink_to(Path(PYTHON).parent.parent)
    for part in ("run/uwsgi", "var/log/nginx", "var/log/slipway", "etc/ssl/private"):
        (folder / part).mkdir(parents=True)
    challenge = folder / "srv/acme/.well-known/acme-challenge"
    challenge.mkdir(parents=True)
    (challenge / "a-token").write_text("a-token.a-thumbprint")
    names = ("gallery.test", "www.gallery.test", "staging.gallery.test")
    for name, hosts in (("gallery", names), ("notes", ("notes.test",))):
        pair = make(folder / "etc/ssl", name, *hosts)
        pair.key.rename(folder / f"etc/ssl/private/{name}.key")
    gallery = folder / "srv/gallery"
    for site in ("production", "staging"):
        (world.data / site).mkdir(parents=True)
        world.copy(f"gallery/env/{site}.env", f"srv/gallery/env/{site}.env")
        env = env_of(gallery / f"env/{site}.env")
        manage(gallery, env, "migrate", "-v", "0")
        manage(gallery, env, "furnish", "--password", PASSWORD, "--token", TOKEN)
    manage(gallery, env, "collectstatic", "--noinput", "-v", "0")
    manage(folder / "srv/notes", {}, "collectstatic", "--noinput", "-v", "0")
    (folder / "srv/gallery/collected/.hidden").write_text("a secret")
    (world.data / "production/media/.hidden").write_text("a secret")
    return world


class Front:
    """A server under test: who it is, and how it is asked."""

    def __init__(self, name: str, world: World):
        self.name, self.world = name, world

    def log_of(self, site: str) -> Path:
        return self.world.folder / "var/log" / self.name / f"{site}.log"

    def address(self, tls: bool) -> Address:
        return ("127.0.0.1", self.world.https if tls else self.world.http)

    def peer(self, host: str, tls: bool = True, source: str = "") -> Peer:
        if not tls:
            return Peer(self.address(False), source=source)
        return TlsPeer(self.address(True), host, source=source)

    def ask(
        self,
        host: str,
        target: str = "/",
        fields: Fields = (),
        method: str = "GET",
        body: bytes | None = None,
        tls: bool = True,
        source: str = "",
        name: str | None = None,
    ) -> Response:
        """One request on a connection of its own; `name`: of TLS, if not the host."""
        with self.peer(host if name is None else name, tls, source) as peer:
            return peer.ask(method, target, [("Host", host), *fields], body)


@contextmanager
def process(command: list[str], folder: Path, log: Path) -> Iterator[Callable[[], bool]]:
    env = environment({"SLIPWAY_SANDBOX": SANDBOX})
    with log.open("wb") as out:
        running = subprocess.Popen(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )

    def is_alive() -> bool:
        assert running.poll() is None, log.read_text(errors="replace")
        return True

    try:
        yield is_alive
        is_alive()
    finally:
        running.terminate()
        try:
            running.wait(STOP_S)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait(STOP_S)


NGINX_MAIN = """
daemon off; pid {folder}/run/nginx.pid; worker_processes 1; {user}
events {{ worker_connections 512; }}
http {{
    include /etc/nginx/mime.types; default_type application/octet-stream;
    client_body_temp_path {folder}/run/body; proxy_temp_path {folder}/run/p;
    uwsgi_temp_path {folder}/run/u; fastcgi_temp_path {folder}/run/f; scgi_temp_path {folder}/run/s;
    include {folder}/etc/nginx/conf.d/*.conf;
}}
"""


def answers(front: Front) -> bool:
    try:
        is_there = front.ask("notes.test").status == 200
        return is_there and front.ask("gallery.test").status == 200
    except OSError:
        return False


@contextmanager
def nginx_and_uwsgi(folder: Path) -> Iterator[Front]:
    world = make_world(folder)
    world.copy("nginx/gallery.conf", "etc/nginx/conf.d/gallery.conf")
    for name in ("app.conf", "security.conf"):
        world.copy(f"nginx/snippets/{name}", f"etc/nginx/snippets/{name}")
    for name in ("moved.map", "staging.htpasswd"):
        shutil.copy(EXAMPLE / "nginx" / name, folder / "srv/gallery" / name)
    shutil.copy("/etc/nginx/uwsgi_params", folder / "etc/nginx/uwsgi_params")
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "etc/nginx/nginx.conf"
    main.write_text(NGINX_MAIN.format(folder=folder, user=user))
    with ExitStack() as stack:
        for site in SITES:
            world.copy(f"uwsgi/{site}.ini", f"etc/uwsgi/{site}.ini")
            command = [UWSGI, "--ini", str(folder / f"etc/uwsgi/{site}.ini")]
            log = folder / f"var/log/uwsgi-{site}.log"
            is_alive = stack.enter_context(process(command, folder, log))
            there = (folder / f"run/uwsgi/{site}.sock").exists
            until(f"uWSGI of {site}", lambda a=is_alive, t=there: a() and t(), START_S)
        log = folder / "var/log/nginx/error.log"
        command = [NGINX, "-c", str(main), "-e", str(log)]
        log = folder / "var/log/nginx/out.log"
        is_alive = stack.enter_context(process(command, folder, log))
        front = Front("nginx", world)
        until("nginx to answer", lambda: is_alive() and answers(front), START_S)
        yield front


@contextmanager
def slipway(folder: Path) -> Iterator[Front]:
    world = make_world(folder)
    for name in ("slipway.ini", *(f"sites/{site}.ini" for site in SITES)):
        world.copy(name, f"etc/slipway/{name}")
    site = folder / "etc/slipway/sites/production.ini"
    compress = [SLIPWAY, "assets", "--config", str(site)]
    subprocess.run(compress, env=environment(), check=True, timeout=START_S, capture_output=True)
    config = folder / "etc/slipway/slipway.ini"
    command = [SLIPWAY, "serve", "--config", str(config), "--control", f"unix:{folder}/run/c"]
    with process(command, folder, folder / "var/log/slipway/out.log") as is_alive:
        front = Front("slipway", world)
        until("slipway to answer", lambda: is_alive() and answers(front), START_S)
        yield front
