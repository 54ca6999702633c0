"""Certificates for tests, made by the openssl program: signed by themselves or by an authority."""

import subprocess
from pathlib import Path
from typing import NamedTuple

KEYS = {
    "ecdsa": ("EC", "ec_paramgen_curve:P-256"),
    "rsa": ("RSA", "rsa_keygen_bits:2048"),
}
CA_CONFIG = """[ca]
default_ca = a
[a]
new_certs_dir = {folder}
database = {folder}/index
serial = {folder}/serial
default_md = sha256
policy = any
copy_extensions = copy
[any]
organizationName = optional
commonName = optional
"""


class Pair(NamedTuple):
    """The files of a certificate and of its key."""

    certificate: Path
    key: Path

    @property
    def options(self) -> list[str]:
        return ["--tls-certificate", str(self.certificate), "--tls-key", str(self.key)]


def openssl(*arguments: object) -> str:
    done = subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def make_key(path: Path, kind: str = "ecdsa") -> None:
    algorithm, option = KEYS[kind]
    openssl("genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", path)


def make(
    folder: Path,
    name: str,
    *hosts: str,
    kind: str = "ecdsa",
    days: int = 90,
    subject: str = "",
) -> Pair:
    """FOLDER/NAME.pem and NAME.key, signed by itself."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    make_key(pair.key, kind)
    names = ",".join(f"DNS:{host}" for host in hosts or (f"{name}.test",))
    openssl(
        *["req", "-x509", "-key", pair.key, "-days", days, "-out", pair.certificate],
        *["-subj", subject or f"/CN={name}", "-addext", f"subjectAltName={names}"],
    )
    return pair


def sign(
    authority: Pair,
    folder: Path,
    name: str,
    *hosts: str,
    subject: str = "",
    until: str = "20991231000000Z",
    since: str = "20200101000000Z",
    is_authority: bool = False,
) -> Pair:
    """FOLDER/NAME.pem, signed by an authority, valid from `since` to `until`."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    place = folder / f"{name}.ca"
    place.mkdir()
    (place / "index").touch()
    (place / "serial").write_text("1000\n")
    (place / "config").write_text(CA_CONFIG.format(folder=place))
    make_key(pair.key)
    names = ",".join(f"DNS:{host}" for host in hosts or (f"{name}.test",))
    limits = f"basicConstraints=critical,CA:{'TRUE' if is_authority else 'FALSE'}"
    openssl(
        *["req", "-new", "-key", pair.key, "-out", place / "csr"],
        *["-subj", subject or f"/CN={name}"],
        *["-addext", f"subjectAltName={names}", "-addext", limits],
    )
    openssl(
        *["ca", "-batch", "-notext", "-config", place / "config", "-in", place / "csr"],
        *["-cert", authority.certificate, "-keyfile", authority.key],
        *["-startdate", since, "-enddate", until, "-out", pair.certificate],
    )
    return pair
