"""What the PF's driver knows of each VF, where it starts from, and which keys of a configuration that makes.

After Linux drivers/net/ethernet/intel/ixgbe/ixgbe.h (vf_data_storage) and ixgbe_sriov.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hwmodel.config import Config
from hwmodel.config.resolve import default_mac
from hwmodel.config.switch import Port
from hwmodel.functions.mailbox import Words, group_hash
from hwmodel.rules.function_names import PF, is_pf
from hwmodel.rules.mailbox_messages import API_NUMBERS, TABLES, XCAST_MODES
from hwmodel.rules.steering import VERIFICATION_KEY
from hwmodel.units import format_rate_bps
from hwmodel.wire.ethernet import format_mac

NONE, MULTI, ALLMULTI, PROMISC = range(len(XCAST_MODES))
RETA_ENTRIES = 128
UNTAGGED = 0  # the VLAN that stands for frames without a tag
LAST_VLAN = 4094  # of those that a switch can carry
DEFAULT_VLAN = 1


@dataclass(frozen=True, slots=True)
class Adapter:
    """Hold what all VFs of a PF share.

    `pf`: its station; `vf_names`: those of its VFs, in order, where they are not simply numbered.
    `addresses`: receive-address entries; `kept_for_pf`: how many of them VFs' further addresses may not take; `vlans`:
    entries of the pool VLAN filter. `pf_addresses`: entries that the PF has in use. `pf_max_frame_bytes` with FCS.
    `classes`: traffic classes in use, 0 if there are none; `default_class`: that of frames without a priority.
    `known_groups`: all group addresses that are named anywhere; a VF's hashes let some of them through. `native_vlan`:
    VLAN of frames without a tag, unless a VF has its own.
    """

    device: str = "82599"
    addresses: int = TABLES["82599"].addresses
    kept_for_pf: int = TABLES["82599"].kept_for_pf
    vlans: int = TABLES["82599"].vlans
    pf_addresses: int = 1
    pf_max_frame_bytes: int = 1518
    pf_promiscuous: bool = False
    port_rate_bps: int = 10 * 10**9
    queues_per_vf: int = 1
    classes: int = 0
    default_class: int = 0
    native_vlan: int = DEFAULT_VLAN
    rss_key: bytes = VERIFICATION_KEY
    known_groups: tuple[int, ...] = ()
    pf: str = PF
    vf_names: tuple[str, ...] = ()

    def name_of(self, vf: int) -> str:
        """Return the station of a VF by its place among those of the PF."""
        return self.vf_names[vf] if vf < len(self.vf_names) else f"vf{vf}"

    def place_of(self, vf: str) -> int:
        """Return the place of a VF, by the name of its station, among those of the PF."""
        return self.vf_names.index(vf)

    @property
    def rss_table(self) -> Words:
        """Return the queue of each of the 128 entries."""
        return tuple(at % self.queues_per_vf for at in range(RETA_ENTRIES))


@dataclass(frozen=True, slots=True)
class Vf:
    """Hold what the PF's driver knows of one VF.

    `mac`: 0 if it has none; `filters`: its further addresses. `api`: the protocol's version by its number. `vlans`: its
    memberships; 0 stands for frames without a tag, whose VLAN is `home_vlan`, or `pf_vlan` if that is not 0.
    `spoof_check`: what the administrator wants; `mac_anti_spoof`, `vlan_anti_spoof`: what is in force. `xcast`: NONE,
    MULTI, ALLMULTI or PROMISC; `takes_hashed`: it gets groups whose hash is among `hashes`.
    """

    mac: int = 0
    pf_set_mac: bool = False
    trusted: bool = False
    clear_to_send: bool = True
    api: int = API_NUMBERS["1.4"]
    vlans: frozenset[int] = frozenset((UNTAGGED,))
    home_vlan: int = DEFAULT_VLAN
    pf_vlan: int = 0
    pf_qos: int = 0
    filters: tuple[int, ...] = ()
    spoof_check: bool = True
    mac_anti_spoof: bool = True
    vlan_anti_spoof: bool = True
    xcast: int = ALLMULTI
    hashes: Words = ()
    takes_hashed: bool = True
    max_frame_bytes: int = 1518
    query_rss: bool = False
    link: str = "auto"
    link_enabled: bool = True
    rate_limit_bps: int = 0


@dataclass(frozen=True, slots=True)
class PfState:
    """Hold what a PF's driver knows: of the adapter, and of each of its VFs by its place among them."""

    adapter: Adapter
    vfs: tuple[Vf, ...]

    def with_vf(self, vf: int, own: Vf) -> PfState:
        """Return the state with one VF's replaced."""
        return replace(self, vfs=(*self.vfs[:vf], own, *self.vfs[vf + 1 :]))

    def addresses_in_use(self) -> int:
        """Count the receive-address entries that the PF and all VFs have."""
        return self.adapter.pf_addresses + sum((vf.mac != 0) + len(vf.filters) for vf in self.vfs)

    def free_filters(self, vf: int, own: Vf) -> int:
        """Count the free entries for further addresses, if VF `vf` were `own`."""
        adapter = self.adapter
        in_use = sum(len(each.filters) for at, each in enumerate(self.vfs) if at != vf) + len(own.filters)
        return adapter.addresses - adapter.kept_for_pf - len(self.vfs) - in_use

    def vlan_has_entry(self, vlan: int) -> bool:
        """Tell whether a VLAN has an entry of the pool VLAN filter, or one is free; VLAN 0 has one of its own."""
        if vlan == UNTAGGED or any(vlan in each.vlans for each in self.vfs):
            return True
        return len(frozenset[int]().union(*(each.vlans for each in self.vfs)) - {UNTAGGED}) < self.adapter.vlans - 1


