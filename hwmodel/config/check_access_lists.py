"""Check access lists and guards: that some frame can match each entry, and that guarded stations have addresses."""

from __future__ import annotations

from collections.abc import Mapping

from hwmodel.rules.packets import ICMPV6, TYPE_ARP, TYPE_IPV4, TYPE_IPV6, WITH_ICMP_TYPES, WITH_PORTS, WITH_TARGET

from .bridge import OUTSIDE
from .document import KeyPath
from .findings import Findings
from .guards import NEED_ADDRESSES
from .model import Config
from .packet_kinds import OWN
from .switch import AclEntry, Port

NAME_OF_TYPE = {TYPE_ARP: "of ARP", TYPE_IPV4: "of IPv4", TYPE_IPV6: "of IPv6"}


def check_access_lists(config: Config, findings: Findings) -> None:
    """Check the entries of `switch.acl`, and the stations' guards."""
    stations = {port.name: port for port in config.switch.ports}
    for index, entry in enumerate(config.switch.acl):
        check_entry(entry, ("switch", "acl", index), findings, stations)
    _check_guards(config, findings)


def check_entry(entry: AclEntry, path: KeyPath, findings: Findings, stations: Mapping[str, Port]) -> None:
    """Check an entry of an access list or a policy; `stations`: those that its `port` may name."""
    check_rule(entry, path, findings)
    _check_packet_keys(entry, path, findings)
    asked = [stations[entry.port]] if entry.port in stations else list(stations.values()) * (entry.port == "all")
    owned = [name for name in entry.asked_packets if getattr(entry, name) == OWN and name != "arp_sender_mac"]
    if owned and (asked or entry.port == OUTSIDE) and not any(port.ips for port in asked):
        who = "no station has any" if entry.port == "all" else f"{entry.port} has none"
        how = f" (switch.ports: [{{name: {asked[0].name}, ips: [...]}}])" if asked else ""
        findings.add(f"own is one of the sender's ips, and {who}{how}", (*path, owned[0]), path)


def _check_packet_keys(entry: AclEntry, path: KeyPath, findings: Findings) -> None:
    """Check that some frame can match all of an entry's keys for what follows the EtherType."""
    asked = entry.asked_packets
    for names, protocols, words in (
        (("source_port", "destination_port"), WITH_PORTS, "tcp, udp or sctp"),
        (("icmp_type",), WITH_ICMP_TYPES, "icmp or icmpv6"),
        (("nd_target",), (ICMPV6,), "icmpv6"),
    ):
        for name in (name for name in names if name in asked and entry.protocol not in protocols):
            findings.add(f"it needs protocol: {words}", (*path, name), (*path, "protocol"), path)
            return
    if entry.nd_target is not None and entry.icmp_type is not None:
        least, most = entry.icmp_type
        if not any(least <= number <= most for number in WITH_TARGET):
            findings.add("it is of icmp_type 135 and 136", (*path, "nd_target"), (*path, "icmp_type"))
    if asked and not entry.packet_types:
        keys = asked if entry.ethertype is None else ("ethertype", *asked)
        findings.add(
            f"{' and '.join(keys)} are never in one frame: {_why_apart(entry)}",
            *((*path, name) for name in keys),
        )


def _why_apart(entry: AclEntry) -> str:
    """Say which packet type each key of an entry needs, to explain why no frame matches them all."""
    wanted: dict[str, str] = {}
    if entry.ethertype is not None:
        wanted["ethertype"] = f"0x{entry.ethertype:04x}"
    for name in entry.asked_packets:
        alone = AclEntry.model_construct(**{name: getattr(entry, name)})
        wanted[name] = " or ".join(NAME_OF_TYPE[one] for one in NAME_OF_TYPE if one in alone.packet_types)
    return ", ".join(f"{name} is {text}" for name, text in wanted.items())


def _check_guards(config: Config, findings: Findings) -> None:
    for port in config.switch.ports:
        needing = [word for word in port.guards if word in NEED_ADDRESSES]
        if needing and not port.ips:
            findings.add(
                f"{needing[0]} lets {port.name} send from its own addresses alone, and it has none (write ips: "
                "[10.0.0.2], or leave ips out)",
                findings.station(port.name, "guards"),
                findings.station(port.name, "ips"),
            )
        if needing and not port.macs and "arp" in needing:
            findings.add(
                f"arp is about the station's own addresses, and {port.name} has no macs",
                findings.station(port.name, "guards"),
                findings.station(port.name, "macs"),
            )


def check_rule(entry: AclEntry, path: KeyPath, findings: Findings) -> None:
    """Check that an entry of an access-control list has what its action needs, and nothing else."""
    needed = {"priority": ("priority",), "police": ("rate", "burst")}.get(entry.action, ())
    for key in ("priority", "rate", "burst"):
        value = entry.value_of(key)
        if key in needed and value is None:
            findings.add(f"action: {entry.action} needs {key}", (*path, "action"), (*path, key))
        if key not in needed and value is not None:
            action = "priority" if key == "priority" else "police"
            findings.add(f"{key} is for action: {action}, but action is {entry.action}", (*path, key), path)
