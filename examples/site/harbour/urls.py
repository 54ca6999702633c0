from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.contrib.auth import views as auth
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path

admin.site.site_header = "Slipway Harbour"
admin.site.site_title = "Slipway Harbour"
admin.site.index_title = "Harbour office"

login = auth.LoginView.as_view(
    redirect_authenticated_user=True, extra_context={"is_demo": settings.DEBUG}
)

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/login/", login, name="login"),
    path("accounts/logout/", auth.LogoutView.as_view(), name="logout"),
    path("", include("fleet.urls")),
]

# With debugging on Django serves these itself, behind any WSGI server, where the server does not.
urlpatterns += staticfiles_urlpatterns()
urlpatterns += static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)
