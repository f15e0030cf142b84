"""Check what stands between adapters and hosts: PCIe trees, multi-root switches, shared buses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise, takewhile
from operator import ne

from hwmodel.rules.capacities import MOST_ON_BUS
from hwmodel.rules.pci_bus import CLOCKS_MHZ, KIND_NAMES, LONGEST_READS_BYTES, SPLITS
from hwmodel.rules.pcie_link import CREDIT_DATA_BYTES, most_tags
from hwmodel.units import FS_PER_NS, format_bytes, format_time_fs

from .adapter import OF_LINKS, PciBus, Pcie
from .check_adapter import shortest_tlp_fs
from .document import KeyPath
from .findings import Findings, Part
from .kinds import suggest
from .model import Config
from .pcie_switches import buses_of
from .pcie_tree import (
    DEDICATED,
    MULTI_ROOT,
    ROOT,
    HostPort,
    MultiRoot,
    PcieTree,
    SwitchCredits,
    TreeSwitch,
    way_to_root,
)  # fmt: skip
from .scenario import leaves

MOST_SWITCHES = 32  # in all servers' trees together; a run has room for no more
MOST_TLPS_BELOW = 2048  # under way at once, each way, on a link with a PCIe switch at its lower end
# Keys that all adapters behind one root port share: sizes that the host sets, and what the root port itself grants.
_ALIKE = ("max_payload", "dllp_model", "credits.ph", "credits.pd", "credits.nph", "credits.return")
# Keys that all hosts of a shared adapter agree on: those of its link to the switch.
ALIKE_OF_HOSTS = ("generation", "lanes", "propagation", "max_payload", "dllp_model")
_OF_FLIGHT = ("propagation", "lanes", "generation")
INSTEAD = {  # what a bus has in place of these keys
    "lanes": "a bus has no lanes: its width is pcie.bus.width_bits, 32 or 64",
    "generation": "a bus has no generation: its rate is pcie.bus.clock_mhz, with its kind",
}


def check_trees(config: Config, findings: Findings, parts: Sequence[Part]) -> None:
    """Check the trees of all servers."""
    n_switches = 0
    for index, entry in enumerate(config.servers):
        if entry.tree is None:
            continue
        path: KeyPath = ("servers", index, "tree")
        n_switches += len(entry.tree.switches)
        own = {part.server.name.rpartition(".")[2]: part for part in parts if part.server.host == entry.name}
        if not entry.adapters:
            findings.add(
                "a tree is for a server that lists its adapters: adapters: [{name: x}, {name: y}]", path,
                besides=[("servers", index, "adapters")],
            )  # fmt: skip
            continue
        n_known = len(findings.problems)
        _check_slots(entry.tree, path, list(own), findings)
        _check_switches(entry.tree, path, findings)
        if len(findings.problems) == n_known:
            _check_links(entry.tree, path, own, findings)
    if n_switches > MOST_SWITCHES:
        findings.add(f"{n_switches} PCIe switches are more than the {MOST_SWITCHES} that a run has room for", "servers")


def _check_slots(tree: PcieTree, path: KeyPath, adapters: Sequence[str], findings: Findings) -> None:
    for name in adapters:
        if name not in tree.slots:
            hint = suggest(name, [each for each in tree.slots if each not in adapters])
            example = f" (slots: {{{name}: {{behind: {tree.switches[0].name if tree.switches else ROOT}}}}})"
            findings.add(f"adapter {name} is in no slot of the tree{hint or example}", (*path, "slots"), path)
    for name in tree.slots:
        if name not in adapters:
            known = suggest(name, adapters) or f"; it has {', '.join(adapters)}"
            findings.add(f"the server has no adapter {name}{known}", (*path, "slots", name))


def _check_switches(tree: PcieTree, path: KeyPath, findings: Findings) -> None:
    """Report switches listed twice, unknown names in `behind`, loops, and switches with nothing behind them."""
    seen: dict[str, TreeSwitch] = {}
    for at, one in enumerate(tree.switches):
        before = seen.setdefault(one.name, one)
        if before is not one:
            two = f"behind {before.behind} and behind {one.behind}"
            findings.add(
                f"PCIe switch {one.name} stands here twice, {two}: a switch has one upper port, and a tree one root",
                (*path, "switches", at, "name"),
            )
    behinds = [((*path, "switches", at, "behind"), one.behind) for at, one in enumerate(tree.switches)]
    behinds += [((*path, "slots", name, "behind"), slot.behind) for name, slot in tree.slots.items()]
    for key, behind in behinds:
        if behind != ROOT and behind not in seen:
            known = [ROOT, *seen]
            hint = suggest(behind, known) or f"; write {'one of ' * bool(seen)}{', '.join(known)}"
            findings.add(f"there is no PCIe switch {behind}{hint}", key)
    _check_loops(tree, path, findings)
    for at, one in enumerate(tree.switches):
        if seen[one.name] is one and all(behind != one.name for _, behind in behinds):
            message = f"nothing is behind PCIe switch {one.name}"
            findings.add(message, (*path, "switches", at), besides=[(*path, "slots")])


def _check_loops(tree: PcieTree, path: KeyPath, findings: Findings) -> None:
    """Report each loop once, at the first of its switches."""
    done: set[str] = set()
    for at, one in enumerate(tree.switches):
        way = [one.name, *takewhile(partial(ne, one.name), way_to_root(one.behind, tree.above))]
        if tree.above[way[-1]] == one.name and not done & set(way):
            loop = [*way, one.name]
            text = ", ".join(f"{lower} is behind {upper}" for lower, upper in pairwise(loop))
            text = f"{one.name} is behind itself" if len(loop) == 2 else text
            findings.add(f"{text}: a loop, from which nothing comes to a root port", (*path, "switches", at, "behind"))
            done |= set(way)


def _check_links(tree: PcieTree, path: KeyPath, own: dict[str, Part], findings: Findings) -> None:
    """Check adapters behind switches: settings that those of one root port must share, and credits that hold a TLP."""
    of_root: dict[str, tuple[str, Part]] = {}
    for name, part in own.items():
        over, pcie = tree.switches_over(name), part.server.config.pcie
        if name not in tree.slots:  # reported by `_check_slots`
            continue
        _check_tags(part, tree.slots[name].generation, "slot", (*path, "slots", name, "generation"))
        if not over:
            continue
        if pcie.bus is not None:
            part.findings.add(f"{name} is behind a PCIe switch of the tree, so on no bus", "pcie.bus", path)
            continue
        if part.server.config.has_virtual_switch:
            part.findings.add("VMs on a virtual switch in memory use no PCIe link, so no tree", "nic.mode", path)
        if pcie.switch_hops:
            part.findings.add(f"{name} is behind the switches of the tree, and has no other ones", "pcie.switch_hops")
        first_name, first = of_root.setdefault(over[-1].name, (name, part))
        for key, other, mine in _unlike(first, part, _ALIKE):
            part.findings.add(
                f"{first_name} and {name} are behind one root port, with one {key.removeprefix('credits.')} for both; "
                f"{first_name} has {other}, {name} {mine}",
                f"pcie.{key}",
                besides=[path],
            )
    for at, one in enumerate(tree.switches):
        _check_credits(one, (*path, "switches", at, "credits"), tree, own, findings)
        below = [part.server.config.pcie for name, part in own.items() if one in tree.switches_over(name)]
        if below:
            _check_flight(below[0], one, findings, *((*path, "switches", at, key) for key in _OF_FLIGHT))


def _check_credits(one: TreeSwitch, path: KeyPath, tree: PcieTree, own: dict[str, Part], findings: Findings) -> None:
    """Report a switch with too few data credits for the longest TLP of some adapter below it."""
    for name, part in own.items():
        max_payload_bytes = part.server.config.pcie.max_payload_bytes
        short = " and ".join(short_credits(one.credits, max_payload_bytes))
        if short and one in tree.switches_over(name):
            findings.add(
                f"{short}: too few for a TLP of {format_bytes(max_payload_bytes)} of {name}, 16 B each", path,
                besides=["pcie.max_payload"],
            )  # fmt: skip
            return


def _check_flight(pcie: Pcie, port: TreeSwitch | HostPort, findings: Findings, *keys: KeyPath) -> None:
    """Report a flight time in which a switch's upper link can carry more TLPs than a run has room for.

    `pcie`: that of an adapter below, which has the link's other settings.
    """
    if pcie.bus is not None:  # reported already
        return
    lanes = {"generation": port.generation or pcie.generation, "lanes": port.lanes or pcie.lanes}
    least_fs = shortest_tlp_fs(pcie.model_copy(update=lanes))
    if port.propagation_fs > MOST_TLPS_BELOW * least_fs:
        findings.add(
            f"{format_time_fs(port.propagation_fs)} each way holds up to {port.propagation_fs // least_fs + 1} TLPs of "
            f"this link; a run has room for {MOST_TLPS_BELOW}, so for at most "
            f"{MOST_TLPS_BELOW * least_fs // FS_PER_NS}ns", *keys,
        )  # fmt: skip


def short_credits(credits: SwitchCredits, max_payload_bytes: int) -> Iterator[str]:
    """Yield, as name and number, those data credits of a switch's port that are too few for the longest TLP."""
    for name in ("pd", "cpld"):
        granted = getattr(credits, name)
        if granted * CREDIT_DATA_BYTES < max_payload_bytes:
            yield f"{name} {granted}"


