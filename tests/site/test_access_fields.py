"""What a line of the access log says, by option: fields, the application's own, who answered."""

import json
import re
import socket
import struct
from pathlib import Path
from typing import Any

import certificates
import pytest
import tls_client
from conftest import Sites
from http1 import Peer, build, get
from program import ROOT, Site, run, until
from projects import write

APPLICATION = """
import json
from urllib.parse import parse_qs

def application(environ, start_response):
    want = {key: values[-1] for key, values in parse_qs(environ["QUERY_STRING"]).items()}
    fields = [tuple(pair) for pair in json.loads(want.get("fields", "[]"))]
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2"), *fields])
    if "die" in want:
        import os
        os._exit(3)
    return [b"ok"]
"""
USER = '/?fields=[["X-Log-User","ann+b"],["x-log-TENANT","blue"],["X-Kept","1"]]'.replace(
    '"', "%22"
)
ALL = (
    "time, site, address, user, request, method, target, protocol, scheme, host, status, bytes, "
    "referer, agent, ms, queue_ms, app_ms, upstream, worker, generation, id, trace, failure, tls"
)


@pytest.fixture
def app(sites: Sites) -> Path:
    write(sites.folder / "p/app.py", APPLICATION)
    return sites.folder / "p"


def start(sites: Sites, app: Path, *options: str) -> Site:
    return sites.start("app", *options, chdir=app)


def lines(site: Site, count: int) -> list[str]:
    def look() -> list[str] | None:
        found = site.access_log().splitlines(keepends=True)
        return found if len(found) >= count and found[-1].endswith("\n") else None

    return [line.rstrip("\n") for line in until(f"{count} lines", look)]


def told(site: Site, count: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(site, count)]


def test_all_of_them_as_json(sites: Sites, app: Path) -> None:
    site = start(sites, app, "--access-format", "json", "--access-fields", ALL)
    get(site.address, "/a", [("Referer", "http://r/"), ("User-Agent", "me")])
    row = told(site, 1)[0]
    assert list(row) == ALL.split(", ")
    assert row.pop("time").endswith("Z") and row.pop("worker") in site.pids("worker")
    assert row["ms"] >= row.pop("app_ms") > 0 and row.pop("ms") >= row.pop("queue_ms")
    assert row == {
        "site": "p", "address": "127.0.0.1", "user": "", "request": "GET /a HTTP/1.1",
        "method": "GET", "target": "/a", "protocol": "HTTP/1.1", "scheme": "http",
        "host": "site.test",
        "status": 200, "bytes": 2, "referer": "http://r/", "agent": "me", "upstream": "app",
        "generation": 1, "id": row["id"], "trace": "", "failure": "", "tls": "",
    }  # fmt: skip


def test_as_text(sites: Sites, app: Path) -> None:
    fields = (
        "time,address,-,status,target,host,worker,failure,tls,request:X-A,response:Content-Type"
    )
    site = start(sites, app, "--access-fields", fields)
    get(site.address, "/%22?token=secret", [("X-A", 'a "b" \\ \xff')])
    line = lines(site, 1)[0]
    assert re.fullmatch(
        r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] 127\.0\.0\.1 - 200 "
        r'"/%22\?token=\*\*\*" "site\.test" \d+ "-" - '
        r'"a \\x22b\\x22 \\x5C \\xFF" "text/plain"',
        line,
    )


def test_combined_is_that_and_no_more(sites: Sites, app: Path) -> None:
    site = start(sites, app, "--access-format", "combined", "--access-fields", "status")
    get(site.address, USER)
    assert re.fullmatch(
        r"127\.0\.0\.1 - ann\\x20b \[[^]]+\] \"GET /[^ ]+ HTTP/1\.1\" 200 2 \"-\" \"-\"",
        lines(site, 1)[0],
    )


def test_the_user_that_the_application_names(sites: Sites, app: Path) -> None:
    site = start(sites, app, "--access-format", "json", "--log-fields", "X-Log-User, X-Log-Tenant")
    head = get(site.address, USER).head
    assert head.get("X-Kept") == "1" and not [n for n, _ in head.fields if "log" in n.lower()]
    get(site.address, "/")
    named, other = told(site, 2)
    assert (named["user"], named["x_log_tenant"]) == ("ann b", "blue")
    assert other["user"] == "" and "x_log_tenant" not in other and "x_log_user" not in named


def test_log_fields_may_be_others_or_none(sites: Sites, app: Path) -> None:
    site = start(sites, app, "--log-fields", "", "--access-fields", "user,response:X-Log-Tenant")
    assert get(site.address, USER).head.get("X-Log-User") == "ann b"
    assert lines(site, 1) == ['- "blue"']


