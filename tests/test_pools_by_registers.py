"""Pools of frames from the wire, as a second implementation of the registers finds them."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import numpy as np

from hwmodel.config import config_from_mapping
from hwmodel.forwarding.decide import DECISION
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.frame_batch import ALL_DECIDED, ARRIVAL, decide_batch
from hwmodel.forwarding.parse import HEADER
from hwmodel.simulation.fill.switch_tables import build_buckets, build_tables, numbers_in, port_numbers
from tests.oracles.pool_registers import Registers

VECTORS = Path(__file__).parent / "vectors" / "tagged_frames.csv"
POOLS = ["pf", "vf0", "vf1", "vf2", "vf3"]
MACS = [f"02:00:00:00:00:{number:02x}" for number in range(1, 13)]
# Those of a pair have the same 12 bits for some hash_offset.
GROUPS = ["01:00:5e:00:00:01", "01:00:5e:7f:10:01", "33:33:00:00:00:01", "33:33:00:00:10:01", "01:00:5e:01:02:03"]
VLANS = [1, 2, 3, 300]
TYPES = [0x0800, 0x86DD, 0x88F7, 0x88CC, 0x1234, 0x8808]
N_SWITCHES, N_FRAMES = 60, 150


def octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def drawn_switch(chance: random.Random) -> dict[str, Any]:
    """Draw the configuration of an adapter with pools."""
    some = lambda choices, most: chance.sample(choices, chance.randint(0, most))  # noqa: E731
    own = list(MACS)
    chance.shuffle(own)
    words = ["broadcast", "multicast", "untagged", "multicast_hash", "unicast_hash"]
    ports = [
        {
            "name": name, "macs": [own.pop() for _ in range(chance.randint(1, 2))], "vlans": some(VLANS, 3) or [1],
            "accept": some(words, 5), "groups": some(GROUPS, 2), "promiscuous": chance.random() < 0.1,
            "enabled": chance.random() < 0.9, "max_frame": "9728B",
        }
        for name in POOLS
    ]  # fmt: skip
    filters = {
        "default_pool": chance.choice([None, *POOLS]), "replication": chance.random() < 0.75,
        "multicast_hash": some(GROUPS, 3), "unicast_hash": some(MACS, 4), "hash_offset": chance.randrange(4),
    }  # fmt: skip
    types = [{"ethertype": each, "pool": chance.choice(POOLS)} for each in some(TYPES[2:5], 2)]
    return {
        "workload": {"pattern": "none", "external": {"rate": "1Gbps"}},
        "nic": {"preset": "82599", "mode": "vmdq", "vfs": 4, "steering": {"ethertype_filters": types}},
        "switch": {
            "pool_filters": filters,
            "ports": ports,
            "uplink": {"vlans": "all" if chance.random() < 0.7 else chance.sample(VLANS, 3)},
        },
    }


def registers_of(block: dict[str, Any]) -> Registers:
    """Write what a configuration says into registers, as a driver would."""
    switch, filters = block["switch"], block["switch"]["pool_filters"]
    found = Registers(POOLS, mo=filters["hash_offset"], def_pl=filters["default_pool"], rpl_en=filters["replication"])
    for port in switch["ports"]:
        name = port["name"]
        for mac in (*port["macs"], *port["groups"]):
            found.mpsar.setdefault(octets(mac), set()).add(name)
        for vlan in port["vlans"]:
            found.vlvf.setdefault(vlan, set()).add(name)
        for word, pools in (
            ("broadcast", found.bam), ("multicast", found.mpe), ("untagged", found.aupe),
            ("multicast_hash", found.rompe), ("unicast_hash", found.rope),
        ):  # fmt: skip
            if word in port["accept"]:
                pools.add(name)
        if port["promiscuous"]:
            found.promiscuous.add(name)
        if port["enabled"]:
            found.vfre.add(name)
    for mac in filters["multicast_hash"]:
        found.write_table(found.mta, octets(mac))
    for mac in filters["unicast_hash"]:
        found.write_table(found.uta, octets(mac))
    if switch["uplink"]["vlans"] != "all":
        found.vfta = set(switch["uplink"]["vlans"])
    found.etqf = {one["ethertype"]: one["pool"] for one in block["nic"]["steering"]["ethertype_filters"]}
    return found


def drawn_frame(chance: random.Random) -> bytes:
    to = chance.choice([*MACS, *GROUPS, "ff:ff:ff:ff:ff:ff", f"02:00:00:00:{chance.randrange(256):02x}:01"])
    tag = b""
    if chance.random() < 0.6:
        tci = chance.choice([0, *VLANS, 4094]) | chance.randrange(8) << 13
        tag = b"\x81\x00" + tci.to_bytes(2, "big")
    kind = chance.choice(TYPES).to_bytes(2, "big")
    return (octets(to) + bytes.fromhex("02ff00000001") + tag + kind).ljust(60, b"\0")


def decided(block: dict[str, Any], frames: list[bytes]) -> tuple[list[set[str]], list[str]]:
    """Return the pools that the model gives to frames from the wire, and why others drop."""
    config = config_from_mapping(block)
    switch, steering = config.switch, config.nic.steering
    tables = build_tables(switch, () if steering is None else steering.ethertype_filters)
    arrivals = np.zeros(len(frames), ARRIVAL).view(np.recarray)
    lengths = np.array([len(raw) for raw in frames])
    arrivals["first_byte"], arrivals["captured_bytes"] = np.cumsum(lengths) - lengths, lengths
    arrivals["original_bytes"] = lengths
    headers, decisions = (np.zeros(len(frames), kind).view(np.recarray) for kind in (HEADER, DECISION))
    data, none = np.frombuffer(b"".join(frames), np.uint8), np.zeros(0, np.int64)
    assert decide_batch(tables, build_buckets(switch), none, arrivals, data, headers, decisions) == ALL_DECIDED
    names = {number: name for name, number in port_numbers(switch).items()}
    pools = [{names[port] for port in numbers_in(words)} for words in decisions["egress"]["word"].tolist()]
    return pools, [DropReason(reason).name for reason in decisions["reason"].tolist()]


def test_drawn_frames_go_to_the_pools_of_the_registers():
    chance = random.Random(82599)
    seen, n_several, n_default = set(), 0, 0
    for _ in range(N_SWITCHES):
        block = drawn_switch(chance)
        frames = [drawn_frame(chance) for _ in range(N_FRAMES)]
        registers = registers_of(block)
        wanted = [registers.pools_of(raw) for raw in frames]
        found, reasons = decided(block, frames)
        assert found == wanted
        seen |= set(reasons)
        n_several += sum(len(pools) > 1 for pools in wanted)
        n_default += sum(pools == {registers.def_pl} for pools in wanted)
    assert seen == {"NONE", "UNKNOWN_UNICAST", "NO_DESTINATION", "VLAN_MEMBER", "CONTROL_FRAME"}
    assert n_several > 500 and n_default > 500  # of 9,000


def test_the_published_frames_go_to_the_pools_of_the_registers():
    """Those with outer tags, too: to an adapter with pools these are types like any other."""
    with VECTORS.open() as file:
        frames = [bytes.fromhex(row["frame_hex"]) for row in csv.DictReader(file) if row["expect"] == ""]
    assert len(frames) >= 35
    chance = random.Random(38)
    for _ in range(20):
        block = drawn_switch(chance)
        assert decided(block, frames)[0] == [registers_of(block).pools_of(raw) for raw in frames]


def test_a_pool_that_takes_untagged_frames_alone():
    block = drawn_switch(random.Random(1))
    block["switch"]["pool_filters"] |= {"default_pool": None, "replication": True}
    for port in block["switch"]["ports"]:
        port |= {"accept": [], "groups": [], "promiscuous": False, "enabled": True, "vlans": [2]}
    block["switch"]["ports"][1]["accept"] = ["untagged"]
    own = octets(block["switch"]["ports"][1]["macs"][0])
    untagged = (own + bytes(6) + b"\x08\x00").ljust(60, b"\0")
    frames = [untagged, (own + bytes(6) + b"\x81\x00\x00\x02\x08\x00").ljust(60, b"\0"),
              (own + bytes(6) + b"\x81\x00\x00\x03\x08\x00").ljust(60, b"\0")]  # fmt: skip
    assert decided(block, frames)[0] == [{"vf0"}, {"vf0"}, set()]


def test_groups_that_share_their_bits_come_too():
    """An imperfect filter: of two groups with the same twelve bits one that is in the table lets the other in."""
    block = drawn_switch(random.Random(2))
    block["switch"]["pool_filters"] = {"multicast_hash": ["01:00:5e:00:00:01"]}
    block["nic"]["steering"]["ethertype_filters"] = []
    for port in block["switch"]["ports"]:
        port |= {"accept": ["untagged", "multicast_hash"], "groups": [], "promiscuous": False, "enabled": True}
    groups = ("01:00:5e:00:00:01", "01:00:5e:7f:00:01", "01:00:5e:00:20:01", "01:00:5e:00:00:02")
    frames = [(octets(group) + bytes(6) + b"\x08\x00").ljust(60, b"\0") for group in groups]
    assert decided(block, frames)[0] == [set(POOLS), set(POOLS), set(), set()]
