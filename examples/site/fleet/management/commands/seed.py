"""Fills the harbour with sample ships and makes the demo login; harmless to run again."""

from argparse import ArgumentParser
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from io import BytesIO
from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from fleet.art import paint
from fleet.models import Pictured, Quay, Ship, Sighting
from fleet.samples import QUAYS, SHIPS, SIGHTINGS, ShipSample, SightingSample

LOGIN = PASSWORD = "demo"


class Unpainted(NamedTuple):
    thing: Pictured
    name: str  # of its file
    job: tuple[str, str, int, str]  # what paint() takes


def jpeg(job: tuple[str, str, int, str]) -> bytes:
    out = BytesIO()
    paint(*job).save(out, "JPEG", quality=88, optimize=True, progressive=True)
    return out.getvalue()


def has_files(thing: Pictured) -> bool:
    return all(f and f.storage.exists(f.name) for f in (thing.picture, thing.thumbnail))


def demo_user() -> AbstractBaseUser:
    users = get_user_model().objects
    found = users.filter(username=LOGIN).first()
    return found or users.create_superuser(LOGIN, "demo@example.com", PASSWORD)


def unpainted_ships(samples: list[ShipSample]) -> list[Unpainted]:
    quays = {}
    for quay in QUAYS:
        quays[quay.slug] = Quay.objects.get_or_create(slug=quay.slug, defaults=quay._asdict())[0]
    known = {ship.slug: ship for ship in Ship.objects.all()}
    found = []
    for age, sample in enumerate(samples):
        slug, fields = slugify(sample.name), sample._asdict()
        mood, land = fields.pop("mood"), fields.pop("land")
        fields["quay"] = quays[sample.quay]
        arrived = timezone.now() - timedelta(hours=2 + 7 * age)
        ship = known.get(slug) or Ship(slug=slug, arrived=arrived, **fields)
        if not has_files(ship):
            found.append(Unpainted(ship, slug, (sample.kind, mood, age + 1, land)))
    return found


def unpainted_sightings(samples: list[SightingSample], user: AbstractBaseUser) -> list[Unpainted]:
    ships = {ship.name: ship for ship in Ship.objects.all()}
    known = {(s.ship_id, s.caption): s for s in Sighting.objects.all()}
    seeds = {sample.name: seed for seed, sample in enumerate(SHIPS, 1)}
    found = []
    for age, sample in enumerate(s for s in samples if s.ship in ships):
        ship, seen_at = ships[sample.ship], timezone.now() - timedelta(hours=1 + 5 * age)
        sighting = known.get((ship.pk, sample.caption)) or Sighting(
            ship=ship, caption=sample.caption, seen_by=user, seen_at=seen_at
        )
        if not has_files(sighting):
            # The same seed modulo the number of liveries: the ship keeps her colours.
            job = (ship.kind, sample.mood, seeds[ship.name] + 8 * (age + 4), sample.land)
            found.append(Unpainted(sighting, f"{ship.slug}-{age + 1}", job))
    return found


def paint_and_save(unpainted: list[Unpainted]) -> int:
    """Paints in as many processes as there are CPUs; only this one touches the database."""
    if not unpainted:
        return 0
    with ProcessPoolExecutor() as pool:
        pictures = pool.map(jpeg, [item.job for item in unpainted])
        for (thing, name, _), picture in zip(unpainted, pictures, strict=True):
            for path in (f"{thing.folder}/{name}.jpg", f"{thing.folder}/small/{name}.jpg"):
                thing.picture.storage.delete(path)  # what an older database left behind
            thing.picture.save(f"{name}.jpg", ContentFile(picture), save=False)
            thing.make_thumbnail()
            thing.save()
    return len(unpainted)


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--ships", type=int, default=len(SHIPS), help="how many (default: all)")

    def handle(self, *args: object, ships: int, **options: object) -> None:
        with transaction.atomic():
            user = demo_user()
            painted = paint_and_save(unpainted_ships(SHIPS[:ships]))
            painted += paint_and_save(unpainted_sightings(SIGHTINGS, user))
        counts = f"{Ship.objects.count()} ships, {Sighting.objects.count()} sightings"
        self.stdout.write(f"{counts} ({painted} painted now); login {LOGIN}, password {PASSWORD}")
