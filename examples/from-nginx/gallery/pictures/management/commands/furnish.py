"""An administrator with a token, a picture and a report: what there is to see on the first day."""

import io

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand, CommandParser
from PIL import Image

from pictures.models import Picture, Report, Token


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--password", required=True)
        parser.add_argument("--token", required=True)

    def handle(self, **options: str) -> None:
        boss, _ = User.objects.get_or_create(username="boss", is_staff=True, is_superuser=True)
        boss.set_password(options["password"])
        boss.save()
        Token.objects.get_or_create(user=boss, key=options["token"])
        data = io.BytesIO()
        Image.new("RGB", (320, 200), "#356").save(data, "PNG")
        Picture.objects.create(title="Sea", image=ContentFile(data.getvalue(), "sea.png"))
        pages = b"%PDF-1.4\n" + bytes(range(256)) * 40
        Report.objects.create(title="Takings", file=ContentFile(pages, "takings.pdf"))
