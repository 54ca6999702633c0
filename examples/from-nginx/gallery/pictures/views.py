"""What such sites have: pages, an API with tokens, guarded downloads, slow and streamed answers."""

import json
import time
from collections.abc import Iterator

from django.conf import settings
from django.core.exceptions import ValidationError
from django.forms import modelform_factory
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.csrf import csrf_exempt

from .models import Picture, Report, Token

PictureForm = modelform_factory(Picture, fields=["title", "image"])
WAIT_S, LOOK_S = 20, 0.02


def token_of(request: HttpRequest) -> Token | None:
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    return (
        Token.objects.select_related("user").filter(key=key).first() if kind == "Bearer" else None
    )


def refuse() -> HttpResponse:
    return JsonResponse(
        {"error": "a token is needed"}, status=401, headers={"WWW-Authenticate": "Bearer"}
    )


def home(request: HttpRequest) -> HttpResponse:
    return render(request, "pictures/home.html", {"pictures": Picture.objects.order_by("-id")[:50]})


def me(request: HttpRequest) -> HttpResponse:
    token = token_of(request)
    return JsonResponse({"user": token.user.get_username()}) if token else refuse()


@csrf_exempt  # a token is no cookie
def pictures(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return JsonResponse({"pictures": [[p.title, p.image.url] for p in Picture.objects.all()]})
    if not token_of(request):
        return refuse()
    form = PictureForm(request.POST, request.FILES)
    if not form.is_valid():
        return JsonResponse({"error": form.errors}, status=400)
    return JsonResponse({"url": form.save().image.url}, status=201)


def report(request: HttpRequest, number: int) -> HttpResponse:
    """The rights are looked at here; the file is sent by the server in front."""
    if not token_of(request):
        return refuse()
    found = get_object_or_404(Report, pk=number)
    return HttpResponse(
        headers={
            "X-Accel-Redirect": settings.PROTECTED_URL + found.file.name,
            "Content-Type": "application/pdf",
            "Content-Disposition": f'attachment; filename="{found.title}.pdf"',
        }
    )


def lines() -> Iterator[bytes]:
    """The second line waits until somebody who saw the first one asks for it."""
    mark = settings.DATA_DIR / "more"
    yield b"first\n"
    for _ in range(int(WAIT_S / LOOK_S)):
        if mark.exists():
            break
        time.sleep(LOOK_S)
    yield b"second\n"


def export(request: HttpRequest) -> StreamingHttpResponse:
    (settings.DATA_DIR / "more").unlink(missing_ok=True)
    headers = {"X-Accel-Buffering": "no"}
    return StreamingHttpResponse(lines(), content_type="text/csv", headers=headers)


def export_more(request: HttpRequest) -> HttpResponse:
    (settings.DATA_DIR / "more").touch()
    return HttpResponse("on\n", content_type="text/plain")


def slow(request: HttpRequest) -> HttpResponse:
    try:
        seconds = float(request.GET.get("s", "1"))
    except ValueError as error:
        raise ValidationError("s is a number of seconds") from error
    time.sleep(min(seconds, 60))
    return HttpResponse("at last\n", content_type="text/plain")


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("as an example")


def seen(request: HttpRequest) -> HttpResponse:
    """The request as the application sees it."""
    wanted = ("REMOTE_ADDR", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING")
    found = {name: request.META.get(name, "") for name in wanted}
    found |= {name: value for name, value in request.META.items() if name.startswith("HTTP_")}
    found |= {"scheme": request.scheme, "host": request.get_host()}
    return HttpResponse(json.dumps(found), content_type="application/json")
