"""Check `multi_root`: the hosts and who controls them, what the hosts' parts of the adapter have in common."""

from __future__ import annotations

from collections.abc import Sequence

from hwmodel.rules.pcie_link import most_tags
from hwmodel.units import format_bytes

from .check_pcie_tree import short_credits
from .findings import Findings, Part
from .kinds import suggest
from .model import Config
from .multi_root import DEDICATED, MULTI_ROOT, MultiRoot

# What the hosts' parts of one adapter have in common: its link to the switch.
ALIKE = ("generation", "lanes", "propagation", "max_payload", "dllp_model")


def check_multi_root(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check the multi-root switch, where there is one."""
    own = config.multi_root
    if own is None:
        return
    hosts = [entry.name for entry in config.servers]
    if not hosts:
        findings.add("a multi-root switch has hosts, which are servers: servers: [{name: a}, {name: b}]", MULTI_ROOT)
        return
    for at, entry in enumerate(config.servers):
        for name in ("adapters", "tree"):
            if getattr(entry, name):
                findings.add(
                    f"host {entry.name} shares the one adapter of {MULTI_ROOT}, and has no {name} of its own",
                    ("servers", at, name), MULTI_ROOT,
                )  # fmt: skip
    if config.bridges:
        findings.add("the hosts' parts of the adapter are at its one inner switch, bridge: {...}", "bridges")
    _check_hosts(own, hosts, findings)
    for part in parts:
        _check_part(own, part, parts[0], findings)


def _check_part(own: MultiRoot, part: Part, first: Part, findings: Findings) -> None:
    """Check what a host's own configuration says of the adapter and of its link."""
    name, pcie = part.server.name, part.server.config.pcie
    if pcie.switch_hops:
        part.findings.add("hosts are behind the multi-root switch, and behind no other", "pcie.switch_hops")
    if pcie.bus is not None:
        part.findings.add("a multi-root switch has links, and a bus has none", "pcie.bus", MULTI_ROOT)
        return
    if part.server.config.has_virtual_switch:
        part.findings.add("VMs on a virtual switch in memory share no adapter", "nic.mode", MULTI_ROOT)
    generation = min(pcie.generation, own.port_of(name).generation or pcie.generation)
    if pcie.tags > most_tags(generation):
        part.findings.add(
            f"{pcie.tags} reads under way are more than the {most_tags(generation)} of a link of generation "
            f"{generation}", "pcie.tags", (MULTI_ROOT, "hosts", name, "generation"),
        )  # fmt: skip
    mine, other = (each.server.config.resolved()["pcie"] for each in (part, first))
    for key in ALIKE:
        if mine[key] != other[key]:
            part.findings.add(
                f"{first.server.name} and {name} have one adapter, whose link has one {key}; {first.server.name} has "
                f"{other[key]}, {name} {mine[key]}", f"pcie.{key}", besides=[MULTI_ROOT],
            )  # fmt: skip
    short = " and ".join(short_credits(own.credits, pcie.max_payload_bytes))
    if short and part is first:
        findings.add(f"{short}: too few for a TLP of {format_bytes(pcie.max_payload_bytes)}, 16 B each",
                     (MULTI_ROOT, "credits"), besides=["pcie.max_payload"])  # fmt: skip


def _check_hosts(own: MultiRoot, hosts: Sequence[str], findings: Findings) -> None:
    if len(hosts) > own.ports:
        findings.add(f"{len(hosts)} hosts ({', '.join(hosts)}) are more than the switch's {own.ports} ports",
                     (MULTI_ROOT, "ports"), "servers")  # fmt: skip
    for name in own.hosts:
        if name not in hosts:
            hint = suggest(name, hosts) or f"; there are {', '.join(hosts)}"
            findings.add(f"there is no host {name}{hint}", (MULTI_ROOT, "hosts", name))
    if own.control not in (DEDICATED, *hosts):
        hint = suggest(own.control, [DEDICATED, *hosts]) or f"; write {DEDICATED} or one of {', '.join(hosts)}"
        findings.add(f"the controlling host {own.control} is none of the hosts{hint}", (MULTI_ROOT, "control"))
