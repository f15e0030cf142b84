"""Runs below a limit of addresses, as batch systems set it (`ulimit -v`), each in a process of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from hwmodel.processes import addresses
from hwmodel.processes.addresses import ARENA_BYTES, SPARE_BYTES, STACK_BYTES, allowed_bytes, threads_at_once

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
KIB, MIB = 1 << 10, 1 << 20


def limited(command, kib):
    """Run hwmodel with so many KiB of addresses."""
    return subprocess.run(
        [sys.executable, "-m", "hwmodel", *command], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (kib * KIB, kib * KIB)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kib"),
    [
        ("sriov_10g_gen2x4", 2_000_000),
        ("two_servers", 2_000_000),
        pytest.param("two_racks", 4_000_000, marks=pytest.mark.slow),
        pytest.param("extenders", 4_000_000, marks=pytest.mark.slow),
    ],
)
def test_shipped_configurations_run_below_a_limit_with_all_that_they_write(name, kib, tmp_path):
    outputs = [tmp_path / "x.html", tmp_path / "x.json"]
    done = limited(["run", f"{CONFIGS / name}.yaml", "--report", str(outputs[0]), "--json", str(outputs[1])], kib)
    assert done.returncode == 0, done.stderr
    assert outputs[0].stat().st_size > 10_000
    assert json.loads(outputs[1].read_text())["totals"]["delivered_frames"] > 1000


def test_a_limit_is_no_other_result(tmp_path):
    """Fewer short runs at once, and smaller steps of memory, change no figure."""
    found = []
    for kib in (1_400_000, 16_000_000):
        path = tmp_path / f"{kib}.json"
        done = limited(["run", f"{CONFIGS}/two_servers.yaml", "--set", "run.duration=1ms", "--json", str(path)], kib)
        assert done.returncode == 0, done.stderr
        found.append({name: part for name, part in json.loads(path.read_text()).items() if name != "host_run"})
    assert found[0] == found[1]


def test_what_does_not_fit_is_told_in_one_line_with_the_amounts(tmp_path):
    """126 VFs with rings of 16384 take some 330 MB, beside what Python and numba have."""
    changes = ["nic.preset=null", "nic.vfs=126", "nic.tx_ring=16384", "nic.rx_ring=16384"]
    done = limited(["run", f"{CONFIGS}/sriov_ideal.yaml", *(f"--set={one}" for one in changes)], 600_000)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "out of memory: " in line and " of 586 MiB taken (ulimit -v)" in line


@pytest.mark.parametrize(
    ("asked", "left_mib", "expected"), [(16, 4096, 16), (16, 1000, 5), (2, 1000, 2), (16, 100, 1), (3, -50, 1)]
)
def test_so_many_threads_at_once_as_have_room(asked, left_mib, expected, monkeypatch):
    """Each needs 64 MiB of its own, its stack and the C library's arena: 200 MiB in all."""
    n_bytes = 200 * MIB - ARENA_BYTES - STACK_BYTES
    monkeypatch.setattr(addresses, "allowed_bytes", lambda: 10_000 * MIB)
    monkeypatch.setattr(addresses, "taken_bytes", lambda: (10_000 - left_mib) * MIB - SPARE_BYTES)
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (STACK_BYTES, STACK_BYTES))
    assert threads_at_once(asked, n_bytes) == min(asked, max(1, left_mib // 200)) == min(expected, asked)


def test_without_a_limit_all_that_are_asked_for(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert allowed_bytes() is None and threads_at_once(12, 1 << 50) == 12
