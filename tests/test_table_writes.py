"""What the register writes of a configuration make of a core are that configuration's tables."""

from __future__ import annotations

import random

import numpy as np
import pytest

from cocotb_tests import register_map as at
from cocotb_tests.table_image import TableImage
from cocotb_tests.table_writes import bitmap, table_writes
from hwmodel.kernels import switch_tables as tables_of
from hwmodel.simulation.switch_tables import build_tables
from tests.forwarding_bench import mac, switch
from tests.forwarding_cases import random_switch

N_PORTS = 17


def small_switch(seed):
    """Give a random switch with the first stations only, and what the core has not left out."""
    rng = random.Random(seed)
    config = random_switch(rng)
    while config.mode == "multichannel":
        config = random_switch(rng)
    first = ["pf", *(f"vf{i}" for i in range(N_PORTS - 2))]
    renamed = {port.name: name for port, name in zip(config.ports, first, strict=False)}
    for port in config.ports:
        port.name = renamed[port.name]
        port.vif, port.ecid = port.number, 0xAB000 + port.number

    def stations(names):
        return tuple(renamed[name] for name in names)

    for entry in (*config.addresses, *config.ecid_lists):
        entry.ports = stations(entry.ports)
    config.vif_lists = {number: stations(names) for number, names in config.vif_lists.items()}
    config.acl = config.mirrors = ()
    return config


def lookup(tables):
    return {int(entry.key): bitmap(entry.ports) for entry in tables.lookup.entry if entry.key and bitmap(entry.ports)}


def image_of(tables):
    image = TableImage(N_PORTS)
    for address, value in table_writes(tables, N_PORTS):
        image.write(address, value)
    return image.tables()


@pytest.mark.parametrize("seed", range(8))
def test_writes_make_the_configured_tables(seed):
    config = small_switch(seed)
    tables = build_tables(config)[0]
    image = image_of(tables)
    names = ("enabled", "trusted", "promiscuous", "default_stations", "accepts_broadcast", "accepts_multicast")
    assert [bitmap(image[name]) for name in names] == [bitmap(tables[name]) for name in names]
    assert np.array_equal(image.vlan, tables.vlan)
    own_kinds = {tables_of.VIF, tables_of.ECID}
    expected = lookup(tables)
    found = {
        key: ports
        for key, ports in lookup(image).items()
        if key in expected or (key >> tables_of.KIND_SHIFT) not in own_kinds
    }
    assert found == expected
    for number in range(N_PORTS):
        mine, theirs = image.port[number], tables.port[number]
        for name in mine.dtype.names:
            if name == "longest_bytes" and (number == 0 or not theirs.is_enabled):
                continue
            if name != "channel":
                assert mine[name] == theirs[name], (number, name)


def test_an_entry_waits_for_its_last_word():
    image = TableImage(N_PORTS)
    image.write(at.VLAN_BASE, 7)
    image.write(at.VLAN_BASE + at.VLAN_MEMBERS, 0b11)
    assert bitmap(image.tables().vlan[7].members) == 0
    image.write(at.VLAN_BASE + at.VLAN_UNTAGGED, 0b10)
    assert bitmap(image.tables().vlan[7].members) == 0b11
    assert bitmap(image.tables().vlan[7].untagged) == 0b10


def test_addresses_of_a_configuration_are_written():
    tables = build_tables(switch("pf", "vf0"))[0]
    written = {value for address, value in table_writes(tables, 3) if address >= at.ADDRESS_BASE}
    assert {mac("pf") & 0xFFFF_FFFF, mac("vf0") & 0xFFFF_FFFF} <= written
