"""The folder of the compiled code: named after what is compiled, where it was asked for, or somewhere that works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numba import int64, njit

from hwmodel.compiled import CACHE_DIR
from hwmodel.compiled.compilation import inlined, kernel, out_of_line

ROOT = Path(__file__).resolve().parent.parent
ASK = "from hwmodel.compiled import CACHE_DIR; print(CACHE_DIR)"
# What the choice of a folder has of numba, which takes a second to import.
IN_PLACE_OF_NUMBA = """
import sys, types
config = types.SimpleNamespace(BOUNDSCHECK=None, OPT=3)
sys.modules["numba"] = types.SimpleNamespace(__version__="0", config=config)
"""


def cache_dir(package_root=ROOT, *, with_numba=False, **environment):
    """Return the folder that a fresh process chooses, which is never created by asking."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "HWMODEL_", "XDG_"))}
    finished = subprocess.run(
        [sys.executable, "-c", ASK if with_numba else IN_PLACE_OF_NUMBA + ASK],
        cwd=package_root,
        env=clean | {name: str(value) for name, value in environment.items()},
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(finished.stdout.strip())


@pytest.fixture(scope="module")
def package_copy(tmp_path_factory):
    """Return a folder with a copy of the package, to be changed."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "hwmodel", folder / "hwmodel", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_the_folder_is_named_after_the_sources(package_copy, tmp_path):
    """A comment in one kernel is enough; a change outside the kernels is none."""
    where = {"HWMODEL_CACHE_DIR": tmp_path}
    first = cache_dir(package_copy, **where)
    assert cache_dir(package_copy, **where) == first
    with (package_copy / "hwmodel" / "units.py").open("a") as source:
        source.write("# changed\n")
    assert cache_dir(package_copy, **where) == first
    with (package_copy / "hwmodel" / "machine" / "counts" / "histogram.py").open("a") as source:
        source.write("# changed\n")
    assert cache_dir(package_copy, **where) != first


def test_two_copies_of_the_package_have_folders_of_their_own(package_copy, tmp_path):
    """Numba keeps their code apart, so what one has compiled is not there for the other."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        shutil.copytree(package_copy / "hwmodel", folder / "hwmodel")
    cache = tmp_path / "cache"
    assert cache_dir(here, HWMODEL_CACHE_DIR=cache) != cache_dir(there, HWMODEL_CACHE_DIR=cache)


def test_a_new_kernel_file_counts_too(package_copy, tmp_path):
    first = cache_dir(package_copy, HWMODEL_CACHE_DIR=tmp_path)
    (package_copy / "hwmodel" / "forwarding" / "another_block.py").write_text("")
    assert cache_dir(package_copy, HWMODEL_CACHE_DIR=tmp_path) != first


def test_files_in_folders_count_with_their_place(package_copy, tmp_path):
    def folder():
        return cache_dir(package_copy, HWMODEL_CACHE_DIR=tmp_path)

    deeper = package_copy / "hwmodel" / "machine" / "deeper"
    before = folder()
    deeper.mkdir()
    (deeper / "block.py").write_text("")
    seen = [before, folder()]
    (deeper / "block.py").write_text("# changed\n")
    seen.append(folder())
    (deeper / "block.py").rename(deeper.parent / "block.py")
    seen.append(folder())
    assert len(set(seen)) == 4


@pytest.mark.parametrize("switch", ["NUMBA_BOUNDSCHECK", "NUMBA_OPT"])
def test_switches_that_change_the_code_change_the_folder(switch, tmp_path):
    plain = cache_dir(HWMODEL_CACHE_DIR=tmp_path, with_numba=True)
    changed = cache_dir(HWMODEL_CACHE_DIR=tmp_path, with_numba=True, **{switch: "1"})
    assert changed != plain
    assert changed.parent == plain.parent == tmp_path


def test_the_folder_asked_for_comes_first_then_the_users(tmp_path):
    asked, user = tmp_path / "asked" / "deep", tmp_path / "user"
    assert cache_dir(HWMODEL_CACHE_DIR=asked, XDG_CACHE_HOME=user).parent == asked
    assert cache_dir(XDG_CACHE_HOME=user).parent == user / "hwmodel"
    assert cache_dir(HOME=tmp_path / "home").parent == tmp_path / "home" / ".cache" / "hwmodel"


def test_a_folder_that_cannot_be_made_is_passed_over(tmp_path):
    """A file stands where the folder should be: the next choice, in the end a temporary folder of the user's own."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    user, temporary = tmp_path / "user", tmp_path / "temporary"
    temporary.mkdir()
    assert cache_dir(HWMODEL_CACHE_DIR=blocked, XDG_CACHE_HOME=user).parent == user / "hwmodel"
    last = cache_dir(HWMODEL_CACHE_DIR=blocked, XDG_CACHE_HOME=blocked, TMPDIR=temporary)
    assert last.parent == temporary / f"hwmodel-{os.getuid()}"


def test_a_full_disk_is_passed_over_unless_the_kernels_are_there(tmp_path):
    about = "type('', (), {'free': 0 if root.name == 'packed' else 1 << 30})"
    ask = f"import shutil; shutil.disk_usage = lambda root: {about}{IN_PLACE_OF_NUMBA}{ASK}"
    packed, user = tmp_path / "packed", tmp_path / "user"

    def chosen():
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "HWMODEL_CACHE_DIR": str(packed),
            "XDG_CACHE_HOME": str(user),
        }
        done = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True)
        return Path(done.stdout.strip())

    folder = chosen()
    assert folder.parent == user / "hwmodel"
    (packed / folder.name).mkdir()
    assert chosen() == packed / folder.name


def test_machine_code_that_cannot_be_kept_is_used(tmp_path):
    """A limit on the size of files stands for a full disk: LLVM's code is longer than a block."""
    entry = "machine.network.places.enter_homes"
    code = f"from hwmodel.simulation.run.compile_entry import compile_entry; compile_entry({entry!r})"
    shell = 'ulimit -f 16 && exec "$0" -c "$1"'
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HWMODEL_CACHE_DIR": str(tmp_path)}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # Python does not see that its own files are cut short
    done = subprocess.run(["sh", "-c", shell, sys.executable, code], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert list(tmp_path.rglob("places.*.nbc")) == []


def test_a_temporary_folder_is_the_users_alone(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    nowhere = {"HWMODEL_CACHE_DIR": blocked, "XDG_CACHE_HOME": blocked, "TMPDIR": tmp_path}
    own = cache_dir(**nowhere).parent
    assert own == tmp_path / f"hwmodel-{os.getuid()}"
    assert (own.stat().st_mode & 0o7777, own.stat().st_uid) == (0o700, os.getuid())
    assert cache_dir(**nowhere).parent == own  # kept for the next process


def another_users(folder):
    """Make a folder that somebody else can write: his own where we may give it away, else one for all."""
    folder.mkdir(mode=0o700)
    if os.getuid() == 0:
        os.chown(folder, 12345, 12345)
    else:
        folder.chmod(0o777)


def one_for_all(folder):
    folder.mkdir()
    folder.chmod(0o777)


def link_elsewhere(folder):
    (folder.parent / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize("plant", [another_users, one_for_all])
def test_code_is_not_run_from_a_folder_that_somebody_else_may_write(plant, tmp_path):
    """Whether it is asked for, or the user's own; nor from the kernels' own folder in one that is safe."""
    user = tmp_path / "user"
    for asked in (tmp_path / "asked", user / "hwmodel"):
        asked.parent.mkdir(exist_ok=True)
        plant(asked)
    planted, temporary = cache_dir(HWMODEL_CACHE_DIR=tmp_path / "asked", XDG_CACHE_HOME=user, TMPDIR=tmp_path), tmp_path
    assert planted.parent == temporary / f"hwmodel-{os.getuid()}"
    kernels = tmp_path / "safe" / planted.name
    kernels.parent.mkdir(mode=0o700)
    plant(kernels)
    assert cache_dir(HWMODEL_CACHE_DIR=kernels.parent, XDG_CACHE_HOME=tmp_path / "other").parent != kernels.parent


def test_a_folder_that_is_made_is_the_users_alone_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        made = cache_dir(HWMODEL_CACHE_DIR=tmp_path / "asked")
    finally:
        os.umask(before)
    assert made.parent == tmp_path / "asked"
    assert [folder.stat().st_mode & 0o777 for folder in (made.parent, made)] == [0o700, 0o700]


@pytest.mark.parametrize("plant", [another_users, one_for_all, link_elsewhere, Path.touch])
def test_code_that_somebody_else_may_have_planted_is_not_run(plant, tmp_path):
    """The name can be guessed; where it is taken, a folder that is new and gone again with the process."""
    blocked, temporary = tmp_path / "file", tmp_path / "temporary"
    blocked.write_text("")
    temporary.mkdir()
    planted = temporary / f"hwmodel-{os.getuid()}"
    plant(planted)
    there = sorted(temporary.iterdir())
    chosen = cache_dir(HWMODEL_CACHE_DIR=blocked, XDG_CACHE_HOME=blocked, TMPDIR=temporary).parent
    assert chosen.parent == temporary
    assert chosen != planted
    assert sorted(temporary.iterdir()) == there


def test_a_user_without_a_home_gets_a_temporary_folder(tmp_path):
    """As in a container that runs under a number of no user."""
    code = f"import pwd; pwd.getpwuid = {{}}.__getitem__{IN_PLACE_OF_NUMBA}{ASK}"
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    environment.pop("HWMODEL_CACHE_DIR", None)
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(finished.stdout.strip()).parent == tmp_path / f"hwmodel-{os.getuid()}"


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path):
    read_only = tmp_path / "read_only"
    read_only.mkdir(mode=0o555)
    may_write_all_the_same = os.access(read_only, os.W_OK)  # root may
    chosen = cache_dir(HWMODEL_CACHE_DIR=read_only, XDG_CACHE_HOME=tmp_path / "user").parent
    assert chosen == (read_only if may_write_all_the_same else tmp_path / "user" / "hwmodel")


def test_compiled_code_can_be_used_without_a_folder_to_write(tmp_path):
    """An entry is compiled and called; nothing can be kept."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    code = """
import numpy as np
from hwmodel.compiled import compilation as kernels
@kernels.kernel
def twice(x):
    return 2 * x
@kernels.entry
def four_times(values):
    return twice(twice(values[0]))
print(four_times(np.array([5])))
"""
    script = tmp_path / "script.py"
    script.write_text(code)
    finished = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "HWMODEL_CACHE_DIR": str(blocked),
            "XDG_CACHE_HOME": str(blocked),
            "TMPDIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout == "20\n"


def test_this_process_caches_under_a_hash():
    prefix, _, digest = CACHE_DIR.name.partition("-")
    assert prefix == "kernels"
    assert len(digest) == 16
    assert int(digest, 16) >= 0


@pytest.mark.parametrize("decorator", [kernel, out_of_line, inlined])
def test_a_function_is_compiled_once_for_all_integers(decorator):
    @decorator
    def add(a, b):
        return a + b

    @njit
    def use(x):
        return add(1, x) + add(x, 2) + add(x, x)

    assert use(5) == 6 + 7 + 10
    assert list(add.overloads) == [(int64, int64)]
