"""Where an example of the docs is tried: a project, and the files that it names.

Names of a machine of one's own (/srv, /etc, port 443) get a place in that folder; the rest of an
example is taken as it stands.
"""

import getpass
import grp
import os
import re
import sys
from pathlib import Path

from certificates import make
from program import PYTHON
from projects import make_django

FOREIGN = re.compile(r"(?<![\w/:.])/(?:srv|etc|var|run|tmp)/[\w./-]*[\w]")
HTPASSWD = "boss:$apr1$TrkcX047$P1RIabsGxKD8M1mQ6i4Eq/\n"


class Place:
    """Where an example's names are, for the length of a test."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.project = make_django(folder / "project")
        self.is_tls = False

    def path(self, text: str, option: str) -> str:
        there = self.folder / text.lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        if option in ("tls-certificate", "tls-client-ca"):
            self.certificate(there)
        elif there.suffix and not there.exists():
            there.write_text(HTPASSWD if "htpasswd" in option + there.name else "")
        elif not there.suffix:
            there.mkdir(exist_ok=True)
        return str(there)

    def certificate(self, there: Path) -> None:
        if not there.suffix:
            (there / "example.org").mkdir(parents=True)
            pair = make(there / "example.org", "fullchain", "example.org")
            pair.key.rename(pair.key.with_name("privkey.pem"))
            return
        pair = make(there.parent, "made", "example.org")
        there.write_text(pair.certificate.read_text() + pair.key.read_text())
        key = self.folder / "etc/ssl/private/example.org.key"
        key.parent.mkdir(parents=True, exist_ok=True)
        pair.key.rename(key)
        pair.certificate.unlink()

    def listener(self, value: str) -> str:
        words = value.split()
        self.is_tls = self.is_tls or "tls" in words
        if words[0].startswith("unix:/"):
            words[0] = "unix:" + self.path(words[0][5:] + ".sock", "listen").removesuffix(".sock")
            Path(words[0][5:] + ".sock").unlink()
        elif re.search(r":\d+$", words[0]):
            words[0] = "127.0.0.1:0"
        ours = grp.getgrgid(os.getgid()).gr_name
        return " ".join(re.sub(r"^group=.*", f"group={ours}", word) for word in words)

    def sites(self, value: str) -> str:
        """A folder with one site."""
        folder = self.project / value
        folder.mkdir()
        text = f"chdir = {self.project}\nhosts = example.org\n"
        (folder / "one.ini").write_text(text)
        return value

    def value(self, option: str, value: str) -> str:
        if option in ("listen", "sites"):
            return self.listener(value) if option == "listen" else self.sites(value)
        fixed = {
            "chdir": str(self.project),
            "venv": sys.prefix,
            "python": PYTHON,
            "settings": "tiny.settings",
            "user": getpass.getuser(),
            "group": grp.getgrgid(os.getgid()).gr_name,
        }
        if option in fixed:
            return fixed[option]
        if option == "redirects":
            (self.project / value).touch()
        if option == "tls-key":
            return str(self.folder / "etc/ssl/private/example.org.key")
        return FOREIGN.sub(lambda found: self.path(found[0], option), value)

    def ini(self, text: str) -> str:
        out, option = [], ""
        for line in text.splitlines():
            match = re.match(r"\s?([a-z][a-z0-9-]*) = ?(.*)", line)
            if match:
                option = match[1]
                out.append(f"{option} = {self.value(option, match[2])}")
            elif option and re.match(r"\s+\S", line):
                out.append(f"    {self.value(option, line.strip())}")
            else:
                out.append(line)
        return "\n".join(out) + "\n"
