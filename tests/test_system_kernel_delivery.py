"""Who receives a frame, as observed on a Linux kernel, in whole runs: adapter, wire, and a learning bridge beyond."""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from hwmodel.config import config_from_mapping
from hwmodel.simulation import Run
from hwmodel.workload import build_workload
from tests.run_cases import BATCHES_OF_ONE, merged, write_capture

VECTORS = Path(__file__).parent / "vectors"
ROWS = list(csv.DictReader((VECTORS / "kernel_delivery.csv").read_text().splitlines()))
STATIONS = {"vm1": "vf0", "vm2": "vf1", "vm3": "vf2"}
VM1, VM2, VM3 = MACS = tuple(f"02:00:00:00:00:0{number}" for number in (1, 2, 3))
EXTERNAL, UNKNOWN, BROADCAST = "02:ee:00:00:00:10", "02:dd:00:00:00:99", "ff:ff:ff:ff:ff:ff"
NAMES = {0: "extA", 2: "vm1", 3: "vm2", 4: "vm3"}  # by the port by which a copy leaves
# Measured on the same kernel, with the hairpin of the adjacent bridge's port off, and where a frame is for its sender.
NO_HAIRPIN = [
    ("unicast vm1->vm2", "vm1", VM2, VM1, ""),
    ("unicast vm1->unknown", "vm1", UNKNOWN, VM1, "extA"),
    ("broadcast from vm1", "vm1", BROADCAST, VM1, "extA"),
    ("unicast ext->vm2", "extA", VM2, EXTERNAL, "vm2"),
    ("broadcast from ext", "extA", BROADCAST, EXTERNAL, "vm1;vm2;vm3"),
    ("unicast ext->unknown", "extA", UNKNOWN, EXTERNAL, ""),
    ("unicast vm1->vm1", "vm1", VM1, VM1, ""),
    ("bcast spoofed src=vm2 from vm1", "vm1", BROADCAST, VM2, "extA"),
]
TO_ITSELF = "unicast vm1->vm1", "vm1", VM1, VM1
CASES = {
    "vepa, hairpin": [*(row for row in ROWS if "vepa" in row["scenario"]), (*TO_ITSELF, "vm1")],
    "vepa": NO_HAIRPIN,
    "veb": [*(row for row in ROWS if row["scenario"] == "veb"), (*TO_ITSELF, "")],
}


def frames_of(scenario):
    """Return (case, sending station, destination, source, receivers) of each row."""
    for row in CASES[scenario]:
        if isinstance(row, tuple):
            *sent, receivers = row
            yield (*sent, set(filter(None, receivers.split(";"))))
        else:
            names = [] if row["received_by"] == "NONE" else row["received_by"].split(";")
            assert row["tag"] == "untagged" and all(name.endswith("[u]") for name in names)
            yield row["case"], row["tx_port"], row["dst"], row["src"], {name[:-3] for name in names}


def frame(destination, source):
    return bytes.fromhex((destination + source).replace(":", "")) + b"\x88\xb5" + bytes(46)


def sent_by(workload, name, record):
    """Return a workload in which another station sends a record's frame: a source address that is not its own."""
    port = next(number for number, source in enumerate(workload.sources) if source.port == name)
    records = workload.records
    row = int(np.flatnonzero(records.index == record)[0])
    templates = [*workload.templates, workload.templates[records.template[row]]._replace(source=name)]
    source, template = records.source.copy(), records.template.copy()
    source[row], template[row] = port, len(templates) - 1
    return replace(workload, templates=templates, records=replace(records, source=source, template=template))


@cache
def observed(scenario, folder):
    """Send all frames of a scenario, 20 us apart; return who got each of them.

    On the kernel every station had sent before. Here each does so first, to all.
    """
    first = [frame(BROADCAST, source) for source in (*MACS, EXTERNAL)]
    rows = list(frames_of(scenario))
    raw = [*first, *(frame(row[2], row[3]) for row in rows)]
    capture = write_capture(Path(folder, "in.pcap"), [(number * 20_000, each) for number, each in enumerate(raw)])
    config = config_from_mapping(
        merged(
            BATCHES_OF_ONE,
            {
                "nic": {"vfs": 3},
                "switch": {
                    "mode": scenario.split(",")[0],
                    "ports": [
                        {"name": "pf", "macs": [], "enabled": False},
                        *(
                            {"name": name, "macs": [mac], "spoof_check": False}
                            for name, mac in zip(STATIONS.values(), MACS, strict=True)
                        ),
                    ],
                },
                "bridge": {"kind": "learning", "ports": {"adapter": {"hairpin": "hairpin" in scenario}}},
                "workload": {"pcap": str(capture), "pcap_time": "file"},
                "run": {"warmup": "auto", "duration": "1ms"},
            },
        )
    )
    workload = build_workload(config)
    for number, (_, station, *_) in enumerate(rows, len(first)):
        if station in STATIONS:
            workload = sent_by(workload, STATIONS[station], number)
    run = Run(config, workload, lambda _share, _text: None)
    run.machine.log_deliveries()
    got = {case: [] for case, *_ in rows}
    for piece in run.pieces():
        for record, port in zip(piece.record.tolist(), piece.egress_port.tolist(), strict=True):
            if record >= len(first):
                got[rows[record - len(first)][0]].append(NAMES[port])
    run.result()
    return got


def test_all_observations_are_there():
    assert len(ROWS) == 13 == len(CASES["vepa, hairpin"]) + len(CASES["veb"]) - 2


@pytest.mark.parametrize(
    ("scenario", "row"),
    [(name, row) for name in CASES for row in frames_of(name)],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_the_same_receivers_as_on_the_kernel(scenario, row, tmp_path_factory):
    case, *_, receivers = row
    found = observed(scenario, tmp_path_factory.getbasetemp())
    assert sorted(found[case]) == sorted(receivers)
