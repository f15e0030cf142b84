"""What the tests of `hwmodel switch` share: the command on given frames, and what tshark sees in a file."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from hwmodel.cli import main
from hwmodel.config import config_from_mapping
from tests.run_cases import read_capture, write_capture

# The load plays no part; a ring has no objection to any number of stations.
ADAPTER = {"nic": {"preset": None, "vfs": 4}, "workload": {"pattern": "ring"}}


def stand_in(switch):
    """Give an object that has a stand-in switch (tests/forwarding_bench.py) where a configuration has its own."""
    return config_from_mapping({}).model_copy(update={"switch": switch})


def config_path(folder, switch):
    """Write a configuration; JSON is YAML."""
    path = folder / "switch.yaml"
    config = ADAPTER | {"switch": switch}
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def timed(frames, first_ns=1_700_000_000_123_456_789, step_ns=1001):
    """Give each frame a time, to the nanosecond."""
    return [(first_ns + index * step_ns, raw) for index, raw in enumerate(frames)]


def switched(folder, switch, timed_frames, in_port, *options):
    """Run the command; give its JSON and, by port, the timed frames of the captures that it wrote."""
    config, capture = config_path(folder, switch), write_capture(folder / "in.pcap", timed_frames)
    out, result = folder / "out", folder / "result.json"
    argv = ["switch", str(config), "--in", str(capture), "--in-port", in_port, "--out", str(out), "--json", str(result)]
    assert main([*argv, *options]) == 0
    captures = {path.stem: read_capture(path) for path in sorted(out.iterdir())}
    return json.loads(result.read_text(encoding="utf-8")), captures


def wire_rows(path: Path, name: str) -> list[tuple[int, str, dict[str, list[int]], int]]:
    """Return what passed a wire: the number that a frame ends with, its direction, its tags' fields, the time in ns."""
    fields = ["frame.interface_name", "frame.packet_flags_direction", "frame.time_epoch", "data.data", *ALL_TAG_FIELDS]
    rows = tshark_rows(path, fields)
    assert {row["frame.interface_name"] for row in rows} <= {name}
    return [
        (
            int(row["data.data"][-2:], 16),
            row["frame.packet_flags_direction"],
            tshark_numbers(row),
            round(float(row["frame.time_epoch"]) * 1e9),
        )
        for row in rows
    ]


def tshark_rows(path: Path, fields, *options: str) -> list[dict[str, str]]:
    """Let tshark decode a capture; give each frame's fields as it prints them."""
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", *options]
    command += [word for field in fields for word in ("-e", field)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [line for line in done.stderr.splitlines() if "Running as user" not in line] == []
    return [dict(zip(fields, line.split("\t"), strict=True)) for line in done.stdout.splitlines()]


# Fields as tshark names them, by the tag that holds them: bits (position from the left, width) behind the type number.
TAG_FIELDS = {
    0x8100: (2, {"vlan.priority": (0, 3), "vlan.dei": (3, 1), "vlan.id": (4, 12)}),
    0x88A8: (2, {"ieee8021ad.priority": (0, 3), "ieee8021ad.dei": (3, 1), "ieee8021ad.id": (4, 12)}),
    0x8926: (
        4,
        {
            "vntag.dir": (0, 1),
            "vntag.ptr": (1, 1),
            "vntag.dst": (2, 14),
            "vntag.looped": (16, 1),
            "vntag.version": (18, 2),
            "vntag.src": (20, 12),
        },
    ),
    0x893F: (
        6,
        {
            "etag.pcp": (0, 3),
            "etag.dei": (3, 1),
            "etag.iecid_base": (4, 12),
            "etag.group": (18, 2),
            "etag.ecid_base": (20, 12),
            "etag.iecid_ext": (32, 8),
            "etag.ecid_ext": (40, 8),
        },
    ),
}
ALL_TAG_FIELDS = [name for _, names in TAG_FIELDS.values() for name in names]


def tag_fields(raw):
    """Cut the tags of a frame into fields, as text strings of bits: the numbers by tshark's names, in their order."""
    found, at = {}, 12
    while (kind := int.from_bytes(raw[at : at + 2], "big")) in TAG_FIELDS:
        n_bytes, names = TAG_FIELDS[kind]
        bits = "".join(f"{byte:08b}" for byte in raw[at + 2 : at + 2 + n_bytes])
        for name, (first, width) in names.items():
            found.setdefault(name, []).append(int(bits[first : first + width], 2))
        at += 2 + n_bytes
    return found


def tshark_numbers(row):
    """Give the numbers that tshark printed, as `tag_fields` does."""
    return {name: [int(text, 0) for text in row[name].split(",")] for name in ALL_TAG_FIELDS if row.get(name)}
