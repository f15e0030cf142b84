"""Check shared buses: that a bus has what its kind has and nothing of a link, and that its adapters agree on it."""

from __future__ import annotations

from collections.abc import Sequence

from hwmodel.rules.pci_bus import CLOCKS_MHZ, KIND_NAMES, LONGEST_READS_BYTES, SPLITS

from .adapter import OF_LINKS
from .findings import Findings, Part
from .model import Config
from .shared_buses import buses_of

INSTEAD = {
    "lanes": "a bus has no lanes: its width is pcie.bus.width_bits, 32 or 64",
    "generation": "a bus has no generation: its rate is pcie.bus.clock_mhz, with its kind",
}


def check_bus(config: Config, findings: Findings) -> None:
    """Check an adapter's bus by itself."""
    pcie = config.pcie
    if pcie.bus is None:
        return
    kind = pcie.bus.kind
    for name in OF_LINKS:
        if findings.is_written(f"pcie.{name}"):
            findings.add(INSTEAD.get(name, "a bus has none of it: that is a link's"), f"pcie.{name}", "pcie.bus")
    if pcie.bus.clock_mhz not in CLOCKS_MHZ[kind]:
        *others, last = map(str, CLOCKS_MHZ[kind])
        known = f"{', '.join(others)} or {last}"
        message = f"{KIND_NAMES[kind]} runs at {known} MHz, not at {pcie.bus.clock_mhz}"
        findings.add(message, "pcie.bus.clock_mhz", "pcie.bus.kind")
    if kind == "pci_x":
        _check_pci_x(config, findings)
    elif pcie.arbitration == "arrival":
        findings.add(
            "a read of PCI comes again and again; round_robin, reads_first or writes_first", "pcie.arbitration"
        )
    if config.host.write_drain_bps is not None:
        findings.add("the bridge of a bus takes writes as fast as they come; null", "host.write_drain", "pcie.bus")
    if config.nic.dma is not None:
        findings.add("nic.dma is for an adapter with a link, not on a bus; null", "nic.dma", "pcie.bus")


def _check_pci_x(config: Config, findings: Findings) -> None:
    pcie = config.pcie
    if pcie.max_read_request_bytes not in LONGEST_READS_BYTES:
        findings.add(
            f"reads of PCI-X are of at most 512, 1024, 2048 or 4096 B, not {pcie.max_read_request_bytes}",
            "pcie.max_read_request", "pcie.bus.kind",
        )  # fmt: skip
    if pcie.tags not in SPLITS:
        findings.add(f"{pcie.tags} splits; PCI-X allows {', '.join(map(str, SPLITS))}", "pcie.tags", "pcie.bus.kind")


def check_buses(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check what the adapters of each bus have in common, and that nothing of it changes in mid-run."""
    buses = buses_of(part.server for part in parts)
    for one in buses:
        first = parts[one.members[0]].server
        for part in (parts[at] for at in one.members[1:]):
            own = part.server.config.pcie.bus
            assert own is not None
            for name, field in type(own).model_fields.items():
                mine, other = getattr(own, name), getattr(one.settings, name)
                if mine != other:
                    key = f"pcie.bus.{field.alias or name}"
                    part.findings.add(
                        f"{first.name} and {part.server.name} are on one bus; {first.name} has {other}, "
                        f"{part.server.name} {mine}", key,
                    )  # fmt: skip
    if buses and config.scenario:
        findings.add("nothing changes in mid-run where adapters are on a bus (pcie.bus)", "scenario")
