"""Hold the limits of each preset's device, a row for each: what it limits, by which keys, to which values, and why.

All readers read these rows: the checks of static keys, `--set` and events (`check_device_limits`), the PF's driver, the
memory ranges, the table in docs/configuration.md. What a row does not say of a device is not known, or not limited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hwmodel.rules.function_names import is_pf
from hwmodel.rules.mailbox_messages import TABLES
from hwmodel.rules.packets import TYPE_IPV4, TYPE_IPV6
from hwmodel.rules.pcie_link import DESCRIPTOR_BYTES, REGISTER_BYTES
from hwmodel.units import format_bytes, format_rate_bps, format_time_fs, parse_bytes, parse_rate_bps, parse_time_fs

from .device_bounds import (
    Bound,
    Found,
    Limit,
    Varying,
    any_station,
    for_all,
    if_any,
    most,
    most_of_ports,
    none,
    of_key,
    of_link,
    of_stations,
    one_of,
    tx_rates,
)
from .document import KeyPath
from .model import Config
from .presets import DEVICES
from .steering import at_pools

IXGBE = ("82599", "X540", "X550")
ALL = ("82576", *IXGBE, "XL710")

# PCI Express.
_DATA_SHEETS = {name: f"Intel {name} data sheet" for name in ALL}
_GENERATIONS = {"82576": 1, "82599": 2, "X540": 2, "X550": 3, "XL710": 3}
_LANES = {"82576": 4, "82599": 8, "X540": 8, "X550": 4, "XL710": 8}
_SPEEDS_GT = {1: "2.5", 2: "5", 3: "8"}
_FIVE_BIT_TAGS = "no extended tags"
_TAGS = {
    "82576": most(32, f"captured configuration space: {_FIVE_BIT_TAGS}"),
    "82599": most(32, f"listings: {_FIVE_BIT_TAGS}"),
    "X540": most(32, f"as of the 82599 and the X550: {_FIVE_BIT_TAGS}"),
    "X550": most(32, f"listing: {_FIVE_BIT_TAGS}"),
    "XL710": most(256, "listings, recalled: extended tags, and none of 10 bits in a device of PCIe 3.0"),
}
_PAYLOADS = {
    "82576": most(512, "captured configuration space: MaxPayload 512"),
    "82599": most(512, "listings: MaxPayload 512"),
    "X540": most(512, "as of the 82599 and the X550: MaxPayload 512"),
    "X550": most(512, "listing: MaxPayload 512"),
    "XL710": most(2048, "listings, recalled: MaxPayload 2048"),
}


def _widths(device: str) -> tuple[int, ...]:
    return tuple(width for width in (1, 2, 4, 8) if width <= _LANES[device])


_LINK = (
    Limit(
        "pcie.bus", "a PCI or PCI-X bus", if_any("pcie.bus"),
        {name: none(f"{_DATA_SHEETS[name]}: a PCI Express device") for name in ALL},
    ),
    Limit(
        "pcie.generation", "generation {}", of_link("pcie.generation"),
        {name: most(number, f"{_DATA_SHEETS[name]}: {_SPEEDS_GT[number]} GT/s")
         for name, number in _GENERATIONS.items()},
    ),
    Limit(
        "pcie.lanes", "a width of x{}", of_link("pcie.lanes"),
        {name: one_of(*_widths(name), source=f"{_DATA_SHEETS[name]}: x{lanes}, which trains to fewer")
         for name, lanes in _LANES.items()},
    ),
    Limit(
        "pcie.max_payload", "a payload of {}", of_link("pcie.max_payload"), _PAYLOADS, format_bytes,
    ),
    Limit("pcie.tags", "{} reads under way", of_link("pcie.tags"), _TAGS),
    Limit(
        "pcie.ordering", "ID-based ordering", if_any("pcie.ordering", "id_based"),
        for_all(("82576", "82599"), none("data sheets: devices of PCIe 2.0; ID-based ordering came with 2.1")),
    ),
    Limit(
        "pcie.ecrc", "an end-to-end CRC", if_any("pcie.ecrc"),
        {"82576": none("captured configuration space: AER can neither make nor check it")},
    ),
)  # fmt: skip

# Ethernet ports.
_SPEEDS = {
    "82576": ("10Mbps", "100Mbps", "1Gbps"),
    "82599": ("100Mbps", "1Gbps", "10Gbps"),
    "X540": ("100Mbps", "1Gbps", "10Gbps"),
    "X550": ("100Mbps", "1Gbps", "2500Mbps", "5Gbps", "10Gbps"),
    "XL710": ("1Gbps", "10Gbps", "40Gbps"),
}
_LONGEST_FRAME = 9728
_PORTS = (
    Limit(
        "port.rate", "a port of {}", of_key("port.rate"),
        {name: one_of(*map(parse_rate_bps, speeds), source=f"{_DATA_SHEETS[name]}: link speeds")
         for name, speeds in _SPEEDS.items()}, format_rate_bps,
    ),
    Limit(
        "port.count", "{} ports", of_key("port.count"),
        {"82576": most(2, "Intel 82576 data sheet: two 1 GbE ports"),
         "82599": most(2, "Intel 82599 data sheet: dual port (82599EN: one)"),
         "X540": most(2, "Linux ixgbe_type.h: IXGBE_STATUS_LAN_ID 0 and 1"),
         "X550": most(2, "Linux ixgbe_type.h: IXGBE_STATUS_LAN_ID 0 and 1"),
         "XL710": most(4, "DPDK documentation of i40e: 128, 64, 32 VFs a port by ports")}, of_unnamed=True,
    ),
    Limit(
        "switch.ports.NAME.max_frame", "frames of {} B", of_stations("max_frame"),
        for_all(ALL, most(_LONGEST_FRAME, "Linux igb, ixgbe, i40e: the longest frame of each has 9728 B with its FCS")),
    ),
)  # fmt: skip


# Functions, queues, vectors. Each Ethernet port has a function of its own, with VFs, pools and queues.
def _at_fullest_port(config: Config) -> int:
    ports = [station.port for station in config.switch.ports if not is_pf(station.name)]
    return max(map(ports.count, config.port.names)) if config.port.count > 1 else config.nic.vfs


def _vfs(config: Config) -> Iterator[Found]:
    if config.nic.mode == "sriov":
        yield Found(_at_fullest_port(config), ("nic.vfs", "port.count"))


def _all_vfs(config: Config) -> Iterator[Found]:
    if config.nic.mode == "sriov":
        yield Found(config.nic.vfs, ("nic.vfs",))


def _pools(config: Config) -> Iterator[Found]:
    if not config.has_virtual_switch:
        keys = ("nic.vfs", "nic.queues_per_vf", "nic.arbitration", "nic.mode", "port.count")
        yield Found(_at_fullest_port(config) + 1, keys)


def _n_classes(config: Config) -> int:
    return 1 if config.nic.arbitration is None else len(config.nic.arbitration.classes)


_MODES = "Linux ixgbe_type.h, MTQC and MRQC: 64 pools of 2 queues, 32 of 4, 16 of 8 classes"


def _ixgbe_pools(config: Config) -> Bound | None:
    if _n_classes(config) > 4:
        return most(16, f"{_MODES}; there are {_n_classes(config)} classes")
    if config.nic.queues_per_vf > 2 or _n_classes(config) > 1:
        return most(32, _MODES)
    return most(64, _MODES) if config.has_pools else None  # VFs have a limit of their own


def _ixgbe_queues(config: Config) -> Bound:
    return most(8 if _n_classes(config) > 4 else 4, f"{_MODES} alone")


_TRAFFIC_CLASSES = "most 64; 32 with more than 2 queues or 2 to 4 classes; 16 with 5 to 8 classes"


def _all_queues(config: Config) -> Iterator[Found]:
    n_queues = config.nic.queues_per_vf * (_at_fullest_port(config) + 1)
    yield Found(n_queues, ("nic.queues_per_vf", "nic.vfs", "port.count"))


def _vectors(config: Config) -> Iterator[Found]:
    """Give the vectors that a VF is written to have for its queues."""
    if config.nic.mode == "sriov" and config.nic.vectors_per_function is not None:
        yield Found(config.nic.vectors_per_function, ("nic.vectors_per_function",))


def _vectors_of_queues(config: Config) -> Iterator[Found]:
    """Give one vector for each queue of a VF, where none are written and its driver has interrupts."""
    has_interrupts = any(not driver.polls or driver.tx_interrupt_batch for driver in config.drivers)
    if config.nic.mode == "sriov" and config.nic.vectors_per_function is None and has_interrupts:
        yield Found(config.nic.queues_per_vf, ("nic.queues_per_vf",))


def _moderations(config: Config) -> Iterator[Found]:
    for at, driver in config.driver_blocks.items():
        yield Found(driver.moderation_fs, (f"{at}.moderation",))
        if driver.adaptive_moderation:
            yield Found(max(driver.adaptive_intervals_fs), (f"{at}.adaptive_intervals",))


_VECTORS = {"82576": most(2, "Intel 82576 data sheet: 3 vectors a VF, one of them for messages of the PF"),
    **for_all(IXGBE, most(2, "Linux ixgbevf: 3 vectors of a VF, one of them for messages of the PF"))}  # fmt: skip
_FUNCTIONS = (
    Limit(
        "nic.vfs", "{} VFs at a port", _vfs,
        {"82576": most(7, "Intel 82576 data sheet: 8 pools, one of them the PF's"),
         "82599": most(63, "Intel 82599 data sheet: 64 pools, one of them the PF's"),
         "X540": most(63, "Intel X540 data sheet: 64 pools, one of them the PF's"),
         "X550": most(64, "captured listing of its SR-IOV capability: total VFs 64"),
         "XL710": Varying("128 divided by the ports", lambda config: most(128 // config.port.count, _I40E_PORTS),
                          "DPDK documentation of i40e: 128, 64, 32 VFs a port by ports")}, of_unnamed=True,
    ),
    Limit(
        "nic.vfs", "{} VFs at all ports", _all_vfs, {"XL710": most(128, "Intel XL710 data sheet: 128 VFs")},
        of_unnamed=True,
    ),
    Limit(
        "nic.queues_per_vf", "{} queues for each function", of_key("nic.queues_per_vf"),
        {"82576": most(2, "Intel 82576 data sheet: 2 queues a pool"),
         **for_all(IXGBE, Varying("at most 4; 8 with 5 to 8 classes", _ixgbe_queues, _MODES)),
         "XL710": most(16, "Linux i40e: a VF has at most 16 pairs")},
    ),
    Limit(
        "nic.vfs", "{} pools, the PF's among them,", _pools,
        {"82576": most(8, "Intel 82576 data sheet: 8 pools"),
         **for_all(IXGBE, Varying(_TRAFFIC_CLASSES, _ixgbe_pools, _MODES))},
    ),
    Limit(
        "nic.queues_per_vf", "{} queues of a PF and its VFs", _all_queues,
        {"82576": most(16, "Intel 82576 data sheet: 16 + 16 queues"),
         **{name: most(128, f"Intel {name} data sheet: 128 + 128 queues") for name in IXGBE},
         "XL710": most(1536, "Intel OpenNESS, O-RAN front haul: 1536 queue pairs in the device")}, of_unnamed=True,
    ),
    Limit(
        "nic.vectors_per_function", "{} vectors for a VF's queues", _vectors, _VECTORS, of_unnamed=True,
    ),
    Limit("nic.queues_per_vf", "{} vectors for a VF's queues, one for each,", _vectors_of_queues, _VECTORS),
    Limit(
        "driver.moderation", "interrupts {} apart", _moderations,
        {"82576": most(parse_time_fs("10ms"), "Linux igb: IGB_MAX_ITR_USECS 10000"),
         **for_all(IXGBE, most(parse_time_fs("1046528ns"), "Intel 82599 data sheet: EITR, 511 steps of 2.048 us")),
         "XL710": most(parse_time_fs("8160us"), "Linux i40e: I40E_MAX_ITR 0xFF0, 8160 us")}, format_time_fs,
    ),
)  # fmt: skip


# Rings, descriptors, buffers.
def _ring_lengths(config: Config) -> Iterator[Found]:
    yield Found(config.nic.tx_ring, ("nic.tx_ring",))
    yield Found(config.nic.rx_ring, ("nic.rx_ring",))


def _thresholds(config: Config) -> Iterator[Found]:
    for name, block in (("txdctl", config.nic.txdctl), ("rxdctl", config.nic.rxdctl)):
        for key in ("pthresh", "hthresh", "wthresh") if block is not None else ():
            yield Found(getattr(block, key), (f"nic.{name}.{key}", f"nic.{name}"))


def _inline_doorbells(config: Config) -> Iterator[Found]:
    for at, driver in config.driver_blocks.items():
        if driver.doorbell == "inline":
            yield Found(True, (f"{at}.doorbell",))


def _rx_buffer(config: Config) -> Bound:
    """Return the Rx buffers of all Ethernet ports, less what Flow Director's filters take of them."""
    director = None if config.nic.steering is None else config.nic.steering.flow_director
    of_filters = 0 if director is None else director.memory_bytes
    name = str(config.nic.preset)
    whole = buffer_bytes(name, "rx_buffer")
    source = f"{_DATA_SHEETS[name]}: {format_bytes(whole)} a port"
    if of_filters:
        source += f", {format_bytes(of_filters)} of them for Flow Director's filters"
    return most(config.port.count * (whole - of_filters), source)


