from django.contrib import admin
from django.utils.html import format_html

from .models import Pictured, Quay, Ship, Sighting


@admin.display(description="")
def preview(thing: Pictured) -> str:
    style = "height:48px;width:72px;object-fit:cover;border-radius:4px"
    return format_html('<img src="{}" alt="" style="{}">', thing.thumbnail.url, style)


@admin.register(Quay)
class QuayAdmin(admin.ModelAdmin):
    list_display = ["name", "depth_m", "about"]
    prepopulated_fields = {"slug": ["name"]}


class SightingInline(admin.TabularInline):
    model = Sighting
    extra = 0
    fields = ["picture", "caption", "seen_by"]


@admin.register(Ship)
class ShipAdmin(admin.ModelAdmin):
    list_display = [preview, "name", "kind", "home_port", "built", "quay", "arrived"]
    list_display_links = [preview, "name"]
    list_filter = ["kind", "quay"]
    list_select_related = ["quay"]
    list_per_page = 25
    search_fields = ["name", "home_port", "call_sign", "story"]
    date_hierarchy = "arrived"
    prepopulated_fields = {"slug": ["name"]}
    inlines = [SightingInline]


@admin.register(Sighting)
class SightingAdmin(admin.ModelAdmin):
    list_display = [preview, "ship", "caption", "seen_by", "seen_at"]
    list_display_links = [preview, "ship"]
    list_filter = ["seen_at"]
    list_select_related = ["ship", "seen_by"]
    search_fields = ["caption", "ship__name"]
    autocomplete_fields = ["ship"]
