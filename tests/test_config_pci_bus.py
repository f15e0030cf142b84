"""`pcie.bus`: what follows from it, what stands in its place, and what is wrong, each in one line."""

from __future__ import annotations

from typing import Any

import pytest

from hwmodel.config import buses_of, config_from_mapping, servers_of
from hwmodel.config.adapter import OF_LINKS, Pcie
from hwmodel.config.check_pcie import INSTEAD
from hwmodel.errors import InputError

BUS: dict[str, Any] = {"nic": {"strict": False}, "pcie": {"bus": {"kind": "pci_x", "clock_mhz": 133}}}
PCI: dict[str, Any] = {"nic": {"strict": False}, "pcie": {"bus": {"kind": "pci"}}}
TWO = [{"name": "a", "adapters": [{"name": "x"}, {"name": "y"}]}]


def problems(data: dict[str, Any], changes: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as caught:
        config_from_mapping(data, changes)
    return str(caught.value).splitlines()


def test_keys_of_a_link_have_no_place_on_a_bus() -> None:
    config = config_from_mapping(BUS)
    said = config.resolved()["pcie"]
    assert not {"generation", "lanes", "dllp_model", "credits", "ecrc"} & set(said)
    assert config_from_mapping(config.resolved()) == config
    assert "bus" not in config_from_mapping({}).resolved()["pcie"]


@pytest.mark.parametrize(("data", "tags"), [(PCI, 1), (BUS, 8)])
def test_what_follows_from_a_bus(data: dict[str, Any], tags: int) -> None:
    pcie = config_from_mapping(data).pcie
    assert (pcie.tags, pcie.max_payload_bytes, pcie.max_read_request_bytes) == (tags, 4096, 512)


@pytest.mark.parametrize(
    ("data", "changes", "words"),
    [
        (BUS, {"pcie.lanes": 4}, "pcie.lanes: a bus has no lanes: its width is pcie.bus.width_bits, 32 or 64"),
        (BUS, {"nic.strict": False,
               "pcie.generation": 3}, "pcie.generation: a bus has no generation: its rate is pcie.bus.clock_mhz"),
        (BUS, {"pcie.credits.ph": 4}, "pcie.credits: a bus has none of it"),
        (BUS, {"pcie.bus.clock_mhz": 33}, "pcie.bus.clock_mhz: PCI-X runs at 66, 100 or 133 MHz, not at 33"),
        (PCI, {"nic.strict": False,
               "pcie.bus.clock_mhz": 133}, "pcie.bus.clock_mhz: PCI runs at 33 or 66 MHz, not at 133"),
        (BUS, {"pcie.bus.width_bits": 16}, "pcie.bus.width_bits"),
        (BUS, {"pcie.bus.lanes": 4}, "pcie.bus.lanes: unknown key"),
        (BUS, {"pcie.max_read_request": "256B"}, "pcie.max_read_request: reads of PCI-X are of at most 512, 1024"),
        (BUS, {"pcie.tags": 5}, "pcie.tags: 5 splits; PCI-X allows 1, 2, 3, 4, 8, 12, 16, 32"),
        (PCI, {"pcie.arbitration": "arrival"}, "pcie.arbitration: a read of PCI comes again and again"),
        (BUS, {"host.write_drain": "1Gbps"}, "host.write_drain: the bridge of a bus takes writes as fast"),
        (BUS, {"nic.dma": {}}, "nic.dma: nic.dma is for an adapter with a link"),
        (BUS, {"scenario": [{"at": "1ms", "set": {"port.rate": "1Gbps"}}]}, "scenario: nothing changes in mid-run"),
        (
            BUS,
            {"nic": {"strict": False},
             "servers": [{"name": "a", "adapters": [{"name": "x"}, {"name": "y", "set": {"pcie.bus.clock_mhz": 66}}]}]},
            "a.x and a.y are on one bus; a.x has 133, a.y 66",
        ),
        (
            BUS,
            {"servers": [{**TWO[0], "tree": {"switches": [{"name": "s"}],
                                             "slots": {"x": {"behind": "s"}, "y": {}}}}]},
            "x is behind a PCIe switch of the tree, so on no bus",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(data: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    found = problems(data, changes)
    assert len(found) == 1, found
    assert words in found[0]


def test_adapters_of_one_host_share_its_bus() -> None:
    adapters = [{"name": "x"}, {"name": "y"}, {"name": "z", "set": {"pcie.bus": None}}]
    config = config_from_mapping(BUS, {"servers": [{"name": "a", "adapters": adapters}, {"name": "b"}]})
    assert [(one.name, one.members) for one in buses_of(servers_of(config))] == [("a.bus", (0, 1)), ("b.bus", (3,))]
    assert [one.name for one in buses_of(servers_of(config_from_mapping(BUS)))] == ["bus"]


def test_keys_of_links_are_known_ones() -> None:
    known = {field.alias or name for name, field in Pcie.model_fields.items()}
    assert set(OF_LINKS) <= known
    assert set(INSTEAD) <= set(OF_LINKS)
