"""Who receives a frame, as observed on a Linux kernel: macvlan as VEPA behind a hairpin port, and a bridge as VEB."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cocotb_tests.bench_switch import (
    frame,
    switch,
)
from tests.forwarding_bench import (
    Bench,
)

VECTORS = Path(__file__).parent / "vectors"
ROWS = list(csv.DictReader((VECTORS / "kernel_delivery.csv").read_text().splitlines()))
STATIONS = {"vm1": "vf0", "vm2": "vf1", "vm3": "vf2"}
MACS = {"vf0": 0x0200_0000_0001, "vf1": 0x0200_0000_0002, "vf2": 0x0200_0000_0003}
EXTERNAL_MAC = "02:ee:00:00:00:10"


def number(mac):
    return int(mac.replace(":", ""), 16)


def adjacent_bridge(raw):
    """Give (reaches extA, comes back) of a frame that went up to a bridge that knows extA and has a hairpin port."""
    destination = int.from_bytes(raw[:6], "big")
    if destination == number(EXTERNAL_MAC):
        return True, False
    if destination in MACS.values():
        return False, True
    return True, True


def observe(row):
    mode = "vepa" if "vepa" in row["scenario"] else "veb"
    bench = Bench(
        switch(
            *STATIONS.values(),
            mode=mode,
            stations={name: {"macs": (mac,), "spoof_check": False} for name, mac in MACS.items()},
        )
    )
    raw = frame(number(row["dst"]), number(row["src"]))
    found = bench.send(STATIONS.get(row["tx_port"], "uplink"), raw).deliver
    received = {vm for vm, name in STATIONS.items() if name in found}
    if "uplink" in found and mode == "veb":
        received.add("extA")
    elif "uplink" in found:
        reaches_outside, comes_back = adjacent_bridge(found["uplink"])
        received |= {"extA"} if reaches_outside else set()
        if comes_back:
            reflected = bench.send("uplink", found["uplink"]).deliver
            received |= {vm for vm, name in STATIONS.items() if name in reflected}
            found |= reflected
    assert set(found.values()) <= {raw}, "untagged as sent"
    return received


def test_all_observations_are_there():
    assert len(ROWS) == 13


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['scenario']}: {row['case']}" for row in ROWS])
def test_the_same_receivers_as_on_the_kernel(row):
    expected = set() if row["received_by"] == "NONE" else {name[:-3] for name in row["received_by"].split(";")}
    assert row["tag"] == "untagged"
    assert all(name.endswith("[u]") for name in row["received_by"].split(";") if name != "NONE")
    assert observe(row) == expected