def _tx_buffer(config: Config) -> Bound:
    name = str(config.nic.preset)
    whole = buffer_bytes(name, "tx_buffer")
    return most(config.port.count * whole, f"{_DATA_SHEETS[name]}: {format_bytes(whole)} a port")


def buffer_bytes(device: str, key: str) -> int:
    """Return the size of a device's packet buffer, `tx_buffer` or `rx_buffer`, of one Ethernet port."""
    return parse_bytes(str(DEVICES[device].values["nic"][key]))


_OF_FILTERS = "nic.steering.flow_director.memory"
_KNOWN_BUFFERS = ("82576", *IXGBE)
_OF_IXGBE = "Linux ixgbe_type.h: union ixgbe_adv_tx_desc, IXGBE_TDT; igb's are the same"
_OF_I40E = "Linux i40e: struct i40e_tx_desc, I40E_QTX_TAIL"
_I40E_PORTS = "DPDK documentation of i40e: 128, 64, 32 VFs a port by ports"


def _as_drivers(make: Callable[[str], Bound]) -> dict[str, Bound | Varying]:
    return {name: make(_OF_I40E if name == "XL710" else _OF_IXGBE) for name in ALL}


_RINGS = (
    Limit(
        "nic.tx_ring, nic.rx_ring", "a ring of {}", _ring_lengths,
        {"82576": Bound("DPDK igb; Linux igb.h: IGB_MAX_TXD", least=32, most=4096, step=8),
         **for_all(("82599", "X540"), Bound("Linux ixgbe.h: IXGBE_MIN_TXD, IXGBE_MAX_TXD_82599; descriptors by 8",
                                         least=64, most=8192, step=8)),
         "X550": Bound("Linux ixgbe.h: IXGBE_MIN_TXD, IXGBE_MAX_TXD_X550; descriptors by 8",
                       least=64, most=32768, step=8),
         "XL710": Bound("Linux i40e.h: I40E_MIN_NUM_DESCRIPTORS, I40E_MAX_NUM_DESCRIPTORS_XL710, "
                        "I40E_REQ_DESCRIPTOR_MULTIPLE", least=64, most=8160, step=32)}, of_unnamed=True,
    ),
    Limit(
        "nic.txdctl, nic.rxdctl", "a threshold of {}", _thresholds,
        {"82576": most(31, "DPDK igb_rxtx.c: five bits of TXDCTL and RXDCTL each"),
         "XL710": none("Linux i40e: its queue contexts have no thresholds")},
    ),
    Limit(
        "nic.tx_descriptor", "Tx descriptors of {}", of_key("nic.tx_descriptor"),
        _as_drivers(lambda source: one_of(DESCRIPTOR_BYTES, source=source)), format_bytes, of_unnamed=True,
    ),
    Limit(
        "nic.completion_entry", "completion rings", if_any("nic.completion_entry"),
        _as_drivers(lambda source: none(f"{source}: descriptors are written back where they lie")), of_unnamed=True,
    ),
    Limit(
        "nic.doorbell", "doorbells of {}", of_key("nic.doorbell"),
        _as_drivers(lambda source: one_of(REGISTER_BYTES, source=source)), format_bytes, of_unnamed=True,
    ),
    Limit(
        "driver.doorbell", "descriptors within doorbells", _inline_doorbells,
        _as_drivers(lambda source: none(f"{source}: a doorbell is a write of the tail")), of_unnamed=True,
    ),
    Limit(
        "nic.tx_buffer", "a Tx buffer of {}", of_key("nic.tx_buffer"),
        for_all(_KNOWN_BUFFERS, Varying("the preset's, of each port", _tx_buffer, "Intel data sheets")), format_bytes,
    ),
    Limit(
        "nic.rx_buffer", "an Rx buffer of {}",
        lambda config: iter([Found(config.nic.rx_buffer_bytes, ("nic.rx_buffer", _OF_FILTERS))]),
        for_all(_KNOWN_BUFFERS, Varying("the preset's, of each port, less Flow Director's memory", _rx_buffer,
                                     "Intel data sheets")), format_bytes,
    ),
)  # fmt: skip

