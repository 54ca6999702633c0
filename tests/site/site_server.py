"""A server of several sites, for tests: slipway.ini, sites/, and clients that ask them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from conftest import Sites
from http1 import TIMEOUT_S, Peer, Response, build, get
from load import Clients
from program import Site
from projects import make_wsgi, write


def ask(site: Site, host: str, target: str = "/") -> Response:
    return get(site.address, target, [("Host", host)])


class Server:
    """A folder with slipway.ini and sites/, and one project a site."""

    def __init__(self, sites: Sites):
        self._sites, self.folder = sites, sites.folder / "server"
        write(self.folder / "slipway.ini", "sites = sites\nworkers = 1\n")
        (self.folder / "sites").mkdir()
        self.site: Site | None = None

    def file(self, name: str, *lines: str, hosts: tuple[str, ...] = (), app: bool = True) -> Path:
        project = self.folder / name
        if not project.exists():
            project.mkdir()
            make_wsgi(project, name)
        text = [f"chdir = ../{name}", *(["app = own:application"] if app else []), *lines]
        text[1:1] = [f"hosts = {host}" for host in hosts or (f"{name}.test",)]
        return write(self.folder / "sites" / f"{name}.ini", "\n".join(text) + "\n")

    def start(self, *options: str, **more: Any) -> Site:
        self.site = self._sites.start(
            None, *options, chdir=self.folder, options_of_count=False, **more
        )
        return self.site

    def reload(self, *arguments: str, status: int = 0) -> tuple[str, str]:
        assert self.site
        done = self.site.verb("reload", "--chdir", str(self.folder), *arguments)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout, done.stderr

    def rows(self) -> dict[str, Any]:
        assert self.site
        return {row["site"]: row for row in self.site.status()["sites"]}

    def pid(self, name: str) -> int:
        return self.rows()[name]["workers"][-1]["pid"]  # of the newest generation


class Asking(Clients):
    """Clients that ask for one host; `wrong`: what `is_right` refused."""

    def __init__(
        self, site: Site, host: str, is_right: Callable[[Response], bool], clients: int = 2
    ):
        super().__init__(clients)
        self._site, self._host, self._is_right = site, host, is_right
        self.wrong: list[tuple[int, bytes]] = []

    def __enter__(self) -> Self:
        super().__enter__()
        self.wait_more(1)
        return self

    def _run(self) -> None:
        while not self._stopping:
            with Peer(self._site.address, 2 * TIMEOUT_S) as one:
                while not self._stopping:
                    one.send(build("GET", "/", [("Host", self._host)]))
                    response = one.response()
                    with self._changed:
                        self.answers += 1
                        if not self._is_right(response):
                            self.wrong.append((response.status, response.body[:80]))
                        self._changed.notify_all()
                    if (response.get("Connection") or "").lower() == "close":
                        break
