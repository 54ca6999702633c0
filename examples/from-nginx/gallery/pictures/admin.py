from django.contrib import admin

from .models import Picture, Report, Token

admin.site.register([Picture, Report, Token])