# Offloads, classes, flow control.
_OFFLOADS = (
    Limit(
        "nic.rsc", "receives of several frames (RSC)", if_any("nic.rsc"),
        {"82576": none("Linux igb: no LRO of the hardware's; ixgbe has IXGBE_FLAG2_RSC_CAPABLE"),
         "XL710": none("Linux i40e: no LRO of the hardware's")}, of_unnamed=True,
    ),
    Limit(
        "nic.header_split", "header buffers of {}", of_key("nic.header_split"),
        {"82576": most(960, "Linux e1000_82575.h: E1000_SRRCTL_BSIZEHDRSIZE_MASK 0xF00, 15 units of 64 B")},
        format_bytes,
    ),
    Limit(
        "nic.arbitration", "two planes of classes (DCB)", if_any("nic.arbitration"),
        {"82576": none("Linux igb: no DCB; the 82599, X540 and X550 have it (ixgbe_dcb_82599.c)"),
         "XL710": none("Linux i40e: its classes are other ones than those of ixgbe_dcb_82599.c")}, of_unnamed=True,
    ),
    Limit(
        "nic.flow_control", "priority flow control", if_any("nic.flow_control.mode", "pfc"),
        {"82576": none("Linux igb: no DCB, so PAUSE alone")},
    ),
)  # fmt: skip


