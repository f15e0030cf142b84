"""Lines about a configuration found while running get the place of their key in the file."""

from __future__ import annotations

from hwmodel.config import read_base

FILE = """\
nic: {vfs: 4}
switch:
  mirrors: [{to: vf3, from: vf0, direction: ingress}]
host: {iotlb: {entries: 64, miss: 200ns}}
"""


def test_lines_get_the_place_of_their_key(tmp_path):
    path = tmp_path / "nic.yaml"
    path.write_text(FILE)
    lines = ["switch.mirrors: no", "host.iotlb: no", "workload.load: no", "frames.pcap: truncated"]
    assert read_base(path).place_lines(["nic.vfs=2"], lines) == [
        f"{path}:3:12: switch.mirrors: no",
        f"{path}:4:15: host.iotlb: no",
        f"{path}:1:1: workload.load: no",
        "frames.pcap: truncated",
    ]


def test_an_override_is_its_own_place(tmp_path):
    path = tmp_path / "nic.yaml"
    path.write_text(FILE)
    found = read_base(path).place_lines(["workload.load=0.5"], ["workload.load: no"])
    assert found == ["--set workload.load=0.5: workload.load: no"]