def keys_of(adapter: Adapter, own: Vf) -> dict[str, Any]:
    """Return the keys of a VF's station, as users type them, that express the driver's state of the VF.

    What a station cannot express is left out: VLAN 4095, hashes of groups that are named nowhere.
    """
    port_vlan = own.pf_vlan or own.home_vlan
    vlans = sorted({own.home_vlan if vlan == UNTAGGED else vlan for vlan in own.vlans if vlan <= LAST_VLAN})
    groups = adapter.known_groups if own.takes_hashed and own.hashes else ()
    return {
        "macs": [format_mac(mac) for mac in dict.fromkeys((own.mac, *own.filters)) if mac],
        "port_vlan": port_vlan,
        "vlans": vlans,
        "untagged": [port_vlan] if port_vlan in vlans else [],
        "default_priority": own.pf_qos,
        "spoof_check": own.mac_anti_spoof,
        "vlan_spoof_check": own.vlan_anti_spoof,
        "trusted": own.trusted,
        "promiscuous": own.xcast == PROMISC,
        "accept": ["broadcast", "multicast"] if own.xcast >= ALLMULTI else ["broadcast"],
        "groups": [format_mac(group) for group in groups if group_hash(group) in own.hashes],
        "enabled": own.link_enabled,
        "rate_limit": format_rate_bps(own.rate_limit_bps) if own.rate_limit_bps else None,
    }


def changes_between(before: PfState, after: PfState) -> dict[str, Any]:
    """Return the dotted keys that differ between two states, with their new values."""
    changes: dict[str, Any] = {}
    for at, (old, new) in enumerate(zip(before.vfs, after.vfs, strict=True)):
        if old is not new:
            was = keys_of(before.adapter, old)
            name = before.adapter.name_of(at)
            changes.update({
                f"switch.ports.{name}.{key}": value
                for key, value in keys_of(after.adapter, new).items() if value != was[key]
            })  # fmt: skip
    if before.adapter.pf_promiscuous != after.adapter.pf_promiscuous:
        changes[f"switch.ports.{after.adapter.pf}.promiscuous"] = after.adapter.pf_promiscuous
    return changes


def state_of(config: Config, *, server: int = 0, known_groups: tuple[int, ...] = (), pf: str = PF) -> PfState:
    """Return the state that a configuration of one adapter begins with: all VFs' drivers are loaded, with API 1.4.

    `pf`: whose driver; it serves the VFs at its Ethernet port.

    An address or a port VLAN that is not the default counts as set by the PF, since the administrator wrote the file.
    `server`: the server's number, from which default addresses follow. `known_groups`: further groups, which messages
    name.
    """
    ports = {port.name: port for port in config.switch.ports}
    own_port = ports[pf].port
    functions = [ports[pf], *(port for port in config.switch.ports if not is_pf(port.name) and port.port == own_port)]
    named = {group for port in functions for group in port.groups}
    names = tuple(port.name for port in functions[1:])
    adapter = _adapter_of(config, functions[0], tuple(sorted(named | set(known_groups))), names)
    vfs = tuple(_vf_of(port, adapter, default_mac(port.number, server)) for port in functions[1:])
    return PfState(adapter, vfs)