# Steering.
def _filters(config: Config, name: str) -> tuple[Any, ...]:
    return () if config.nic.steering is None else getattr(config.nic.steering, name)


def _fullest(name: str) -> Callable[[Config], Iterator[Found]]:
    """Return how to find the number of filters at the Ethernet port that has most of them."""

    def find(config: Config) -> Iterator[Found]:
        filters = _filters(config, name)
        ports = ({station.name for station in config.switch.at_port(port).ports} for port in config.port.names)
        most = max(len(at_pools(filters, port)) for port in ports) if filters else 0
        yield Found(most, (("nic", "steering", name),))

    return find


def _ethertypes(config: Config) -> Iterator[Found]:
    for index, one in enumerate(_filters(config, "ethertype_filters")):
        if one.ethertype in (TYPE_IPV4, TYPE_IPV6):
            yield Found(one.ethertype, (("nic", "steering", "ethertype_filters", index, "ethertype"),))


def _ipv6_of(filters: Any, at: KeyPath) -> Iterator[Found]:
    for index, one in enumerate(filters):
        for name in ("source", "destination"):
            address = getattr(one, name)
            if address is not None and address.version == 6:
                yield Found(address, ((*at, index, name),))


def _ipv6_tuples(config: Config) -> Iterator[Found]:
    return _ipv6_of(_filters(config, "tuple_filters"), ("nic", "steering", "tuple_filters"))


