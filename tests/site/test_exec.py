"""`slipway exec` and `slipway env`: the site's folder, environment and interpreter by hand."""

import json
import os
import pty
import select
import signal
import subprocess
from pathlib import Path

import pytest
from http1 import TIMEOUT_S
from program import PYTHON, SLIPWAY, environment, run
from projects import make_django, make_wsgi, write


class Terminal:
    """A command whose standard descriptors are a terminal, of which we hold the other end."""

    def __init__(self, folder: Path, *words: str):
        self.text = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it
            os.chdir(folder)
            os.execve(SLIPWAY, ["slipway", *words], environment())

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)  # hangs up: whatever still runs there gets SIGHUP
        if self.pid:
            os.waitpid(self.pid, 0)

    def wait(self, words: bytes) -> None:
        while words not in self.text:
            assert select.select([self.fd], [], [], TIMEOUT_S)[0], self.text
            self.text += os.read(self.fd, 1000)

    def type(self, keys: bytes) -> None:
        os.write(self.fd, keys)

    def status(self) -> int:
        pid, self.pid = self.pid, 0
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


SHOW = (
    "import json, os, sys; print(json.dumps({'cwd': os.getcwd(), 'argv': sys.argv[1:],"
    " 'python': sys.executable, 'env': dict(os.environ)}))"
)


