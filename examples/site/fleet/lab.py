"""Views that show what the server in front of them does; /tide/ uses the stream."""

import hashlib
import os
import time
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    JsonResponse,
    StreamingHttpResponse,
)
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from . import tide

LINES_MAX = 10_000_000
DELAY_MS_MAX = 10_000
SLEEP_MS_MAX = 120_000
READ_BYTES = 1 << 18


class BadNumber(ValueError):
    pass


def _number(request: HttpRequest, name: str, default: int, most: int) -> int:
    text = request.GET.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most):
        raise BadNumber(f"{name} is a whole number from 0 to {most}\n")
    return int(text)


def _csv(lines: int, delay_ms: int) -> Iterator[str]:
    yield "time,height_m,trend\n"
    start = timezone.now().replace(second=0, microsecond=0)
    for at, height_m, is_rising in tide.readings(start, lines, timedelta(minutes=15)):
        if delay_ms:
            time.sleep(delay_ms / 1000)
        yield f"{at:%Y-%m-%dT%H:%MZ},{height_m:.3f},{'rising' if is_rising else 'falling'}\n"


@require_safe
def stream(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The log of the tide, a line each quarter of an hour, sent line by line."""
    try:
        lines = _number(request, "lines", 96, LINES_MAX)
        delay_ms = _number(request, "delay_ms", 0, DELAY_MS_MAX)
    except BadNumber as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain")
    return StreamingHttpResponse(
        _csv(lines, delay_ms),
        content_type="text/csv; charset=utf-8",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@csrf_exempt
@require_POST
def echo(request: HttpRequest) -> JsonResponse:
    """What arrived of a body; a body of any size, since it is read piece by piece."""
    digest, length = hashlib.sha256(), 0
    while piece := request.read(READ_BYTES):
        digest.update(piece)
        length += len(piece)
    return JsonResponse({"length": length, "sha256": digest.hexdigest()})


@require_safe
def pid(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{os.getpid()}\n", content_type="text/plain")


def boom(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("boom, as asked")


def environ(request: HttpRequest) -> JsonResponse:
    if not settings.DEBUG:
        raise Http404
    return JsonResponse({k: v for k, v in sorted(request.META.items()) if isinstance(v, str)})


def sleep(request: HttpRequest) -> HttpResponse:
    if not settings.DEBUG:
        raise Http404
    try:
        ms = _number(request, "ms", 100, SLEEP_MS_MAX)
    except BadNumber as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain")
    time.sleep(ms / 1000)
    return HttpResponse(f"slept {ms} ms\n", content_type="text/plain")