def _ipv6_perfect(config: Config) -> Iterator[Found]:
    director = None if config.nic.steering is None else config.nic.steering.flow_director
    if director is not None and director.mode == "perfect":
        yield from _ipv6_of(director.filters, ("nic", "steering", "flow_director", "filters"))


# RSS tables: the PF's, of which pools have parts, and a VF's, which may be the PF's.
_IXGBE_TABLE = one_of(128, source="Linux ixgbe: IXGBE_MAX_RETA_ENTRIES 128, which VFs share")
_IGB_TABLE = one_of(128, source="Linux igb.h: IGB_RETA_SIZE, which VFs share")
_RSS_TABLES = {
    "82576": (_IGB_TABLE, _IGB_TABLE),
    **dict.fromkeys(("82599", "X540"), (_IXGBE_TABLE, _IXGBE_TABLE)),
    "X550": (one_of(512, source="Linux ixgbe: IXGBE_MAX_RETA_ENTRIES 512 (X550)"),
             one_of(64, source="Linux ixgbevf: IXGBEVF_X550_VFRETA_SIZE")),
    "XL710": (one_of(512, source="Linux i40e: I40E_HLUT_ARRAY_SIZE of the PF, 128 words of four"),
              one_of(64, source="Linux iavf: VFQF_HLUT, 16 words of four")),
}  # fmt: skip


