"""The pages of the harbour."""

from io import BytesIO

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from . import tide
from .forms import SightingForm
from .models import Quay, Ship, Sighting

SHIPS_A_PAGE = 9


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    context = {
        "ships": Ship.objects.select_related("quay")[:6],
        "sightings": Sighting.objects.select_related("ship", "seen_by")[:4],
        "ship_count": Ship.objects.count(),
        "quay_count": Quay.objects.count(),
        "tide": tide.reading(now),
        "turn": tide.next_turn(now),
    }
    return render(request, "fleet/home.html", context)


def _search(query: str, kind: str) -> QuerySet[Ship]:
    ships = Ship.objects.select_related("quay")
    if kind in Ship.Kind.values:
        ships = ships.filter(kind=kind)
    for word in query.split()[:8]:
        ships = ships.filter(
            Q(name__icontains=word)
            | Q(kind__icontains=word)
            | Q(home_port__icontains=word)
            | Q(call_sign__iexact=word)
            | Q(quay__name__icontains=word)
            | Q(story__icontains=word)
        )
    return ships


@require_safe
def ships(request: HttpRequest) -> HttpResponse:
    query, kind = request.GET.get("q", "").strip()[:100], request.GET.get("kind", "")
    pages = Paginator(_search(query, kind), SHIPS_A_PAGE)
    page = pages.get_page(request.GET.get("page"))
    counts = dict(Ship.objects.order_by().values_list("kind").annotate(Count("pk")))
    context = {
        "query": query,
        "kind": kind,
        "kinds": [(value, name, counts.get(value, 0)) for value, name in Ship.Kind.choices],
        "page": page,
        "page_numbers": pages.get_elided_page_range(page.number, on_each_side=1, on_ends=1),
    }
    return render(request, "fleet/ships.html", context)


@require_safe
def ship(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Ship.objects.select_related("quay"), slug=slug)
    context = {
        "ship": found,
        "sightings": found.sightings.select_related("seen_by"),
        "others": Ship.objects.filter(kind=found.kind).exclude(pk=found.pk)[:3],
    }
    return render(request, "fleet/ship.html", context)


@require_safe
def ship_picture(request: HttpRequest, slug: str) -> FileResponse:
    """The picture as it was uploaded: a real file, which a server may send without copying."""
    picture = get_object_or_404(Ship, slug=slug).picture
    name = f"{slug}.{picture.name.rpartition('.')[2]}"
    return FileResponse(picture.open("rb"), as_attachment=True, filename=name)


@require_safe
def ship_sheet(request: HttpRequest, slug: str) -> FileResponse:
    """The data sheet: made in memory, so there is no file behind it."""
    found = get_object_or_404(Ship.objects.select_related("quay"), slug=slug)
    sheet = render_to_string("fleet/sheet.txt", {"ship": found}).encode()
    return FileResponse(
        BytesIO(sheet),
        as_attachment=True,
        filename=f"{slug}.txt",
        content_type="text/plain; charset=utf-8",
    )


@require_safe
def quays(request: HttpRequest) -> HttpResponse:
    by_name = Prefetch("ships", Ship.objects.order_by("name"))
    return render(request, "fleet/quays.html", {"quays": Quay.objects.prefetch_related(by_name)})


@login_required
def sighting_new(request: HttpRequest) -> HttpResponse:
    first = Ship.objects.filter(slug=request.GET.get("ship", "")).first()
    form = SightingForm(request.POST or None, request.FILES or None, initial={"ship": first})
    if request.method == "POST" and form.is_valid():
        form.instance.seen_by = request.user
        sighting = form.save()
        messages.success(request, f"Thank you: your picture of {sighting.ship} is in the log.")
        return redirect(sighting.ship)
    return render(request, "fleet/sighting_new.html", {"form": form})


@require_safe
def tide_page(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    context = {"tide": tide.reading(now), "turn": tide.next_turn(now)}
    return render(request, "fleet/tide.html", context)