def _check_tags(part: Part, newest: int | None, what: str, path: KeyPath) -> None:
    """Check an adapter's tags against its link, whose generation may be older than the adapter's."""
    pcie = part.server.config.pcie
    generation = min(pcie.generation, newest or pcie.generation)
    if pcie.tags > most_tags(generation):
        part.findings.add(
            f"{pcie.tags} reads under way are more than the {most_tags(generation)} of a {what} of generation "
            f"{generation}", "pcie.tags", path,
        )  # fmt: skip


def _unlike(first: Part, part: Part, keys: Sequence[str]) -> Iterator[tuple[str, object, object]]:
    """Yield those of `keys` in which the `pcie` of two parts differ, with the first part's value and the other's."""
    theirs, ours = (dict(leaves(each.server.config.resolved()["pcie"])) for each in (first, part))
    yield from ((key, theirs.get(key), ours.get(key)) for key in keys if theirs.get(key) != ours.get(key))


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
        keys = ((MULTI_ROOT, "hosts", part.server.name, key) for key in _OF_FLIGHT)
        _check_flight(part.server.config.pcie, own.port_of(part.server.name), findings, *keys)
    link = parts[0].server.config.pcie
    shared = HostPort.model_construct(generation=None, lanes=None, propagation_fs=link.propagation_fs)
    _check_flight(link, shared, parts[0].findings, *(("pcie", key) for key in _OF_FLIGHT))


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
    _check_tags(part, own.port_of(name).generation, "link", (MULTI_ROOT, "hosts", name, "generation"))
    for key, other, mine in _unlike(first, part, ALIKE_OF_HOSTS if first.server.config.pcie.bus is None else ()):
        part.findings.add(
            f"{first.server.name} and {name} have one adapter, whose link has one {key}; {first.server.name} has "
            f"{other}, {name} {mine}", f"pcie.{key}", besides=[MULTI_ROOT],
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
    """Check that the adapters of each bus agree on its settings, and that a system with a bus has no scenario."""
    buses = buses_of(part.server for part in parts)
    for one in buses:
        first, *others = (parts[at] for at in one.members)
        name = first.server.name
        if len(one.members) > MOST_ON_BUS:
            findings.add(
                f"{len(one.members)} adapters on the bus of {one.host}; a bus has numbers for {MOST_ON_BUS} devices",
                "servers", "pcie.bus",
            )  # fmt: skip
        for part in others:
            for key, other, mine in _unlike(first, part, [f"bus.{key}" for key in PciBus.model_fields]):
                part.findings.add(
                    f"{name} and {part.server.name} are on one bus; {name} has {other}, {part.server.name} {mine}",
                    f"pcie.{key}",
                )
    if buses and config.scenario:
        findings.add("nothing changes in mid-run where adapters are on a bus (pcie.bus)", "scenario")
