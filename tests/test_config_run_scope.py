"""What a run does not model is refused, a line for each key, at its place in the file."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping, place_lines
from hwmodel.config.run_scope import check_run_scope
from hwmodel.errors import InputError

FILE = """\
nic: {vfs: 4}
switch:
  timing: core
  mirrors: [{to: vf3, from: vf0, direction: ingress}]
host: {iotlb: {entries: 64, miss: 200ns}}
"""


def test_what_a_run_does_not_model_is_named_key_by_key():
    config = config_from_mapping(
        {
            "nic": {"vfs": 4},
            "switch": {"timing": "core", "mirrors": [{"to": "vf3", "from": "vf0", "direction": "ingress"}]},
            "host": {"iotlb": {"entries": 64, "miss": "200ns"}},
        }
    )
    with pytest.raises(InputError) as caught:
        check_run_scope(config)
    assert [line.split(":")[0] for line in caught.value.lines] == ["switch.timing"]


def test_the_defaults_are_within_the_scope():
    check_run_scope(config_from_mapping({}))


def test_lines_get_the_place_of_their_key(tmp_path):
    path = tmp_path / "nic.yaml"
    path.write_text(FILE)
    lines = ["switch.timing: no", "host.iotlb: no", "workload.load: no", "frames.pcap: truncated"]
    assert place_lines(path, ["nic.vfs=2"], lines) == [
        f"{path}:3:11: switch.timing: no",
        f"{path}:5:15: host.iotlb: no",
        f"{path}:1:1: workload.load: no",
        "frames.pcap: truncated",
    ]


def test_an_override_is_its_own_place(tmp_path):
    path = tmp_path / "nic.yaml"
    path.write_text(FILE)
    found = place_lines(path, ["workload.load=0.5"], ["workload.load: no"])
    assert found == ["--set workload.load=0.5: workload.load: no"]
