"""Quays, the ships that lie at them, and the pictures of ships that visitors send in."""

from io import BytesIO
from pathlib import PurePath
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.core.validators import FileExtensionValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone
from PIL import Image, ImageOps

PICTURE_TYPES = ["jpg", "jpeg", "png", "webp"]
PICTURE_BYTES_MAX = 20 * 1024 * 1024
THUMBNAIL_SIZE = (640, 427)


def validate_picture_size(file: File) -> None:
    if file.size > PICTURE_BYTES_MAX:
        raise ValidationError(f"A picture may have {PICTURE_BYTES_MAX >> 20} MB at most.")


def picture_path(instance: "Pictured", filename: str) -> str:
    return f"{instance.folder}/{filename}"


def thumbnail_path(instance: "Pictured", filename: str) -> str:
    return f"{instance.folder}/small/{filename}"


class Pictured(models.Model):
    """Something with a picture; the small version is made whenever a new picture is saved."""

    folder = ""

    picture = models.ImageField(
        upload_to=picture_path,
        validators=[FileExtensionValidator(PICTURE_TYPES), validate_picture_size],
        help_text="JPEG, PNG or WebP, up to 20 MB.",
    )
    thumbnail = models.ImageField(upload_to=thumbnail_path, editable=False)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.picture and not self.picture._committed:
            self.make_thumbnail()
        super().save(*args, **kwargs)

    def make_thumbnail(self) -> None:
        self.picture.seek(0)
        image = ImageOps.exif_transpose(Image.open(self.picture)).convert("RGB")
        out, name = BytesIO(), PurePath(self.picture.name).stem + ".jpg"
        ImageOps.fit(image, THUMBNAIL_SIZE).save(out, "JPEG", quality=84, optimize=True)
        self.picture.seek(0)
        self.thumbnail.save(name, ContentFile(out.getvalue()), save=False)


class Quay(models.Model):
    name = models.CharField(max_length=60, unique=True)
    slug = models.SlugField(unique=True)
    depth_m = models.DecimalField("depth (m)", max_digits=4, decimal_places=1)
    about = models.CharField(max_length=200)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Ship(Pictured):
    class Kind(models.TextChoices):
        SLOOP = "sloop", "Sloop"
        SCHOONER = "schooner", "Schooner"
        BARQUE = "barque", "Barque"
        TUG = "tug", "Tug"
        TRAWLER = "trawler", "Trawler"
        FERRY = "ferry", "Ferry"
        FREIGHTER = "freighter", "Freighter"
        LIGHTSHIP = "lightship", "Lightship"

    folder = "ships"

    name = models.CharField(max_length=60, unique=True)
    slug = models.SlugField(unique=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    home_port = models.CharField(max_length=60)
    call_sign = models.CharField(max_length=8, unique=True)
    built = models.PositiveSmallIntegerField()
    length_m = models.DecimalField("length (m)", max_digits=5, decimal_places=1)
    draught_m = models.DecimalField("draught (m)", max_digits=4, decimal_places=1)
    tonnage = models.PositiveIntegerField("gross tonnage")
    crew = models.PositiveSmallIntegerField()
    story = models.TextField()
    quay = models.ForeignKey(Quay, on_delete=models.PROTECT, related_name="ships")
    arrived = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ["-arrived", "name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("fleet:ship", args=[self.slug])


class Sighting(Pictured):
    folder = "sightings"

    ship = models.ForeignKey(Ship, on_delete=models.CASCADE, related_name="sightings")
    caption = models.CharField(max_length=120)
    seen_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    seen_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-seen_at"]

    def __str__(self) -> str:
        return f"{self.ship}: {self.caption}"
