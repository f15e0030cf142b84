"""`hwmodel check` refuses what a run would."""

from __future__ import annotations

import pytest

from hwmodel.cli import main
from hwmodel.config import load_config
from hwmodel.errors import InputError

ALONE, SYSTEM = "sriov_ideal", "two_servers"


@pytest.mark.parametrize(
    ("name", "changes", "key"),
    [
        (ALONE, ["host.iotlb={entries: 64, miss: 1ms}"], "host.iotlb.miss"),
        (ALONE, ["port.rate=1234567891bps"], "port.rate"),
        (ALONE, ["nic.store_rate=1234567891bps"], "nic.store_rate"),
        (SYSTEM, ["nic.store_rate=1234567891bps"], "nic.store_rate"),
    ],
)
def test_what_a_run_has_no_room_for_is_refused_with_its_place(name, changes, key, capsys):
    changes = ["nic.preset=null", *changes]
    with pytest.raises(InputError) as loaded:
        load_config(name, changes)
    assert main(["check", name, *(f"--set={each}" for each in changes)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("--set ") and [line] == loaded.value.lines
    assert key in line


def test_what_changes_in_mid_run_is_checked_too(tmp_path, capsys):
    """A limit that an event sets must be one that the machine can keep to."""
    text = (
        "nic: {preset: null, vfs: 2}\nrun: {duration: 1ms}\n"
        "scenario:\n  - {at: 100us, set: {switch.ports.vf0.rate_limit: 1234567891bps}}\n"
    )
    (tmp_path / "c.yaml").write_text(text)
    assert main(["check", str(tmp_path / "c.yaml")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "c.yaml:4:52: scenario.0.set.switch.ports.vf0.rate_limit: 1234567891bps is finer" in line
