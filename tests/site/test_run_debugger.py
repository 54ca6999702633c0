"""breakpoint() under `slipway run`: typed at, on a pseudo-terminal."""

import contextlib
import os
import re
import signal
import threading
from typing import Any

import pytest
from conftest import Sites
from http1 import Cut, Peer, Response, build, get
from program import until
from terminal import TerminalSite

PROMPT = r"\(Pdb\) "


class Asked:
    """A request of its own thread."""

    def __init__(self, site: Any, path: str):
        self.got: Response | None = None
        self._thread = threading.Thread(target=self._ask, args=(site.address, path), daemon=True)
        self._thread.start()

    def _ask(self, address: Any, path: str) -> None:
        with contextlib.suppress(Cut):  # slipway stopped meanwhile
            self.got = get(address, path)

    def answer(self) -> Response:
        self._thread.join(20)
        assert self.got is not None
        return self.got


def start(sites: Sites, *options: str, **more: Any) -> TerminalSite:
    more["env"] = {"NO_COLOR": "1"} | more.get("env", {})
    return sites.start("stops", *options, verb="run", kind=TerminalSite, **{"workers": 2} | more)


def stop_at(site: TerminalSite, path: str = "/stop") -> tuple[Asked, int]:
    """A request that stops, and where its prompt stands."""
    since = len(site.out.text)
    asked = Asked(site, path)
    site.out.wait(PROMPT, since)
    return asked, site.foreground()


def say(site: TerminalSite, text: str, pattern: str = PROMPT) -> str:
    since = site.type(text)
    site.out.wait(pattern, since)
    return site.out.text[since:]


def test_a_session(sites: Sites) -> None:
    site = start(sites)
    asked, worker = stop_at(site)
    assert worker in site.pids("worker") and "-- GET /stop (worker " in site.out.text
    assert get(site.address, "/elsewhere").text == "0"
    assert "stops.py" in say(site, "w\n") and "\n1\n" in say(site, "p first\n")
    say(site, "n\n")
    say(site, "first = 41\n")
    assert "\nsaid by print\n" in say(site, "n\n")
    assert "/elsewhere" not in site.out.text
    say(site, "c\n", r"GET +/stop$")
    assert asked.answer().text == "41" and "/elsewhere" in site.out.text
    until("the terminal", lambda: site.foreground() == site.pid)


def test_interrupts_and_the_end_of_input(sites: Sites) -> None:
    site = start(sites)
    asked, worker = stop_at(site)

    def interrupt() -> bool:  # one that comes between prompt and wait is seen at the next key
        site.type("\x03")
        return "--KeyboardInterrupt--" in site.out.text

    until("an interrupt", interrupt, pause_s=0.1)
    while "\n42\n" not in say(site, "p 6 * 7\n"):  # an interrupt may still have waited for a key
        pass
    assert site.foreground() == worker
    say(site, "\x04", r"500 .* GET +/stop$")
    assert asked.answer().status == 500
    assert get(site.address, "/after").text == "0" and worker in site.pids("worker")
    until("the terminal", lambda: site.foreground() == site.pid)


@pytest.mark.parametrize("threads", [1, 3])
def test_no_time_counts(sites: Sites, threads: int) -> None:
    site = start(sites, "--harakiri", "300ms", "--harakiri-grace", "0", threads=threads)
    asked, _ = stop_at(site)
    assert get(site.address, "/hang").status == 504  # one that does not stop had its time
    say(site, "p 1\n")
    say(site, "c\n", r"200 .* GET +/stop$")
    assert asked.answer().text == "2"


def test_a_reload_does_not_end_it(sites: Sites) -> None:
    site = start(sites, "--drain-timeout", "100ms")
    asked, _ = stop_at(site)
    assert site.verb("reload").returncode == 0
    assert get(site.address, "/new").text == "0"
    say(site, "p 2\n")
    say(site, "c\n", r"200 .* GET +/stop$")
    assert asked.answer().text == "2"


def test_the_client_goes_away(sites: Sites) -> None:
    site = start(sites)
    with Peer(site.address) as one:
        one.send(build("GET", "/stop"))
        site.out.wait(PROMPT)
    site.out.wait(PROMPT)
    say(site, "p 3\n")
    say(site, "c\n", "said by print")
    assert get(site.address, "/after").text == "0"


def test_the_worker_dies(sites: Sites) -> None:
    site = start(sites)
    asked, worker = stop_at(site)
    os.kill(worker, signal.SIGKILL)
    # A safe request runs again on another worker, and stops there.
    until("the other worker", lambda: site.foreground() not in (worker, site.pid))
    until("its prompt", lambda: len(re.findall(PROMPT, site.out.text)) == 2)
    say(site, "c\n", r"200 .* GET +/stop$")
    assert asked.answer().text == "2" and "runs again" in site.out.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_stopping_ends_it(sites: Sites, number: signal.Signals) -> None:
    site = start(sites)
    _, worker = stop_at(site)
    site.signal(number)
    assert site.wait() == 0


def test_one_at_a_time(sites: Sites) -> None:
    site = start(sites)
    first, worker = stop_at(site)
    second = Asked(site, "/set_trace")
    until("both", lambda: len([w for w in site.workers() if w["state"] == "busy"]) == 2)
    say(site, "c\n")
    until("the other", lambda: site.foreground() not in (worker, site.pid))
    say(site, "c\n", r"200 .* GET +/set_trace$")
    assert [first.answer().text, second.answer().text] == ["2", "7"]


def test_steps_end_with_the_request(sites: Sites) -> None:
    site = start(sites, workers=1)
    asked, _ = stop_at(site, "/ends")
    while asked.got is None:
        since = site.type("n\n")
        site.out.wait(rf"{PROMPT}|GET +/ends$", since)
        if re.search(r"GET +/ends$", site.out.text[since:], re.MULTILINE):
            break
    assert asked.answer().text == "0"
    assert get(site.address, "/after").text == "0"


def test_breakpoints_of_pdb(sites: Sites) -> None:
    site = start(sites, workers=1)
    asked, _ = stop_at(site)
    say(site, "b stops.py:12\n")
    assert "return first" in say(site, "c\n")
    say(site, "c\n", r"200 .* GET +/stop$")
    assert asked.answer().text == "2"


def test_without_a_terminal(sites: Sites) -> None:
    site = sites.start("stops", verb="run")
    assert get(site.address, "/stop").text == "2"
    site.err.wait(r"breakpoint at .*stops\.py:\d+ was passed over: slipway has no terminal$")


@pytest.mark.parametrize("value", ["0", "stops.own_hook"])
def test_the_variable_is_obeyed(sites: Sites, value: str) -> None:
    site = start(sites, env={"PYTHONBREAKPOINT": value})
    assert get(site.address, "/stop").text == "2"
    site.out.wait(r"GET +/stop$")
    assert ("somebody else" in site.out.text) == (value != "0")


def test_serve_does_not_stop(sites: Sites) -> None:
    site = sites.start("stops", kind=TerminalSite)
    assert get(site.address, "/stop").status == 500  # pdb finds no input, as under any server
