"""The set-up scripts, with stand-ins for Python, apt and sudo that write down how they are called."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BASIC_COMMANDS = ("sh", "cat", "date", "dirname", "env", "rm", "mkdir", "cp", "printf", "pwd", "touch", "chmod")

# A stand-in for Python: as old as $VERSION says; it makes environments as far as $CAN names the ways.
PYTHON = """#!/bin/sh
echo "python $*" >>"$LOG"
case "$*" in
  *"sys.exit(sys.version_info < (3, 11))"*) [ "{version}" -ge 11 ] ;;
  *sys.version_info*) echo "3.{version}" ;;
  --version) echo "Python 3.{version}.0" ;;
  "-m venv .venv") [ -e "$STATE/ensurepip" ] && mkdir -p .venv/bin && cp "$0" .venv/bin/python && touch .venv/pip ;;
  "-m virtualenv .venv")
    [ -e "$STATE/virtualenv" ] && mkdir -p .venv/bin && cp "$0" .venv/bin/python && touch .venv/pip ;;
  "-m venv --without-pip .venv") [ -e "$STATE/pip" ] && mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip --python .venv/bin/python install pip") touch .venv/pip ;;
  "-m pip --version") [ -e .venv/pip ] ;;
  "-m pip install"*) : ;;
  *) exit 9 ;;
esac
"""
APT = """#!/bin/sh
echo "apt-get $*" >>"$LOG"
case "$*" in *install*python3.11-venv*) touch "$STATE/ensurepip" ;; esac
"""


class Machine:
    """A checkout with a PATH that holds only basic commands and stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.state = folder / "state"
        self.log = folder / "log"
        self.checkout = folder / "a checkout"
        self.root = True
        for made in (self.bin, self.state, self.checkout):
            made.mkdir()
        shutil.copytree(ROOT / "scripts", self.checkout / "scripts")
        for name in BASIC_COMMANDS:
            found = shutil.which(name)
            if found is not None:
                (self.bin / name).symlink_to(found)
        self.add("debconf-set-selections", "cat >/dev/null")

    def add(self, name: str, script: str) -> None:
        """Put a command on PATH."""
        path = self.bin / name
        path.write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def add_python(self, name: str, minor: int, *ways: str) -> None:
        """Put Python 3.`minor` on PATH, with these ways of making an environment."""
        self.add(name, PYTHON.replace("{version}", str(minor)))
        for way in ways:
            (self.state / way).touch()

    def run(self, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one of the scripts; stdin is no terminal."""
        self.add("id", "echo 0" if self.root else "echo 1000")
        return subprocess.run(
            [str(self.checkout / "scripts" / script), *arguments],
            env={"PATH": str(self.bin), "LOG": str(self.log), "STATE": str(self.state), **variables},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def calls(self, command: str) -> list[str]:
        """Return the calls of a stand-in, in order."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [line for line in lines if line.startswith(command)]


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(tmp_path)


def test_apt_is_not_called_when_nothing_is_missing(machine):
    machine.add("apt-get", APT)
    machine.add("tshark", ":")
    done = machine.run("install-system-packages", "tshark:tshark")
    assert (done.returncode, done.stdout, machine.calls("apt-get")) == (0, "", [])


def test_only_what_is_missing_is_installed_after_one_update(machine):
    machine.add("apt-get", APT)
    machine.add("lspci", ":")
    assert machine.run("install-system-packages", "tshark:tshark", "lspci:pciutils", "vvp:iverilog").returncode == 0
    update, install = machine.calls("apt-get")
    assert update.endswith(" update")
    assert install.split()[-2:] == ["tshark", "iverilog"]
    assert "--yes" in install


def test_sudo_is_used_by_others_than_root_and_passes_the_front_end_on(machine):
    machine.root = False
    machine.add("apt-get", APT + 'echo "front $DEBIAN_FRONTEND" >>"$LOG"\n')
    machine.add("sudo", 'echo "sudo $*" >>"$LOG"\nshift\n"$@"')
    assert machine.run("install-system-packages", "tshark:tshark").returncode == 0
    assert [call.split()[:3] for call in machine.calls("sudo")] == [
        ["sudo", "-n", command] for command in ("true", "debconf-set-selections", "env", "env")
    ]
    assert machine.calls("front") == ["front noninteractive"] * 2


def test_a_sudo_that_wants_a_password_is_one_line_where_nobody_can_give_it(machine):
    machine.root = False
    machine.add("apt-get", APT)
    machine.add("sudo", 'echo "sudo: a password is required" >&2\nexit 1')
    done = machine.run("install-system-packages", "iverilog:iverilog", "sh:dash")
    assert (done.returncode, done.stdout, machine.calls("apt-get")) == (1, "", [])
    assert done.stderr == "these system packages are missing; install them as root:  apt-get install iverilog\n"


@pytest.mark.parametrize(("has_apt", "words"), [(True, "as root"), (False, "no apt-get")])
def test_without_means_the_packages_are_named(has_apt, words, machine):
    machine.root = False
    if has_apt:
        machine.add("apt-get", APT)
    done = machine.run("install-system-packages", "tshark:tshark")
    assert done.returncode == 1
    assert words in done.stderr and "tshark" in done.stderr
    assert machine.calls("apt-get") == []


@pytest.mark.parametrize("has_chromium", [True, False])
def test_a_package_with_a_question_mark_is_left_out_where_apt_has_none(has_chromium, machine):
    machine.add("apt-get", APT)
    machine.add("apt-cache", f'case "$*" in "show chromium") exit {0 if has_chromium else 100} ;; *) exit 9 ;; esac')
    done = machine.run("install-system-packages", "chromium:chromium?", "tshark:tshark")
    assert done.returncode == 0
    wanted = ["chromium", "tshark"] if has_chromium else ["tshark"]
    assert machine.calls("apt-get")[-1].partition("--no-install-recommends ")[2].split() == wanted
    assert ("no package chromium" in done.stderr) == (not has_chromium)
    alone = machine.run("install-system-packages", "chromium:chromium?")
    assert alone.returncode == 0
    assert len([call for call in machine.calls("apt-get") if " install " in call]) == 1 + has_chromium


def test_a_failed_install_is_passed_on(machine):
    machine.add("apt-get", 'case "$*" in *install*) exit 100 ;; esac')
    assert machine.run("install-system-packages", "tshark:tshark").returncode == 100


def test_a_failed_update_does_not_stop_the_install(machine):
    machine.add("apt-get", APT + 'case "$*" in *update*) exit 100 ;; esac\n')
    assert machine.run("install-system-packages", "tshark:tshark").returncode == 0
    assert len(machine.calls("apt-get")) == 2


@pytest.mark.parametrize("way", ["ensurepip", "virtualenv", "pip"])
def test_each_way_to_an_environment_works(way, machine):
    machine.add_python("python3", 11, way)
    done = machine.run("setup-venv", "dev,report")
    assert done.returncode == 0, done.stderr
    assert machine.calls("apt-get") == []
    (install,) = machine.calls("python -m pip install")
    assert install.endswith("--no-compile --constraint constraints.txt --editable .[dev,report]")
    assert machine.calls("python -m compileall") == ["python -m compileall -q -j 0 .venv/lib"]


def test_the_venv_package_is_installed_where_no_way_works(machine):
    machine.add_python("python3.11", 11)
    machine.add("apt-get", APT)
    done = machine.run("setup-venv", "report")
    assert done.returncode == 0, done.stderr
    assert machine.calls("apt-get")[-1].endswith(" python3.11-venv")
    assert len(machine.calls("python -m pip install")) == 1


def test_an_environment_that_cannot_be_made_is_an_error(machine):
    machine.add_python("python3", 12)
    machine.add("apt-get", APT)
    done = machine.run("setup-venv", "report")
    assert done.returncode == 1
    assert "python3.12-venv" in machine.calls("apt-get")[-1]
    assert "cannot make an environment" in done.stderr
    assert machine.calls("python -m pip install") == []


def test_the_newest_python_is_taken_and_an_old_one_passed_over(machine):
    machine.add_python("python3", 10, "ensurepip")
    machine.add_python("python3.11", 11)
    machine.add_python("python3.13", 13)
    assert "Python 3.13" in machine.run("setup-venv", "report").stdout


def test_no_recent_python_is_a_clear_message(machine):
    machine.add_python("python3", 10, "ensurepip")
    done = machine.run("setup-venv", "report")
    assert done.returncode == 1
    assert "3.11 or later" in done.stderr


def test_a_named_python_is_the_only_one_tried(machine):
    machine.add_python("python3", 11, "ensurepip")
    machine.add_python("python3.9", 9)
    assert machine.run("setup-venv", "report", PYTHON="python3.9").returncode == 1
    assert machine.run("setup-venv", "report", PYTHON="python3").returncode == 0


def test_an_environment_is_kept_until_it_is_moved(machine):
    machine.add_python("python3", 11, "ensurepip")
    made = "python -m venv .venv"
    for _ in range(2):
        assert machine.run("setup-venv", "report").returncode == 0
        assert len(machine.calls(made)) == 1
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("elsewhere"))
    assert machine.run("setup-venv", "report").returncode == 0
    assert len(machine.calls(made)) == 2


