import secrets

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import models


def new_key() -> str:
    return secrets.token_hex(20)


def protected() -> FileSystemStorage:
    return FileSystemStorage(settings.PROTECTED_ROOT)


class Picture(models.Model):
    title = models.CharField(max_length=80)
    image = models.ImageField(upload_to="pictures")

    def __str__(self) -> str:
        return self.title


class Report(models.Model):
    """A file that is not for everybody: a view says who gets it, the server in front sends it."""

    title = models.CharField(max_length=80)
    file = models.FileField(upload_to="reports", storage=protected)

    def __str__(self) -> str:
        return self.title


class Token(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    key = models.CharField(max_length=40, unique=True, default=new_key)

    def __str__(self) -> str:
        return f"of {self.user}"
