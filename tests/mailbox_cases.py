"""Messages and administrators' calls with what the mailbox answers and keeps, a table written by hand."""

from __future__ import annotations

A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
A_WORDS, B_WORDS = [0x00000002, 0x0A00], [0x00000002, 0x0B00]
GROUP_WORDS = [0x005E0001, 0x0100]
NO_MAC = "00:00:00:00:00:00"


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def words(first: int, *others: int) -> list[int]:
    return [first, *others, *[0] * (15 - len(others))]


def ready(version: int = 5) -> list:
    """Reset VF 0 and agree on an API: 5 is 1.4, 4 1.3, 3 1.2, 2 1.1, 0 1.0."""
    return [(0, [1]), (0, [8, version])]


def in_vf(**changes) -> dict:
    return {"vfs": changes}


PF_MAC = [("set_vf_mac", 0, mac(A))]
FILTERED = {"mac_anti_spoof": False, "vlan_anti_spoof": False}
TRUST = [("set_vf_trust", 0, True)]
QUERY = [("set_vf_rss_query", 0, True)]
FULL_VLANS = [(1, [1]), *[(1, [0x10004, 100 + k]) for k in range(63)]]
FULL_FILTERS = [(1, [1]), *[(1, [0x20006, 0x2, 0x100 + k]) for k in range(108)]]