def test_a_blank_does_not_end_a_word(sites: Sites, app: Path) -> None:
    site = start(sites, app, "--access-fields", "user,status")
    get(site.address, USER.replace("+", "%20%5C%22"))
    assert lines(site, 1) == [r"ann\x20\x22b 200"]


def test_who_answered(sites: Sites, app: Path) -> None:
    write(sites.folder / "s/a.txt", "12345")
    fields = "upstream,status,worker,generation,queue_ms,app_ms,failure"
    site = start(sites, app, "--access-fields", fields, "--static", f"/s/={sites.folder}/s")
    get(site.address, "/")
    get(site.address, "/s/a.txt")
    get(site.address, "/.slipway/ready", method="POST")
    with Peer(site.address) as peer:
        peer.send(b"GET / HTTP/9.9\r\n\r\n")
        peer.response()
    get(site.address, "/?die=1", method="POST")
    page, file, health, refused, died = lines(site, 5)
    pid = page.split()[2]
    assert re.fullmatch(r'app 200 \d+ 1 \d+\.\d{3} \d+\.\d{3} "-"', page)
    assert file == 'static 200 - - 0.000 0.000 "-"'
    assert health == 'own 405 - - 0.000 0.000 "-"'
    assert refused == 'own 505 - - 0.000 0.000 "-"'
    assert re.fullmatch(rf'app 502 {pid} 1 \d+\.\d{{3}} \d+\.\d{{3}} "the worker died"', died)


def test_clients_that_leave(sites: Sites) -> None:
    gate = sites.gate("held")
    site = sites.start("plain", "--access-fields", "status,bytes,upstream,failure,target")
    with Peer(site.address) as peer:
        peer.send(build("GET", "/gate?name=held"))
        gate.wait_reached()
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until("the client's end to be seen", lambda: site.access_log())
    gate.open()
    assert lines(site, 1) == ['499 0 app "the client left" "/gate?name=held"']


def test_tls_and_generations(sites: Sites, app: Path) -> None:
    pair = certificates.make(sites.folder, "one")
    options = ["--access-fields", "tls,scheme,generation", *pair.options]
    site = sites.start("app", *options, chdir=app, listen="127.0.0.1:0 tls")
    tls_client.get(site.address, "/")
    assert site.verb("reload").returncode == 0
    tls_client.get(site.address, "/")
    assert lines(site, 2) == ["TLSv1.3 https 1", "TLSv1.3 https 2"]


def test_a_line_never_exceeds_what_a_pipe_takes_whole(sites: Sites, app: Path) -> None:
    fields = ",".join(["target", "referer", "agent", *[f"request:X-{n}" for n in range(40)]])
    for form in ("text", "json"):
        site = start(sites, app, "--access-format", form, "--access-fields", fields)
        long = "\xff" * 700
        many = [(f"X-{n}", long) for n in range(40)]
        get(site.address, "/" + "%" + "41" * 2000, [("Referer", long), ("User-Agent", long), *many])
        line = lines(site, 1)[0]
        assert 1500 < len(line) < 4096
        assert line.count("...") == 43
        if form == "json":
            assert len(json.loads(line)) == 43


@pytest.mark.parametrize(("option", "value", "said"), [
    ("access-fields", "time,stats", "--access-fields takes a list of time, site, address"),
    ("access-fields", "request:Cookie", "not 'request:Cookie'"),
    ("access-fields", "request:authorization", "not 'request:authorization'"),
    ("access-fields", "response:Set-Cookie", "not 'response:Set-Cookie'"),
    ("access-fields", ",", "--access-fields takes"),
    ("log-fields", "X Log", "--log-fields takes names of response headers, such as X-Log-User"),
    ("access-format", "nginx", "--access-format takes text, combined or json, not 'nginx'"),
])  # fmt: skip
def test_what_is_refused(app: Path, option: str, value: str, said: str) -> None:
    done = run("serve", f"--{option}", value, folder=app)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1


def test_the_page_names_them_all() -> None:
    page = (ROOT / "docs/logs.md").read_text()
    table = (ROOT / "src/conf/access_fields.def").read_text()
    rows = re.findall(r'^ACCESS_FIELD\((\w+), +\w+, +"(.*)"\)$', table, re.M)
    assert len(rows) == len(ALL.split(", "))
    for name, meaning in rows:
        assert f"| `{name}` | {meaning} |" in page