def rss_table(device: str, *, has_pools: bool) -> Bound:
    """Return the size that the RSS table of a pool, or of a VF, of a device has."""
    return _RSS_TABLES[device][0 if has_pools else 1]


def _table_entries(config: Config) -> Bound:
    return rss_table(str(config.nic.preset), has_pools=config.has_pools)


_STEERING = (
    Limit(
        "nic.steering.ethertype_filters", "{} EtherType filters", _fullest("ethertype_filters"),
        {"82576": most(8, "DPDK igb: E1000_MAX_ETQF_FILTERS"),
         **for_all(IXGBE, most(8, "Linux ixgbe_type.h: IXGBE_MAX_ETQF_FILTERS")),
         "XL710": most(0, "not modelled: its firmware has others")}, of_unnamed=True,
    ),
    Limit(
        "nic.steering.ethertype_filters.ethertype", "a filter of all IP, EtherType {},", _ethertypes,
        for_all(("82576", *IXGBE), none("DPDK igb, ixgbe: no EtherType filters of IPv4 and IPv6")),
        lambda ethertype: f"0x{ethertype:04X}",
    ),
    Limit(
        "nic.steering.tuple_filters", "{} 5-tuple filters", _fullest("tuple_filters"),
        {"82576": most(8, "DPDK igb: E1000_MAX_FTQF_FILTERS"),
         **for_all(IXGBE, most(128, "Linux ixgbe_type.h: IXGBE_MAX_FTQF_FILTERS")),
         "XL710": most(0, "not modelled: its firmware has others")}, of_unnamed=True,
    ),
    Limit(
        "nic.steering.tuple_filters.source, destination", "a 5-tuple filter by the IPv6 address {}", _ipv6_tuples,
        for_all(("82576", *IXGBE), none("Linux ixgbe_type.h, DPDK igb: SAQF and DAQF have 32 bits, IPv4 alone")),
    ),
    Limit(
        "nic.steering.flow_director", "Flow Director", if_any("nic.steering.flow_director"),
        {"82576": none("Intel 82576 data sheet"), "XL710": none("not modelled: its own is of another kind")},
        of_unnamed=True,
    ),
    Limit(
        "nic.steering.flow_director.filters.source, destination", "a perfect filter by the IPv6 address {}",
        _ipv6_perfect,
        for_all(IXGBE, none("DPDK ixgbe_flow.c: IPv6 in signature mode alone")),
    ),
    Limit(
        "nic.steering.rss.entries", "a table of {} entries", of_key("nic.steering.rss.entries"),
        for_all(ALL, Varying("those of a VF, with nic.mode: vmdq of the PF", _table_entries, "Linux drivers")),
        of_unnamed=True,
    ),
)  # fmt: skip


# The switch.
def _n_macs(switch: Any) -> int:
    return len({mac for port in switch.ports for mac in port.macs} | {entry.mac for entry in switch.addresses})


def _n_vlans(switch: Any) -> int:
    return len({vlan for port in switch.ports for vlan in port.vlans})


def _access_lists(config: Config) -> Iterator[Found]:
    if config.switch.acl and not config.has_virtual_switch:
        yield Found(True, ("switch.acl",))


def _rate_limits(config: Config) -> Bound:
    return tx_rates(str(config.nic.preset), config.port.rate_bps)


