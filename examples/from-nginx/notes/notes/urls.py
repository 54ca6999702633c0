from django.http import HttpRequest, HttpResponse
from django.urls import path


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        f"notes at {request.get_host()} {request.scheme}\n", content_type="text/plain"
    )


urlpatterns = [path("", home)]
