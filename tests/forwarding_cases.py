"""Random switches and frames in which most rules apply now and then: few addresses, few VLANs, ports far apart."""

from __future__ import annotations

from cocotb_tests.bench_switch import (
    BROADCAST,
    LLDP,
    MULTICAST,
    OUTSIDE,
    AclEntry,
    Address,
    EcidList,
    Mirror,
    Station,
    Switch,
    Uplink,
    c_tag,
    e_tag,
    frame,
    mac,
    s_tag,
    vn_tag,
)

MODES = ("veb", "vepa", "vn_tag", "e_tag", "multichannel")
# Port numbers on both sides of a bitmap's words.
NAMES = ("pf", "vf0", "vf1", "vf2", "vf45", "vf46", "vf93", "vf94", "vf127")
VLANS = (1, 2, 3, 4094)
ETHERTYPES = (0x0800, 0x0800, 0x0800, 0x86DD, 0x0026, 0x8808, 0x88A8, 0x8926, 0x893F)
GROUPS = (BROADCAST, MULTICAST, 0x3333_0000_0001)


def some(rng, choices, least=0):
    return tuple(rng.sample(choices, rng.randint(least, len(choices))))


def rarely(rng, one_in=8):
    return rng.randrange(one_in) == 0


def random_station(rng, name):
    vlans = (1,) if rarely(rng, 3) else some(rng, VLANS, 1)
    return Station(
        name,
        macs=(mac(name), mac("vf0")) if rarely(rng, 12) else (mac(name),),
        port_vlan=rng.choice(VLANS) if rarely(rng, 4) else vlans[0],
        vlans=vlans,
        untagged=some(rng, vlans),
        admit=rng.choice(("all", "all", "all", "tagged", "untagged")),
        spoof_check=not rarely(rng, 3),
        loopback=not rarely(rng, 5),
        self_loopback=rarely(rng, 3),
        accept=some(rng, ("broadcast", "multicast")) if rarely(rng, 3) else ("broadcast", "multicast"),
        groups=some(rng, GROUPS) if rarely(rng, 3) else (),
        promiscuous=rarely(rng, 5),
        default=rarely(rng, 6),
        trusted=rarely(rng, 4),
        enabled=not rarely(rng, 7),
        max_frame_bytes=rng.choice((1518, 1518, 70, 80)),
        ethertype_filter=not rarely(rng, 3),
        default_priority=rng.choice((0, 0, 5)),
        ecid=rng.choice((None, 0xAB000 + len(name) * 16 + int(name[-1], 36) % 16)),
        s_channel=rng.choice((None, 1, 10, 20, 30)),
        vlan_spoof_check=not rarely(rng, 5),
        q_in_q=rarely(rng, 6),
    )


def random_acl_entry(rng, names):
    return AclEntry(
        rng.choice(("permit", "deny", "priority", "police")),
        rng.choice((*names, "all", "all")),
        source=mac(rng.choice(names)) if rarely(rng, 3) else None,
        destination=random_destination(rng, names) if rarely(rng, 2) else None,
        vlan=rng.choice(VLANS) if rarely(rng, 3) else None,
        ethertype=rng.choice(ETHERTYPES) if rarely(rng, 2) else None,
        priority=rng.randrange(8),
        rate_bps=10**9,
        burst_bytes=2000,
    )


def random_mirror(rng, names):
    if rarely(rng, 3):
        return Mirror(rng.choice(names), vlan=rng.choice(VLANS))
    return Mirror(rng.choice(names), rng.choice((*names, "uplink")), rng.choice(("ingress", "egress")))


def random_switch(rng):
    names = some(rng, NAMES, 2)
    return Switch(
        rng.choice(MODES),
        tuple(random_station(rng, name) for name in names),
        Uplink(rng.choice((1, 1, 2, None)), rng.choice(("all", "all", (1, 2), (3,)))),
        addresses=tuple(
            Address(rng.choice(VLANS), rng.choice((OUTSIDE, mac(rng.choice(names)))), some(rng, names, 1))
            for _ in range(rng.randrange(3))
        ),
        vif_lists={number: some(rng, names, 1) for number in (1, 2, 16383)},
        ecid_lists=tuple(EcidList(group, ecid, some(rng, names, 1)) for group, ecid in ((1, 1), (3, 0xFFFFF), (2, 0))),
        s_channels={10: rng.choice(("veb", "vepa", "single")), 20: "vepa", 30: "single", 40: "veb"},
        mirrors=tuple(random_mirror(rng, names) for _ in range(rng.choice((0, 0, 1, 3)))),
        acl=tuple(random_acl_entry(rng, names) for _ in range(rng.choice((0, 0, 2, 4)))),
        promiscuous=rng.choice(("all", "from_wire")),
        lookup=rng.choice(("mac_and_vlan", "mac")),
    )


def random_destination(rng, names):
    stations = [mac(name) for name in names]
    return rng.choice((*stations, *stations, *GROUPS, OUTSIDE, 0x02DD_0000_0099, LLDP if rarely(rng, 2) else BROADCAST))


def random_outer_tag(rng, switch):
    if switch.mode == "vn_tag":
        vif = rng.choice([port.vif for port in switch.ports] + [77, 5000])
        return vn_tag(
            rng.choice([port.vif for port in switch.ports]),
            *((vif, int(not rarely(rng)), 0) if rarely(rng, 2) else (rng.choice((1, 2, 9, 16383)), 1, 1)),
            looped=rng.randrange(2),
            reserved=rng.randrange(2),
            version=int(rarely(rng)),
        )
    if switch.mode == "e_tag":
        ecids = [port.ecid for port in switch.ports]
        group, ecid = rng.choice(((0, rng.choice(ecids)), (0, 0x12345), (0, 0), (1, 1), (3, 0xFFFFF), (2, 0), (1, 2)))
        return e_tag(ecid, group, rng.choice((0, rng.choice(ecids), 99)), rng.randrange(8), rng.randrange(2))
    return s_tag(rng.choice((0, 1, 10, 20, 30, 40, 50)), rng.randrange(8), rng.randrange(2))


def random_frame(rng, switch):
    """Give a port, a frame for it, and whether its source marks it bad."""
    names = [port.name for port in switch.ports]
    port = "uplink" if rarely(rng, 3) else rng.choice(names)
    own = OUTSIDE if port == "uplink" else mac(port)
    source = rng.choice((own, own, own, own, own, mac(rng.choice(names)), rng.choice((0, BROADCAST, 0x0300_0000_0001))))
    tags = []
    if (port == "uplink" and not rarely(rng, 6)) if switch.mode not in ("veb", "vepa") else rarely(rng, 12):
        tags.append(random_outer_tag(rng, switch))
    if rarely(rng, 2):
        vid = 4095 if rarely(rng, 12) else rng.choice((0, *VLANS))
        tags.append(c_tag(vid, rng.randrange(8), rng.randrange(2)))
        if rarely(rng, 12):
            tags.append(c_tag(7))
    length = rng.choice((60, 60, 66, 67, 70, 71, 80, 200, 1514, 1515, 1526, 1527)) if rarely(rng, 2) else 60
    raw = frame(random_destination(rng, names), source, *tags, ethertype=rng.choice(ETHERTYPES), length=length)
    if rarely(rng, 15):
        raw = raw[: rng.randrange(1, 30)]
    return port, raw, rarely(rng, 40)