MAKE = """#!/bin/sh
shift
echo "make $1" >>"$LOG"
case "$1" in broken*) exit 2 ;; esac
"""


def test_targets_after_one_that_fails_are_made_and_it_is_named(machine):
    machine.add("make", MAKE)
    done = machine.run("make-each", "first", "broken", "last")
    assert (done.returncode, machine.calls("make")) == (1, ["make first", "make broken", "make last"])
    fates = [line.split(" in ")[0].split() for line in done.stdout.splitlines()[-3:]]
    assert fates == [["first", "passed"], ["broken", "FAILED"], ["last", "passed"]]


FATES = (("wrong", "FAILED"), ("right", "passed"), ("last", "passed"))


def test_a_target_beside_the_others_says_what_it_says_behind_them(machine):
    machine.add("make", '#!/bin/sh\necho "this is $2"\n[ "$2" != wrong ]')
    done = machine.run("make-each", "wrong+", "right", "last")
    assert done.returncode == 1
    lines = [line.split(" in ")[0] for line in done.stdout.splitlines()]
    assert lines == [
        "== make right", "this is right", "== make last", "this is last", "== make wrong, beside the others",
        "this is wrong", "== all of it,", *(f"{name:16} {fate}" for name, fate in FATES),
    ]  # fmt: skip


def test_targets_that_are_all_made_are_a_success(machine):
    machine.add("another", MAKE)
    assert machine.run("make-each", "first", "last", MAKE="another").returncode == 0


def test_an_interrupt_ends_it_at_the_target_at_hand(machine):
    machine.add("make", 'echo "make $2" >>"$LOG"\nkill -INT $PPID')
    assert machine.run("make-each", "first", "last").returncode == 130
    assert machine.calls("make") == ["make first"]


def test_the_scripts_need_no_more_than_a_shell():
    for script in sorted((ROOT / "scripts").iterdir()):
        assert script.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
        assert os.access(script, os.X_OK)