# (name, device, before, words of VF 0's message, words of the reply, what changes); by default an 82599 with 4 VFs.
ROWS = [
    # What every message goes through.
    ("a message with ACK", "82599", ready(), [0x80000002, *A_WORDS], None, {}),
    ("a message with NACK", "82599", ready(), [0x40000002, *A_WORDS], None, {}),
    ("even RESET with ACK", "82599", [], [0x80000001], None, {}),
    ("a message before RESET", "82599", [], [0x02, *A_WORDS], [0x40000002], {}),
    ("an unknown one before RESET", "82599", [], [0x2000DEAD], [0x6000DEAD], {}),
    ("API_NEGOTIATE before RESET", "82599", [], [0x08, 5], [0x40000008], {}),
    ("an unknown type", "82599", ready(), [0x07, 1, 2], words(0x60000007, 1, 2), {}),
    ("type 0", "82599", ready(), [0], words(0x60000000), {}),
    ("RESET with bits 23:16", "82599", ready(), [0x10001], words(0x60010001), {}),
    ("RESET with CTS", "82599", ready(), [0x20000001], words(0x60000001), {}),
    ("a message with CTS", "82599", ready(), [0x20000004, 0], words(0xA0000004), {}),
    ("bits 31:16 are no part of the type", "82599", ready(), [0x1F000004, 0], words(0xBF000004), {}),
    ("IPsec", "x540", ready(), [0x0D], words(0x6000000D), {}),
    # RESET
    ("RESET without a MAC", "82599", [], [1], [0x40000001, 0, 0, 0], in_vf(clear_to_send=True, vlans=[0])),
    (
        "RESET with a MAC of the PF",
        "82599",
        PF_MAC,
        [1],
        [0x80000001, *A_WORDS, 0],
        in_vf(clear_to_send=True, vlans=[0]),
    ),
    ("RESET with a MAC of its own", "82599", [*ready(0), (0, [2, *A_WORDS])], [1], [0x40000001, 0, 0, 0], {}),
    ("RESET brings API 1.0", "82599", ready(), [1], [0x40000001, 0, 0, 0], in_vf(api="1.0")),
    (
        "RESET clears VLANs and hashes",
        "82599",
        [*ready(0), (0, [0x10004, 7]), (0, [0x10003, 0x123])],
        [1],
        [0x40000001, 0, 0, 0],
        {**in_vf(vlans=[0], hashes=[]), "free_vlvf": 63},
    ),
    (
        "RESET clears filters, anti-spoofing stays off",
        "82599",
        [*ready(0), (0, [0x10006, *A_WORDS])],
        [1],
        [0x40000001, 0, 0, 0],
        {"mac_filters": [], "free_macvlans": 108, "free_receive_addresses": 127},
    ),
    (
        "RESET beside a port VLAN turns anti-spoofing on",
        "82599",
        [*ready(0), (0, [0x10006, *A_WORDS]), ("set_vf_vlan", 0, 9, 0)],
        [1],
        [0x40000001, 0, 0, 0],
        {
            **in_vf(mac_anti_spoof=True, vlan_anti_spoof=True),
            "mac_filters": [],
            "free_macvlans": 108,
            "free_receive_addresses": 127,
        },
    ),
    (
        "RESET joins the port VLAN alone",
        "82599",
        [("set_vf_vlan", 0, 9, 2)],
        [1],
        [0x40000001, 0, 0, 0],
        in_vf(clear_to_send=True),
    ),
    # SET_MAC
    (
        "SET_MAC",
        "82599",
        ready(),
        [2, *A_WORDS],
        words(0xA0000002, *A_WORDS),
        {**in_vf(mac=A), "mac_filters": [(0, A)], "free_receive_addresses": 126},
    ),
    (
        "SET_MAC replaces",
        "82599",
        [*ready(), (0, [2, *A_WORDS])],
        [2, *B_WORDS],
        words(0xA0000002, *B_WORDS),
        {**in_vf(mac=B), "mac_filters": [(0, B)]},
    ),
    ("SET_MAC of a group", "82599", ready(), [2, *GROUP_WORDS], words(0x60000002, *GROUP_WORDS), {}),
    ("SET_MAC of zero", "82599", ready(), [2, 0, 0], words(0x60000002), {}),
    ("SET_MAC: the PF's own again", "82599", [*PF_MAC, *ready()], [2, *A_WORDS], words(0xA0000002, *A_WORDS), {}),
    ("SET_MAC against the PF's", "82599", [*PF_MAC, *ready()], [2, *B_WORDS], words(0x60000002, *B_WORDS), {}),
    (
        "SET_MAC against the PF's, trusted",
        "82599",
        [*PF_MAC, *TRUST, *ready()],
        [2, *B_WORDS],
        words(0xA0000002, *B_WORDS),
        {**in_vf(mac=B), "mac_filters": [(0, B)]},
    ),
    (
        "SET_MAC: bits above the address",
        "82599",
        ready(),
        [2, 0x2, 0xFFFF0A00],
        words(0xA0000002, 0x2, 0xFFFF0A00),
        {**in_vf(mac=A), "mac_filters": [(0, A)], "free_receive_addresses": 126},
    ),
    # SET_MULTICAST
    ("one hash", "82599", ready(), [0x10003, 0x0456_0123], words(0xA0010003, 0x0456_0123), in_vf(hashes=[0x123])),
    ("three hashes", "82599", ready(), [0x30003, 0x20001, 3], words(0xA0030003, 0x20001, 3), in_vf(hashes=[1, 2, 3])),
    (
        "no hashes",
        "82599",
        [*ready(), (0, [0x10003, 5])],
        [0x00003],
        words(0xA0000003),
        in_vf(hashes=[]),
    ),
    (
        "31 hashes are 30",
        "82599",
        ready(),
        [0x1F0003, *[0x10001] * 15],
        [0xA01F0003, *[0x10001] * 15],
        in_vf(hashes=[1] * 30),
    ),
    # SET_VLAN
    (
        "a VLAN joined",
        "82599",
        ready(),
        [0x10004, 7],
        words(0xA0010004, 7),
        {**in_vf(vlans=[0, 7]), "free_vlvf": 62},
    ),
    (
        "a VLAN left",
        "82599",
        [*ready(), (0, [0x10004, 7])],
        [0x4, 7],
        words(0xA0000004, 7),
        {**in_vf(vlans=[0]), "free_vlvf": 63},
    ),
    (
        "a VLAN left that another is in",
        "82599",
        [*ready(), (1, [1]), (0, [0x10004, 7]), (1, [0x10004, 7])],
        [0x4, 7],
        words(0xA0000004, 7),
        in_vf(vlans=[0]),
    ),
    ("a VLAN left that it is not in", "82599", ready(), [0x4, 7], words(0xA0000004, 7), {}),
    ("VLAN 0 is never left", "82599", ready(), [0x4, 0], words(0xA0000004), {}),
    ("VLAN 0 joined again", "82599", ready(), [0x10004, 0], words(0xA0010004), {}),
    (
        "12 bits of the VLAN, any bit of the info",
        "82599",
        ready(),
        [0x800004, 0xFFFF_F007],
        words(0xA0800004, 0xFFFF_F007),
        {**in_vf(vlans=[0, 7]), "free_vlvf": 62},
    ),
    (
        "a VLAN beside a port VLAN",
        "82599",
        [*ready(), ("set_vf_vlan", 0, 9, 0)],
        [0x10004, 7],
        words(0x60010004, 7),
        {},
    ),
    (
        "a VLAN beside a priority alone",
        "82599",
        [*ready(), ("set_vf_vlan", 0, 0, 3)],
        [0x10004, 7],
        words(0xA0010004, 7),
        {**in_vf(vlans=[7]), "free_vlvf": 62},
    ),
    ("no entry for a VLAN", "82599", [*FULL_VLANS, *ready()], [0x10004, 7], words(0x60010004, 7), {}),
    ("no entry to look for a VLAN", "82599", [*FULL_VLANS, *ready()], [0x4, 7], words(0x60000004, 7), {}),
    (
        "an entry shared",
        "82599",
        [*FULL_VLANS, *ready()],
        [0x10004, 100],
        words(0xA0010004, 100),
        in_vf(vlans=[0, 100]),
    ),
    # SET_LPE
    ("a frame of 68 B", "82599", ready(), [5, 68], words(0xA0000005, 68), in_vf(max_frame=68)),
    ("a frame of 67 B", "82599", ready(), [5, 67], words(0x60000005, 67), {}),
    ("a whole standard frame", "82599", ready(), [5, 1518], words(0xA0000005, 1518), {}),
    ("jumbo on the 82599", "82599", ready(), [5, 1519], words(0x60000005, 1519), {}),
    (
        "jumbo on the X540",
        "x540",
        ready(),
        [5, 9728],
        words(0xA0000005, 9728),
        {**in_vf(max_frame=9728), "greatest_frame": 9728},
    ),
    ("more than jumbo", "x540", ready(), [5, 9729], words(0x60000005, 9729), {}),
    ("a negative frame", "x550", ready(), [5, 0xFFFFFFFF], words(0x60000005, 0xFFFFFFFF), {}),
    # SET_MACVLAN
    (
        "a filter",
        "82599",
        ready(),
        [0x10006, *A_WORDS],
        words(0xA0010006, *A_WORDS),
        {**in_vf(**FILTERED), "mac_filters": [(0, A)], "free_macvlans": 107, "free_receive_addresses": 126},
    ),
    (
        "a second filter",
        "82599",
        [*ready(), (0, [0x10006, *A_WORDS])],
        [0x20006, *B_WORDS],
        words(0xA0020006, *B_WORDS),
        {"mac_filters": [(0, A), (0, B)], "free_macvlans": 106, "free_receive_addresses": 125},
    ),
    (
        "index 1 clears first",
        "82599",
        [*ready(), (0, [0x10006, *A_WORDS])],
        [0x10006, *B_WORDS],
        words(0xA0010006, *B_WORDS),
        {"mac_filters": [(0, B)]},
    ),
    (
        "index 0 clears",
        "82599",
        [*ready(), (0, [0x10006, *A_WORDS])],
        [0x00006, *B_WORDS],
        words(0xA0000006, *B_WORDS),
        {"mac_filters": [], "free_macvlans": 108, "free_receive_addresses": 127},
    ),
    ("index 0 looks at no address", "82599", [*PF_MAC, *ready()], [6, 0, 0], words(0xA0000006), {}),
    ("a filter for a group", "82599", ready(), [0x10006, *GROUP_WORDS], words(0x60010006, *GROUP_WORDS), {}),
    (
        "a filter beside the PF's MAC",
        "82599",
        [*PF_MAC, *ready()],
        [0x10006, *B_WORDS],
        words(0x60010006, *B_WORDS),
        {},
    ),
    ("no space for a filter", "82599", [*FULL_FILTERS, *ready()], [0x10006, *A_WORDS], words(0x60010006, *A_WORDS), {}),
    (
        "a filter without checks",
        "82599",
        [*ready(), ("set_vf_spoofchk", 0, False)],
        [0x10006, *A_WORDS],
        words(0xA0010006, *A_WORDS),
        {"mac_filters": [(0, A)], "free_macvlans": 107, "free_receive_addresses": 126},
    ),
    # API_NEGOTIATE
    *[
        (
            f"API {name}",
            "82599",
            ready(4 if number != 4 else 5),
            [8, number],
            words(0xA0000008, number),
            in_vf(api=name),
        )
        for number, name in {0: "1.0", 2: "1.1", 3: "1.2", 4: "1.3", 5: "1.4"}.items()
    ],
    ("API 2.0", "82599", ready(), [8, 1], words(0x60000008, 1), {}),
    ("API 1.5", "82599", ready(), [8, 6], words(0x60000008, 6), {}),
    # Questions
    ("queues at 1.0", "82599", ready(0), [9], words(0x60000009), {}),
    ("queues at 1.1", "82599", ready(2), [9], words(0xA0000009, 4, 4, 0, 0), {}),
    ("queues beside a port VLAN", "x550", [*ready(), ("set_vf_vlan", 0, 9, 0)], [9], words(0xA0000009, 4, 4, 1, 0), {}),
    ("queues beside a priority", "82599", [*ready(), ("set_vf_vlan", 0, 0, 1)], [9], words(0xA0000009, 4, 4, 1, 0), {}),
    ("the table without leave", "82599", ready(), [10], words(0x6000000A), {}),
    ("the table at 1.1", "82599", [*QUERY, *ready(2)], [10], words(0x6000000A), {}),
    ("the table at 1.2", "82599", [*QUERY, *ready(3)], [10], words(0xA000000A, *[0xE4E4E4E4] * 8), {}),
    ("the key without leave", "82599", ready(), [11], words(0x6000000B), {}),
    (
        "the key",
        "x540",
        [*QUERY, *ready()],
        [11],
        words(0xA000000B, *[0x03020100 + 0x04040404 * k for k in range(10)]),
        {},
    ),
    ("the link at 1.1", "82599", ready(2), [16], words(0x60000010), {}),
    ("the link up", "82599", ready(3), [16, 7], words(0xA0000010, 1), {}),
    ("the link taken", "x550", [("set_vf_link_state", 0, "disable"), *ready()], [16], words(0xA0000010, 0), {}),
    # UPDATE_XCAST
    ("modes at 1.1", "x540", ready(2), [12, 1], words(0x6000000C, 1), {}),
    ("MULTI", "x540", ready(3), [12, 1], words(0xA000000C, 1), in_vf(xcast_mode=1)),
    ("ALLMULTI without trust is MULTI", "x540", ready(), [12, 2], words(0xA000000C, 1), in_vf(xcast_mode=1)),
    ("ALLMULTI", "82599", [*TRUST, *ready()], [12, 2], words(0xA000000C, 2), in_vf(xcast_mode=2)),
    ("NONE", "82599", [*ready(), (0, [12, 1])], [12, 0], words(0xA000000C, 0), in_vf(xcast_mode=0)),
    ("PROMISC at 1.2", "x540", [*TRUST, *ready(3)], [12, 3], words(0x6000000C, 3), {}),
    ("PROMISC at 1.2 without trust", "x540", ready(3), [12, 3], words(0x6000000C, 3), {}),
    ("PROMISC at 1.3 without trust", "x540", ready(4), [12, 3], words(0xA000000C, 1), in_vf(xcast_mode=1)),
    ("PROMISC beside a PF that is not", "x540", [*TRUST, *ready()], [12, 3], words(0x6000000C, 3), {}),
    (
        "PROMISC on the 82599",
        "82599",
        [*TRUST, *ready(), ("set_promiscuous", True)],
        [12, 3],
        words(0x6000000C, 3),
        {},
    ),
    (
        "PROMISC",
        "x550",
        [*TRUST, *ready(), ("set_promiscuous", True)],
        [12, 3],
        words(0xA000000C, 3),
        in_vf(xcast_mode=3),
    ),
    ("mode 4 without trust is MULTI", "x540", ready(), [12, 4], words(0xA000000C, 1), in_vf(xcast_mode=1)),
    ("mode 4", "x540", [*TRUST, *ready()], [12, 4], words(0x6000000C, 4), {}),
    ("the least number", "x540", ready(), [12, 0x80000000], words(0x6000000C, 0x80000000), {}),
    ("mode -1", "x540", ready(), [12, 0xFFFFFFFF], words(0x6000000C, 0xFFFFFFFF), {}),
]


