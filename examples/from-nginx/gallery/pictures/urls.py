from django.urls import path

from . import views

urlpatterns = [
    path("", views.home),
    path("api/me/", views.me),
    path("api/pictures/", views.pictures),
    path("reports/<int:number>/", views.report),
    path("export/", views.export),
    path("export/more/", views.export_more),
    path("slow/", views.slow),
    path("stuck/", views.slow),
    path("broken/", views.broken),
    path("seen/", views.seen),
]
