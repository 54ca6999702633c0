"""What the three sites of examples/from-nginx promise, a row each: name, reason, and the check.

A row knows no server. Where one cannot do it, or does it otherwise by choice, the row says so in a
sentence, which stands in the table; the check must then fail for that server.
"""

import base64
import io
import json
import re
from collections.abc import Callable
from typing import NamedTuple

from fronts import TOKEN, Front
from http1 import Fields, Response
from PIL import Image

MAIN, STAGING, NOTES = "gallery.test", "staging.gallery.test", "notes.test"
BEARER = ("Authorization", f"Bearer {TOKEN}")
HSTS = "max-age=31536000"
STRANGER, COLLEAGUE = "203.0.113.9", "10.1.2.3"


class Row(NamedTuple):
    topic: str
    name: str
    reason: str
    check: Callable[[Front], None]
    differs: dict[str, str]  # server: why it does not

    @property
    def id(self) -> str:
        return self.check.__name__


ROWS: list[Row] = []


def row(
    topic: str, name: str, reason: str, **differs: str
) -> Callable[[Callable[[Front], None]], Callable[[Front], None]]:
    def add(check: Callable[[Front], None]) -> Callable[[Front], None]:
        ROWS.append(Row(topic, name, reason, check, differs))
        return check

    return add


def basic(user: str, password: str) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def visitor(address: str) -> tuple[str, str]:
    """The client is there, says the trusted proxy that we are."""
    return "X-Forwarded-For", address


def seen(front: Front, *fields: tuple[str, str], host: str = MAIN, **more: str) -> dict[str, str]:
    answer = front.ask(host, "/seen/", fields, **more)  # type: ignore[arg-type]
    assert answer.status == 200, answer
    found: dict[str, str] = json.loads(answer.body)
    return found


def links(
    front: Front, page: str, pattern: str, host: str = MAIN, fields: Fields = ()
) -> list[str]:
    found = re.findall(pattern, front.ask(host, page, fields).text)
    assert found, f"nothing of {pattern} in {page}"
    return list(dict.fromkeys(found))


def hashed_css(front: Front) -> str:
    return links(front, "/", r'href="(/static/[^"]+\.css)"')[0]


def font(front: Front) -> str:
    sheet = front.ask(MAIN, hashed_css(front)).text
    found = re.search(r'url\("(plate\.[0-9a-f]+\.woff2)"\)', sheet)
    assert found, sheet
    return f"/static/pictures/{found[1]}"


def picture(front: Front) -> str:
    return links(front, "/", r'src="(/media/[^"]+)"')[-1]


def image(side: int = 64, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.effect_noise((side, side), 90).save(out, form)
    return out.getvalue()


def form_of(title: str, data: bytes) -> tuple[tuple[str, str], bytes]:
    edge = "----edge-of-a-part"
    parts = f'--{edge}\r\nContent-Disposition: form-data; name="title"\r\n\r\n{title}\r\n'
    parts += f'--{edge}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
    parts += "Content-Type: image/png\r\n\r\n"
    body = parts.encode() + data + f"\r\n--{edge}--\r\n".encode()
    return ("Content-Type", f"multipart/form-data; boundary={edge}"), body


def upload(front: Front, data: bytes, *fields: tuple[str, str], host: str = MAIN) -> Response:
    kind, body = form_of("Uploaded", data)
    return front.ask(host, "/api/pictures/", [BEARER, kind, *fields], "POST", body)