MIN_RATE = "switch.ports.NAME.min_rate"
_MIN_RATE = {
    "82576": none("Linux igb_ndo_set_vf_bw refuses min_tx_rate"),
    **for_all(IXGBE, none("Linux ixgbe_ndo_set_vf_bw refuses min_tx_rate")),
    "XL710": none("Linux i40e_ndo_set_vf_bw refuses min_tx_rate"),
}
_NO_RX_LIMIT = "Linux igb, ixgbe, i40e: ndo_set_vf_rate limits what a VF sends alone"
_NO_ACCESS_LIST = "data sheets: of what a VF sends, anti-spoofing checks the address and the VLAN; no rules beside"
_IS_PROMISCUOUS = "a VF that is promiscuous"
_SWITCH = (
    Limit(
        "switch.ports.NAME.macs, switch.addresses", "{} addresses", most_of_ports("switch.ports", _n_macs,
        "switch.addresses", "nic.vfs"),
        {name: most(tables.addresses, f"{_DATA_SHEETS[name]}: exact receive addresses")
         for name, tables in TABLES.items()}, of_unnamed=True,
    ),
    Limit(
        "switch.ports.NAME.macs", "{} addresses of a VF that is not trusted",
        of_stations("macs", lambda port: None if port.trusted else len(port.macs), of_pf=False),
        {"XL710": most(18, "Linux i40e_virtchnl_pf.c: I40E_VC_MAX_MAC_ADDR_PER_VF")},
    ),
    Limit(
        "switch.ports.NAME.vlans", "{} VLANs", most_of_ports("switch.ports", _n_vlans, "nic.vfs"),
        {name: most(tables.vlans, f"{_DATA_SHEETS[name]}: pool VLAN filters") for name, tables in TABLES.items()},
        of_unnamed=True,
    ),
    Limit(
        "switch.ports.NAME.vlans", "{} VLANs of a VF that is not trusted",
        of_stations("vlans", lambda port: None if port.trusted else len(port.vlans), of_pf=False),
        {"XL710": most(16, "Linux i40e_virtchnl_pf.c: I40E_VC_MAX_VLAN_PER_VF")},
    ),
    Limit(
        "switch.mirrors", "{} mirrors", most_of_ports("switch.mirrors", lambda switch: len(switch.mirrors)),
        {"82576": most(4, "Linux igb e1000_regs.h: VMRCTL at 0x5D80, VMRVLAN at 0x5D90, so four of 4 B"),
         **{name: most(4, f"Intel {name} data sheet: mirror rules") for name in IXGBE},
         "XL710": most(64, "Intel XL710 data sheet: mirror rules")}, of_unnamed=True,
    ),
    Limit(
        "switch.acl", "an access list", _access_lists,
        for_all(ALL, none(_NO_ACCESS_LIST)),
    ),
    Limit(
        "switch.ports.NAME.guards", "guards (rules for ARP, DHCP, IP)", any_station("guards"),
        for_all(ALL, none(_NO_ACCESS_LIST)),
    ),
    Limit(
        "switch.ports.NAME.rate_limit", "a rate limit of {}", of_stations("rate_limit"),
        {"82576": Varying("whole Mb/s up to port.rate", _rate_limits, "Linux igb_ndo_set_vf_bw"),
         **for_all(IXGBE, Varying("whole Mb/s above 10, and on a port of 10Gbps alone", _rate_limits,
                               "Linux ixgbe_ndo_set_vf_bw")),
         "XL710": Varying("multiples of 50Mbps up to port.rate", _rate_limits, "Linux i40e_set_bw_limit")},
        format_rate_bps, call="rate_limit_bps",
    ),
    Limit(
        MIN_RATE, "a guaranteed rate of {}", of_stations("min_rate"), _MIN_RATE, format_rate_bps, call="min_rate_bps",
    ),
    Limit(
        "switch.ports.NAME.receive_limit", "a limit of what a VF receives, {},", of_stations("receive_limit"),
        for_all(ALL, none(_NO_RX_LIMIT)), format_rate_bps,
    ),
    Limit(
        "switch.ports.NAME.promiscuous", _IS_PROMISCUOUS, any_station("promiscuous", of_pf=False),
        {"82576": none("Linux igb, igb_set_vf_promisc: promiscuous for groups alone"),
         "82599": none("Linux ixgbe_update_vf_xcast_mode: promiscuous mode from the X540 on")},
    ),
)  # fmt: skip

LIMITS: tuple[Limit, ...] = (*_LINK, *_PORTS, *_FUNCTIONS, *_RINGS, *_OFFLOADS, *_STEERING, *_SWITCH)


def most_of(keys: str, device: str | None) -> int | None:
    """Return the most that a device has of what a row limits; None where that is not known, or depends on more."""
    bounds = (one.bounds.get(device or "") for one in LIMITS if one.keys == keys)
    return next((bound.most for bound in bounds if isinstance(bound, Bound)), None)


def has_none(keys: str, device: str) -> bool:
    """Tell whether a row says that a device has nothing of what it limits."""
    return bound_of_none(keys, device) is not None


def bound_of_none(keys: str, device: str) -> Bound | None:
    """Return the bound by which a row says that a device has nothing of what it limits; None where it has some."""
    bounds = (one.bounds.get(device) for one in LIMITS if one.keys == keys)
    return next((bound for bound in bounds if isinstance(bound, Bound) and bound.choices == ()), None)