def shown(folder: Path, *options: str, env: dict[str, str] | None = None) -> dict:
    done = run(
        "exec", *options, "python", "-c", SHOW, "--settings", "-h", "x", folder=folder, env=env
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = make_django(tmp_path / "site")
    write(folder / ".env", "COLOUR=blue\nBOTH=file\n")
    return folder


def test_a_command_has_the_folder_and_environment_of_the_site(project: Path) -> None:
    (project / "below").mkdir()
    seen = shown(project / "below", env={"BOTH": "process"})
    assert seen["cwd"] == str(project)
    assert seen["argv"] == ["--settings", "-h", "x"]
    assert seen["env"]["COLOUR"] == "blue"
    assert seen["env"]["BOTH"] == "process"
    assert seen["env"]["DJANGO_SETTINGS_MODULE"]


def test_options_before_the_command_are_slipways(project: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.env", "COLOUR=red\n")
    seen = shown(tmp_path, "--chdir", str(project), f"--env-file={other}", "--settings", "of.mine")
    assert seen["env"]["COLOUR"] == "red"
    assert seen["env"]["DJANGO_SETTINGS_MODULE"] == "of.mine"


def test_the_virtual_environment_comes_first(tmp_path: Path) -> None:
    folder = make_wsgi(tmp_path)
    subprocess.run(["python3", "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    seen = shown(folder)
    assert seen["python"] == str(folder / ".venv/bin/python")
    assert seen["env"]["VIRTUAL_ENV"] == str(folder / ".venv")
    tool = write(folder / ".venv/bin/tool", '#!/bin/sh\necho "tool of $VIRTUAL_ENV"\n')
    tool.chmod(0o755)
    done = run("exec", "tool", folder=folder)
    assert done.stdout == f"tool of {folder}/.venv\n"


def test_manage_is_the_projects_own(project: Path) -> None:
    done = run("exec", "--python", PYTHON, "manage", "check", folder=project)
    assert (done.returncode, done.stdout.split(" (")[0]) == (
        0,
        "System check identified no issues",
    )
    done = run("exec", "--python", PYTHON, "manage", "no_such_verb", folder=project)
    assert done.returncode == 1
    assert "Unknown command: 'no_such_verb'" in done.stderr


def test_without_manage_py_it_is_djangos(project: Path) -> None:
    (project / "manage.py").unlink()
    module = next(project.glob("**/settings.py"), None) or next(project.glob("*.py"))
    settings = ".".join(module.relative_to(project).with_suffix("").parts)
    done = run(
        "exec", f"--python={PYTHON}", "--settings", settings, "manage", "check", folder=project
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "status", "sentence"),
    [
        ([], 2, "exec needs a command"),
        (["--"], 2, "exec needs a command"),
        (["--no-such-option", "true"], 2, "unknown option '--no-such-option'"),
        (["-x", "true"], 2, "unknown option '-x'"),
        (["no-such-command"], 127, "there is no command 'no-such-command' on PATH"),
        (["./no-such-file"], 127, "cannot run ./no-such-file"),
        (["./data"], 126, "cannot run ./data"),
        (["./text"], 126, "it is no program; a script begins with #! and its interpreter"),
        (["text"], 126, "/bin/text in "),
        (["./moved"], 127, "the interpreter it names in its first line is not there"),
        (["moved"], 127, "/bin/moved in "),
        (["sh", "-c", "exit 41"], 41, ""),
        (["--", "sh", "-c", "exit 42"], 42, ""),
        (["--retry", "no", "sh", "-c", "exit 43"], 43, ""),
        (["--retry", "sh", "-c", "exit 44"], 44, ""),
        (["--no-retry", "sh", "-c", "exit 45"], 45, ""),
        (["sh", "-c", "kill -9 $$"], -9, ""),
    ],
)
def test_exit_status(tmp_path: Path, command: list[str], status: int, sentence: str) -> None:
    folder = make_wsgi(tmp_path)
    write(folder / "data", "not a program\n")
    for place in (folder, folder / "bin"):
        write(place / "text", "echo no first line\n").chmod(0o755)
        write(place / "moved", f"#!{folder}/none/python\n").chmod(0o755)
    path = f"{os.environ['PATH']}:{folder / 'bin'}"
    done = run("exec", *command, folder=folder, env={"PATH": path})
    assert done.returncode == status
    assert sentence in done.stderr
    assert done.stderr.count("\n") == (1 if sentence else 0)


def test_help_is_ours_only_before_the_command(tmp_path: Path) -> None:
    folder = make_wsgi(tmp_path)
    for words in (["-h"], ["--help"], ["--retry", "--help", "sh"]):
        assert run("exec", *words, folder=folder).stdout.startswith("slipway exec ")
    assert run("exec", "echo", "--help", folder=folder).stdout != ""
    assert not run("exec", "echo", "-h", folder=folder).stdout.startswith("slipway")


def test_the_terminal_is_kept_and_ctrl_c_reaches_the_command(tmp_path: Path) -> None:
    folder = make_wsgi(tmp_path)
    code = (
        "import os, sys\nprint(sys.stdin.isatty(), sys.stdout.isatty(), flush=True)\n"
        "try:\n    sys.stdin.read()\nexcept KeyboardInterrupt:\n    os._exit(9)\n"
    )
    with Terminal(folder, "exec", "python", "-c", code) as terminal:
        terminal.wait(b"\n")
        assert terminal.text.strip() == b"True True"
        terminal.type(b"\x03")
        assert terminal.status() in (9, -signal.SIGINT)


def test_the_command_takes_the_place_of_slipway(tmp_path: Path) -> None:
    """So a supervisor's signals and waits are the command's; and it has no descriptor of ours."""
    folder = make_wsgi(tmp_path)
    process = subprocess.Popen(
        [SLIPWAY, "exec", "sh", "-c", "echo $$; ls /proc/self/fd; exec cat"],
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    with process:
        said = [process.stdout.readline().strip() for _ in range(5)]
        assert said == [str(process.pid), "0", "1", "2", "3"]  # 3 is the folder that ls reads
        process.send_signal(signal.SIGTERM)
    assert process.returncode == -signal.SIGTERM


def test_signals_have_their_usual_meaning(tmp_path: Path) -> None:
    done = run(
        "exec", "grep", "-E", "Sig(Blk|Ign)", "/proc/self/status", folder=make_wsgi(tmp_path)
    )
    assert [int(line.split()[1], 16) for line in done.stdout.splitlines()] == [
        int(line.split()[1], 16)
        for line in subprocess.run(
            ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"], capture_output=True, text=True
        ).stdout.splitlines()
    ]


def test_input_and_output_are_passed_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [SLIPWAY, "exec", "tr", "a-z", "A-Z"],
        cwd=make_wsgi(tmp_path),
        env=environment(),
        input="through\n",
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("THROUGH\n", "", 0)


ACCOUNTS = """
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE / "db.sqlite3"}}
"""


def test_createsuperuser_asks_on_the_terminal(tmp_path: Path) -> None:
    """It refuses without one, and reads the password with echo off."""
    folder = make_django(tmp_path / "site")
    settings = folder / "tiny" / "settings.py"
    base = "\nfrom pathlib import Path\nBASE = Path(__file__).parent\n"
    settings.write_text(settings.read_text() + base + ACCOUNTS)
    own = ["exec", "--python", PYTHON, "manage"]
    assert run(*own, "migrate", "-v", "0", folder=folder).returncode == 0
    words = ["createsuperuser", "--username", "ada", "--email", "ada@site.test"]
    with Terminal(folder, *own, *words) as terminal:
        for prompt in (b"Password: ", b"Password (again): "):
            terminal.wait(prompt)
            terminal.type(b"analytical-engine-1843\n")
        terminal.wait(b"created successfully")
        assert terminal.status() == 0
        assert b"engine" not in terminal.text


# ---- env


def test_env_masks_unless_told(project: Path) -> None:
    done = run("env", folder=project, env={"BOTH": "process"})
    assert done.stdout == (
        "COLOUR=********\nBOTH=********   (the environment has its own, which holds)\n"
    )
    assert run("env", "--show", folder=project).stdout == 'COLOUR="blue"\nBOTH="file"\n'
    assert json.loads(run("env", "--json", folder=project).stdout) == {
        "COLOUR": "blue",
        "BOTH": "file",
    }


def test_env_of_a_file(tmp_path: Path) -> None:
    file = write(tmp_path / "some", 'export A="1\n2"\nNULL\nB=${A}x\nC=${NONE:-c}\n')
    for words in (["some"], ["--json", str(file)], ["some", "--json"]):
        done = run("env", *words, folder=tmp_path)
        assert done.returncode == 0, done.stderr
    expected = {"A": "1\n2", "NULL": None, "B": "1\n2x", "C": "c"}
    assert json.loads(run("env", "some", "--json", folder=tmp_path).stdout) == expected


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ([], 1, "there is no .env in "),
        (["none"], 1, "cannot read the env file none: No such file or directory"),
        (["bad"], 1, "bad:2: "),
        (["bad", "more"], 2, ""),
        (["--wrong"], 2, "unknown option '--wrong'"),
    ],
)
def test_env_mistakes(tmp_path: Path, words: list[str], status: int, sentence: str) -> None:
    write(tmp_path / "bad", "A=1\nB = 'open\n")
    done = run("env", *words, folder=tmp_path)
    assert done.returncode == status
    assert sentence in done.stderr and done.stderr.startswith("slipway: ")
    assert done.stdout == ""
