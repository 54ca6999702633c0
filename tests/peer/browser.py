"""Chromium as a visitor has it, driven by chromedriver: WebDriver is HTTP with JSON."""

import base64
import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from program import Lines

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # of the standard: WebDriver, section 12
TIMEOUT_S, STOP_S = 60, 20
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ARGUMENTS = (
    "--headless=new",
    *QUIET,
    "--window-size=1100,800",
    "--host-resolver-rules=MAP *.test 127.0.0.1",
)


class Browser:
    def __init__(self, port: int, profile: Path):
        self._base = f"http://127.0.0.1:{port}/session"
        options = {"args": [*ARGUMENTS, f"--user-data-dir={profile}"]}
        wanted = {"acceptInsecureCerts": True, "goog:chromeOptions": options}
        session = self._call("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self._base += f"/{session['sessionId']}"

    def _call(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        fields = {"Content-Type": "application/json"}
        asked = urllib.request.Request(self._base + path, data, fields, method=method)
        with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:
            return json.load(answer)["value"]

    def go(self, url: str) -> None:
        """Until the page is loaded, with all that it names."""
        self._call("POST", "/url", {"url": url})

    def script(self, code: str, *arguments: object) -> Any:
        """What the code returns, or what the promise it returns becomes."""
        return self._call("POST", "/execute/sync", {"script": code, "args": list(arguments)})

    def _find(self, css: str) -> str:
        found = self._call("POST", "/element", {"using": "css selector", "value": css})
        return f"/element/{found[ELEMENT]}"

    def type(self, css: str, text: str) -> None:
        """Into a field; into one for files: the path of the file."""
        self._call("POST", f"{self._find(css)}/value", {"text": text})

    def click(self, css: str) -> None:
        """If it leads to another page, until that is loaded."""
        self._call("POST", f"{self._find(css)}/click", {})

    def text(self) -> str:
        return str(self.script("return document.body.innerText"))

    def picture(self) -> bytes:
        return base64.b64decode(self._call("GET", "/screenshot"))

    def close(self) -> None:
        self._call("DELETE", "")


@contextmanager
def chromium(driver: str, folder: Path) -> Iterator[Browser]:
    running = subprocess.Popen(
        [driver, "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=folder
    )
    assert running.stdout
    said = Lines(running.stdout)
    try:
        port = said.wait(re.compile(r"started successfully on port (\d+)"), timeout_s=TIMEOUT_S)
        browser = Browser(int(port[1]), folder / "profile")
        try:
            yield browser
        finally:
            browser.close()
    finally:
        running.terminate()
        running.wait(STOP_S)
        said.end()
