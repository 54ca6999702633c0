"""slipway as a peer of the benchmark: no access log, like the others."""

import os

SLIPWAY = os.path.abspath(
    os.environ.get("SLIPWAY", "build/slipway")
)  # commands start in another folder


def slipway(c, *more):
    tls = ["--tls-certificate", c.cert, "--tls-key", c.key] if c.tls else []
    return [
        [
            SLIPWAY,
            "serve",
            f"{c.module}:application",
            "--listen",
            f"127.0.0.1:{c.port}{' tls' if c.tls else ''}",
            *tls,
            "--venv",
            os.path.dirname(c.bin),
            "--workers",
            str(c.workers),
            "--static",
            f"/static/={c.static}",
            "--access-log",
            "off",
            "--control",
            f"unix:{c.run}/control.sock",
            "--idle-timeout",
            "300s",
            *more,
        ]
    ]


def streams(c):
    return slipway(c, "--stream-request-body", "yes")


PEERS = {
    "slipway": Peer(APP | {"static", "tls", "h2", "reload"}, slipway, reload=(0,)),  # noqa: F821
    "slipway-stream": Peer(APP, streams, only=["upload10m"]),  # noqa: F821
}
