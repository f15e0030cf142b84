"""A file is written as a whole or stays as it was."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hwmodel.atomic_file import AtomicFile, write_atomically
from hwmodel.errors import InputError, RunError


def test_text_and_bytes_are_written_as_they_are(tmp_path):
    write_atomically(tmp_path / "a", "µ\r\nx\n")
    assert (tmp_path / "a").read_bytes() == "µ\r\nx\n".encode()
    write_atomically(str(tmp_path / "a"), b"\x00\xff")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    assert os.listdir(tmp_path) == ["a"]


def test_the_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_failed_write_leaves_the_old_file_and_no_remains(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(RunError, match="No space left on device"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_an_interrupt_leaves_no_remains(tmp_path, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a", "new")
    assert os.listdir(tmp_path) == []


def test_nothing_is_seen_under_the_name_before_all_is_written(tmp_path, monkeypatch):
    path = tmp_path / "a"
    seen = []
    replace = os.replace

    def watch(source: str, target: str) -> None:
        seen.append((path.exists(), os.path.dirname(source) == str(tmp_path), Path(source).read_bytes()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    write_atomically(path, "all of it")
    assert seen == [(False, True, b"all of it")]


def test_paths_that_cannot_be_written_are_bad_input(tmp_path):
    (tmp_path / "file").write_text("")
    for path, reason in (
        (tmp_path / "no" / "a", "No such file or directory"),
        (tmp_path, "it is a folder"),
        (tmp_path / "file" / "a", "Not a directory"),
    ):
        with pytest.raises(InputError) as caught:
            write_atomically(path, "x")
        assert caught.value.lines == [f"{path}: cannot be written: {reason}"]


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_to_and_not_replaced():
    write_atomically("/dev/null", "x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_very_long_name_still_has_room_for_the_temporary_one(tmp_path):
    path = tmp_path / ("n" * 250)
    write_atomically(path, "x")
    assert path.read_text() == "x"


def test_a_full_disk_shows_when_the_file_is_flushed():
    with pytest.raises(RunError, match="/dev/full: writing failed"), AtomicFile("/dev/full") as file:
        file.write(b"x")
        file.flush()


def test_a_flushed_file_has_not_appeared_yet(tmp_path):
    with AtomicFile(tmp_path / "file") as file:
        file.write(b"x")
        file.flush()
        assert not (tmp_path / "file").exists()
    assert (tmp_path / "file").read_bytes() == b"x"
