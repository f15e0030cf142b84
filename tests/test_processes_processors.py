"""How many processors a process may use: its affinity, and the quota of the control groups that it is in."""

from __future__ import annotations

import os

import pytest

from hwmodel.processes import processors
from hwmodel.processes.processors import usable_processors


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Return what lays out control groups: the lines of /proc/self/cgroup, and files below /sys/fs/cgroup."""
    monkeypatch.setattr(processors, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(processors, "MEMBERSHIP", tmp_path / "self")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)

    def lay_out(membership, files):
        (tmp_path / "self").write_text(membership)
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return lay_out


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "10000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "1600000 100000\n"}, 8),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n"}, 3),
        ("0::/a/b\n", {"cpu.max": "400000 100000\n"}, 4),
        ("4:cpu,cpuacct:/docker/x\n1:name=systemd:/\n", {
            "cpu/docker/x/cpu.cfs_quota_us": "250000\n", "cpu/docker/x/cpu.cfs_period_us": "100000\n"}, 3),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ("4:cpuset:/\n", {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ("nonsense\n", {}, 8),
        ("0::/\n", {"cpu.max": "\xff"}, 8),
    ],
)  # fmt: skip
def test_the_narrowest_quota_counts(groups, membership, files, expected):
    groups(membership, files)
    assert usable_processors() == expected


def test_without_control_groups_the_affinity_counts(groups):
    assert usable_processors() == 8


def test_a_system_without_affinity_tells_the_machines_number(groups, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_processors() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_processors() == 1