def _adapter_of(config: Config, pf: Port, known_groups: tuple[int, ...], vf_names: tuple[str, ...]) -> Adapter:
    device = config.nic.preset or "82599"
    tables = TABLES.get(device, TABLES["82599"])
    arbitration = config.nic.arbitration
    return Adapter(
        device=device,
        addresses=tables.addresses,
        kept_for_pf=tables.kept_for_pf,
        vlans=tables.vlans,
        pf_addresses=len(pf.macs),
        pf_max_frame_bytes=pf.max_frame_bytes,
        pf_promiscuous=pf.promiscuous,
        port_rate_bps=config.port.rate_bps,
        queues_per_vf=config.nic.queues_per_vf,
        classes=len(arbitration.classes) if arbitration else 0,
        default_class=arbitration.class_of_priority(0) if arbitration else 0,
        native_vlan=config.switch.uplink.native_vlan or DEFAULT_VLAN,
        known_groups=known_groups,
        pf=pf.name,
        vf_names=vf_names,
    )


def _vf_of(port: Port, adapter: Adapter, default: str) -> Vf:
    is_pf_vlan = port.port_vlan not in (DEFAULT_VLAN, adapter.native_vlan)
    home_vlan = adapter.native_vlan if is_pf_vlan else port.port_vlan
    mac = port.macs[0] if port.macs else 0
    return Vf(
        mac=mac,
        pf_set_mac=mac != 0 and format_mac(mac) != default,
        trusted=port.trusted,
        vlans=frozenset(UNTAGGED if vlan == home_vlan and not is_pf_vlan else vlan for vlan in port.vlans),
        home_vlan=home_vlan,
        pf_vlan=port.port_vlan if is_pf_vlan else 0,
        pf_qos=port.default_priority,
        filters=tuple(port.macs[1:]),
        spoof_check=port.spoof_check,
        mac_anti_spoof=port.spoof_check,
        vlan_anti_spoof=port.vlan_spoof_check,
        xcast=PROMISC if port.promiscuous else ALLMULTI if "multicast" in port.accept else MULTI,
        hashes=tuple(map(group_hash, port.groups)),
        max_frame_bytes=port.max_frame_bytes,
        link="auto" if port.enabled else "disable",
        link_enabled=port.enabled,
        rate_limit_bps=port.rate_limit_bps or 0,
    )


# Which fields of a VF's state follow from each key of its station.
_OF_KEY: Mapping[str, tuple[str, ...]] = {
    "macs": ("mac", "pf_set_mac", "filters"),
    "port_vlan": ("home_vlan", "pf_vlan", "vlans"),
    "vlans": ("vlans",),
    "default_priority": ("pf_qos",),
    "spoof_check": ("spoof_check", "mac_anti_spoof"),
    "vlan_spoof_check": ("vlan_anti_spoof",),
    "trusted": ("trusted",),
    "promiscuous": ("xcast",),
    "accept": ("xcast",),
    "groups": ("hashes", "takes_hashed"),
    "enabled": ("link", "link_enabled"),
    "rate_limit_bps": ("rate_limit_bps",),
}


def followed(state: PfState, before: Config, after: Config, server: int = 0) -> PfState:
    """Return the state after keys of stations were set without asking the driver; fields not derived from them stay."""
    new = state_of(after, server=server, known_groups=state.adapter.known_groups, pf=state.adapter.pf)
    old_ports, new_ports = ({port.name: port for port in config.switch.ports} for config in (before, after))
    vfs = []
    for at, own in enumerate(state.vfs):
        name = state.adapter.name_of(at)
        keys = (key for key in _OF_KEY if getattr(old_ports[name], key) != getattr(new_ports[name], key))
        taken = {field: getattr(new.vfs[at], field) for key in keys for field in _OF_KEY[key]}
        vfs.append(replace(own, **taken) if taken else own)
    return PfState(new.adapter, tuple(vfs))
