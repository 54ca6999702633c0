"""A whole Debian 12 in a container of systemd-nspawn: its own init, users, network and journal.

Its files are made once, by debootstrap, in the build folder; what a boot writes is gone at its end
(--volatile=overlay).  Commands go in by nsenter: nothing of it needs systemd outside.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from program import SLIPWAY, is_alive, until

PROGRAM = Path(SLIPWAY)
ROOT = Path(os.environ.get("SLIPWAY_DEBIAN", PROGRAM.parent / "debian12"))
INSIDE = "/opt/slipway"  # where the build folder is, in it
PACKAGES = (
    "systemd,systemd-sysv,dbus,procps,curl,ca-certificates,python3,python3-django,libjansson4,libssl3,"
    "libbrotli1,libnghttp2-14,libseccomp2,libinih1,libcrypt1,libzstd1"
)
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
MAKE_S, BOOT_S, COMMAND_S = 900, 90, 200


def why_not() -> str:
    """Why this machine cannot do it; "" when it can."""
    if os.geteuid() != 0:
        return "only root boots a container"
    for tool in ("debootstrap", "systemd-nspawn", "nsenter"):
        if not shutil.which(tool):
            return f"there is no {tool} (tools/setup hosts)"
    looked = subprocess.run(["unshare", "--mount", "--pid", "--net", "--fork", "true"], check=False)
    return "" if looked.returncode == 0 else "this machine gives no namespaces (a container?)"


def make_root() -> str:
    """The files, once; "" or why they cannot be had."""
    if (ROOT / "made").exists():
        return ""
    half = ROOT.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(half)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MAKE_S, check=False)
    if done.returncode != 0:
        return f"debootstrap: {(done.stdout + done.stderr)[-400:]}"
    (half / "made").touch()
    shutil.rmtree(ROOT, ignore_errors=True)
    half.rename(ROOT)
    return ""


class Machine:
    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slipway-boot-", dir="/tmp"))
        self.console = (self.folder / "console").open("w+")
        command = [
            "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network",
            "--volatile=overlay", f"--machine=slipway-{os.getpid()}", f"--directory={ROOT}",
            f"--bind-ro={PROGRAM.parent}:{INSIDE}", "--boot",
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.console, stderr=subprocess.STDOUT
        )

    def said(self) -> str:
        self.console.flush()
        return (self.folder / "console").read_text(errors="replace")[-2000:]

    def leader(self) -> int:
        """The pid, outside, of its init."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        for pid in Path(path).read_text().split():
            if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                return int(pid)
        return 0

    def wait_booted(self) -> bool:
        limit = time.monotonic() + BOOT_S
        until("its init", lambda: self.process.poll() is not None or self.leader(), BOOT_S, 0.1)
        while self.process.poll() is None and time.monotonic() < limit:
            state = self.run("systemctl", "is-system-running", "--wait", is_well=False).stdout
            if state.strip() in ("running", "degraded"):
                return True
        return False

    def command(self, *words: str) -> list[str]:
        return ["nsenter", "--target", str(self.leader()), "--all", *words]

    def run(
        self, *words: str, text: str = "", is_well: bool = True, timeout_s: float = COMMAND_S
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*words),
            input=text,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert not is_well or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done

    def sh(self, script: str, **more: object) -> str:
        return self.run("sh", "-ec", script, **more).stdout  # type: ignore[arg-type]

    def write(self, path: str, text: str) -> None:
        self.run("sh", "-ec", 'mkdir -p "$(dirname "$1")"; cat > "$1"', "sh", path, text=text)

    def show(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()  # an orderly shutdown
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            leader = self.leader()
            if leader and is_alive(leader):
                os.kill(leader, signal.SIGKILL)
            self.process.wait(30)
        self.console.close()
        shutil.rmtree(self.folder, ignore_errors=True)