# (name, device, before, call, whether it is taken, what changes)
CALLS = [
    (
        "a MAC",
        "82599",
        [],
        ("set_vf_mac", 0, mac(A)),
        True,
        {**in_vf(mac=A, pf_set_mac=True), "mac_filters": [(0, A)], "free_receive_addresses": 126},
    ),
    ("a group's MAC", "82599", [], ("set_vf_mac", 0, b"\xff" * 6), False, {}),
    ("a MAC of no VF", "82599", [], ("set_vf_mac", 4, mac(A)), False, {}),
    (
        "a MAC taken back",
        "82599",
        PF_MAC,
        ("set_vf_mac", 0, bytes(6)),
        True,
        {**in_vf(mac=NO_MAC, pf_set_mac=False), "mac_filters": [], "free_receive_addresses": 127},
    ),
    ("no MAC taken back", "82599", [], ("set_vf_mac", 0, bytes(6)), True, {}),
    (
        "a port VLAN",
        "82599",
        ready(),
        ("set_vf_vlan", 0, 9, 2),
        True,
        {**in_vf(pf_vlan=9, pf_qos=2, vlans=[9]), "free_vlvf": 62},
    ),
    (
        "a port VLAN beside others",
        "82599",
        [*ready(), (0, [0x10004, 7])],
        ("set_vf_vlan", 0, 9, 0),
        True,
        {**in_vf(pf_vlan=9, vlans=[7, 9]), "free_vlvf": 61},
    ),
    (
        "another port VLAN",
        "82599",
        [("set_vf_vlan", 0, 9, 2)],
        ("set_vf_vlan", 0, 10, 0),
        True,
        in_vf(pf_vlan=10, pf_qos=0, vlans=[10]),
    ),
    (
        "no port VLAN",
        "82599",
        [("set_vf_vlan", 0, 9, 2)],
        ("set_vf_vlan", 0, 0, 0),
        True,
        {**in_vf(pf_vlan=0, pf_qos=0, vlans=[0]), "free_vlvf": 63},
    ),
    ("a port VLAN without an entry", "82599", FULL_VLANS, ("set_vf_vlan", 0, 9, 0), False, {}),
    ("no port VLAN where there was none", "82599", [], ("set_vf_vlan", 0, 0, 0), True, in_vf(vlans=[0])),
    (
        "a priority alone, and none",
        "82599",
        [*ready(), ("set_vf_vlan", 0, 0, 3)],
        ("set_vf_vlan", 0, 0, 0),
        True,
        in_vf(vlans=[0], pf_qos=0),
    ),
    ("VLAN 4096", "82599", [], ("set_vf_vlan", 0, 4096, 0), False, {}),
    ("priority 8", "82599", [], ("set_vf_vlan", 0, 1, 8), False, {}),
    ("trust", "82599", ready(), ("set_vf_trust", 0, True), True, in_vf(trusted=True, clear_to_send=False)),
    ("no trust again", "82599", ready(), ("set_vf_trust", 0, False), True, {}),
    (
        "no spoof check",
        "82599",
        [],
        ("set_vf_spoofchk", 0, False),
        True,
        in_vf(spoofchk=False, mac_anti_spoof=False, vlan_anti_spoof=False),
    ),
    (
        "a spoof check after a filter",
        "82599",
        [*ready(), (0, [0x10006, *A_WORDS])],
        ("set_vf_spoofchk", 0, True),
        True,
        in_vf(mac_anti_spoof=True, vlan_anti_spoof=True),
    ),
    (
        "no link",
        "82599",
        ready(),
        ("set_vf_link_state", 0, "disable"),
        True,
        in_vf(link_state="disable", link_enabled=False, clear_to_send=False),
    ),
    ("the link forced", "82599", ready(), ("set_vf_link_state", 0, "enable"), True, {}),
    ("an unknown link state", "82599", ready(), ("set_vf_link_state", 0, "up"), False, {}),
    ("leave to query", "x540", [], ("set_vf_rss_query", 0, True), True, in_vf(rss_query=True)),
    ("leave to query on the X550", "x550", [], ("set_vf_rss_query", 0, True), False, {}),
    ("a rate", "82599", [], ("set_vf_rate", 0, 11), True, in_vf(rate=11)),
    ("too low a rate", "82599", [], ("set_vf_rate", 0, 10), False, {}),
    ("too high a rate", "82599", [], ("set_vf_rate", 0, 10_001), False, {}),
    ("the whole rate", "82599", [], ("set_vf_rate", 0, 10_000), True, in_vf(rate=10_000)),
    *[
        (f"{call[0]} of no VF", "x540", [], (call[0], 4, *call[1:]), False, {})
        for call in (
            ("set_vf_vlan", 1, 0),
            ("set_vf_spoofchk", False),
            ("set_vf_trust", True),
            ("set_vf_link_state", "disable"),
            ("set_vf_rss_query", True),
            ("set_vf_rate", 100),
        )
    ],
    ("a least rate", "82599", [], ("set_vf_rate", 0, 100, 50), False, {}),
    ("no rate", "82599", [("set_vf_rate", 0, 100)], ("set_vf_rate", 0, 0), True, in_vf(rate=0)),
    ("promiscuous", "82599", [], ("set_promiscuous", True), True, {"promiscuous": True}),
]
