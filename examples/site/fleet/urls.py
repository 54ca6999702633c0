from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from . import lab, views

app_name = "fleet"

urlpatterns = [
    path("", views.home, name="home"),
    path("ships/", views.ships, name="ships"),
    path("ships/<slug:slug>/", views.ship, name="ship"),
    path("ships/<slug:slug>/picture/", views.ship_picture, name="ship_picture"),
    path("ships/<slug:slug>/sheet/", views.ship_sheet, name="ship_sheet"),
    path("quays/", views.quays, name="quays"),
    path("sightings/new/", views.sighting_new, name="sighting_new"),
    path("tide/", views.tide_page, name="tide"),
    path("favicon.ico", RedirectView.as_view(url=static("fleet/favicon.svg"))),
    path("stream/", lab.stream, name="stream"),
    path("echo/", lab.echo, name="echo"),
    path("pid/", lab.pid, name="pid"),
    path("boom/", lab.boom, name="boom"),
    path("environ/", lab.environ, name="environ"),
    path("sleep/", lab.sleep, name="sleep"),
]
