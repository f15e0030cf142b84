"""A second implementation of the PF's side of the mailbox: what the Linux driver ixgbe answers to a VF, and keeps.

Written from the behaviour of drivers/net/ethernet/intel/ixgbe (ixgbe_sriov.c, and for the tables ixgbe_main.c and
ixgbe_common.c) in kernels of 2024; the function that a rule comes from stands in brackets beside it. It shares nothing
with the product. A refusal is a NACK, and leaves `state()` as it was.

Where that driver leaves a choice, or does what a model need not repeat:

 1. A reply to RESET is 4 words without CTS, and an ACK only where the PF has set the MAC: else NACK with address 0,
    although the VF is clear to send from then on. "Not clear to send" is answered by 1 word, all else by all 16 words:
    those of the message, whatever it did not carry being 0 (the hardware would have what stood there before).
 2. RESET is a first word of exactly 1. With CTS or bits 23:16 it is an unknown message, as any other type: NACK.
 3. The driver turns anti-spoofing off before it looks whether there is space for a filter. Here only a granted filter
    does so, since a refusal changes nothing.
 4. RESET turns anti-spoofing on again only for a VF with a port VLAN or priority, or with classes on. Elsewhere it
    stays off after a granted filter until an administrator sets it.
 5. RESET leaves the mode of UPDATE_XCAST, `max_frame`, trust and link state. It brings API 1.0, VLAN 0 or the port VLAN
    alone, no multicast hashes, no further filters.
 6. A VF has no VLAN before its first RESET, or before an administrator takes a port VLAN back: then VLAN 0.
 7. A port VLAN leaves the VF's other VLANs but 0 in place until RESET. A priority without VLAN (0, qos) takes VLAN 0
    away and does not refuse SET_VLAN. A new port VLAN for which there is no entry leaves the old one (the driver loses
    it).
 8. Bits 23:16 of SET_VLAN: any value but 0 adds. A VLAN that the VF does not have is removed with ACK; with NACK if no
    entry has it and none is free (the driver looks for a place first). Of the second word the low 12 bits count.
 9. VLAN table: entry 0 is VLAN 0's and counts as taken, since the PF is in VLAN 0: 63 are free at the start.
    Receive addresses: entry 0 is the PF's: 127 are free at the start, 126 with a storage address (`san_mac`).
10. SET_MACVLAN: 112 - VFs filters for all VFs together; index 1 clears the VF's own first, index 0 does nothing else,
    any other adds. An address may stand in the table more than once, for one VF too.
11. UPDATE_XCAST: an untrusted VF that asks for more than MULTI gets MULTI, for numbers that mean nothing too (the reply
    says so); a negative number is refused. The mode that it has already is granted without a look at the PF.
12. SET_LPE: `max_frame` is the last one granted, 1518 at first (the driver keeps the adapter's greatest alone, here
    `greatest_frame`). A refusal on the 82599 also stops the VF's reception, which is not in `state()`.
13. Multicast hashes are kept as sent, 16 bits each and in order, though the table looks at 12.
14. Link state "enable" is taken and does nothing. "auto" is up. "auto" and "disable" and a change of trust (not a
    repetition) take clear-to-send away.
15. IPsec messages are refused, as by a driver whose private flag for them is off (it grants the removal of an entry
    that is not there to a trusted VF).
16. A function reset of the VF takes its filters and API, but neither its address nor clear-to-send. The address that an
    administrator takes back before the VF's RESET has no filter, which is refused.
17. Taking back an address (zeros) that is not there is taken and changes nothing. A rate is 0 or 11 to 10,000 Mb/s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

RESET, SET_MAC, SET_MULTICAST, SET_VLAN, SET_LPE, SET_MACVLAN, API_NEGOTIATE = 1, 2, 3, 4, 5, 6, 8
GET_QUEUES, GET_RETA, GET_RSS_KEY, UPDATE_XCAST, IPSEC_ADD, IPSEC_DEL, GET_LINK_STATE = 9, 10, 11, 12, 13, 14, 16
ACK, NACK, CTS = 0x80000000, 0x40000000, 0x20000000
N_WORDS = 16
# Numbers on the wire [enum ixgbe_pfvf_api_rev]; 1 is another system's 2.0, which nobody grants.
VERSIONS = {0: "1.0", 2: "1.1", 3: "1.2", 4: "1.3", 5: "1.4"}
NONE, MULTI, ALLMULTI, PROMISC = range(4)
DEVICES = ("82599", "x540", "x550")
N_RECEIVE_ADDRESSES, N_VLVF = 128, 64
PF_MACVLANS = 15  # the PF keeps these for itself, and one for its own address [ixgbe_alloc_vf_macvlans]
N_HASHES = 30
SMALLEST_FRAME, LARGEST_FRAME, STANDARD_FRAME = 68, 9728, 1518  # the last with its check sequence
LARGEST_RATE, LOWEST_REFUSED_RATE = 10_000, 10  # Mb/s
NO_MAC = bytes(6)


@dataclass
class Vf:
    """What the PF keeps of a VF; the defaults are those of enabling SR-IOV [__ixgbe_enable_sriov]."""

    clear_to_send: bool = False
    mac: bytes = NO_MAC
    pf_set_mac: bool = False
    trusted: bool = False
    api: str = "1.0"
    pf_vlan: int = 0
    pf_qos: int = 0
    macvlans: list[bytes] = field(default_factory=list)
    has_mac_filter: bool = False  # false between a function level reset and the RESET message
    spoofchk: bool = True
    mac_anti_spoof: bool = True
    vlan_anti_spoof: bool = True
    xcast_mode: int = NONE
    hashes: list[int] = field(default_factory=list)
    max_frame: int = STANDARD_FRAME
    rss_query: bool = False
    link_state: str = "auto"
    link_enabled: bool = True
    rate: int = 0


class ReferencePf:
    """The PF of an adapter with `n_vfs` VFs; `classes` is the number of traffic classes, 0 for none."""

    def __init__(
        self,
        device: str,
        n_vfs: int,
        *,
        classes: int = 0,
        default_class: int = 0,
        pf_mtu: int = 1500,
        queues_per_pool: int | None = None,
        reta: Sequence[int] | None = None,
        rss_key: bytes = bytes(range(40)),
        mc_filter_type: int = 0,
        san_mac: bool = False,
    ):
        assert device in DEVICES
        assert 0 < n_vfs < 64
        assert len(rss_key) == 40
        self.device, self.classes, self.default_class, self.pf_mtu = device, classes, default_class, pf_mtu
        self.queues_per_pool = queues_per_pool or _queues_per_pool(n_vfs, classes)
        self.reta = list(reta or [entry % 4 for entry in range(128)])
        self.rss_key, self.mc_filter_type = rss_key, mc_filter_type
        self.n_receive_addresses = N_RECEIVE_ADDRESSES - san_mac  # the last one is the storage address's
        self.n_macvlans = self.n_receive_addresses - (PF_MACVLANS + 1 + n_vfs)
        self.promiscuous = False
        self.greatest_frame = pf_mtu + 18
        self.vfs = [Vf() for _ in range(n_vfs)]
        self.pools: dict[int, set[int]] = {}  # by VLAN, the VFs in it; a VLAN without any has no entry

    # ---- messages

    def handle(self, number: int, words: Sequence[int]) -> list[int] | None:
        """Serve a message of VF `number` and give the reply's words [ixgbe_rcv_msg_from_vf]."""
        assert 0 < len(words) <= N_WORDS
        message = [*words, *[0] * (N_WORDS - len(words))]
        if message[0] & (ACK | NACK):
            return None
        if message[0] == RESET:
            return self._reset(number)
        if not self.vfs[number].clear_to_send:
            return [message[0] | NACK]
        served = {
            SET_MAC: self._set_mac,
            SET_MULTICAST: self._set_multicast,
            SET_VLAN: self._set_vlan,
            SET_LPE: self._set_lpe,
            SET_MACVLAN: self._set_macvlan,
            API_NEGOTIATE: self._negotiate,
            GET_QUEUES: self._get_queues,
            GET_RETA: self._get_reta,
            GET_RSS_KEY: self._get_rss_key,
            UPDATE_XCAST: self._update_xcast,
            GET_LINK_STATE: self._get_link_state,
        }.get(message[0] & 0xFFFF)
        is_granted = bool(served and served(number, message))
        message[0] |= (ACK if is_granted else NACK) | CTS
        return message

    def _reset(self, number: int) -> list[int]:
        """Start the VF anew, let it send, and tell it the address that the PF has chosen [ixgbe_vf_reset_msg]."""
        vf = self.vfs[number]
        self.function_reset(number)
        vf.has_mac_filter = vf.mac != NO_MAC
        vf.clear_to_send = True
        if vf.pf_set_mac and vf.mac != NO_MAC:
            return [RESET | ACK, *_mac_words(vf.mac), self.mc_filter_type]
        return [RESET | NACK, 0, 0, self.mc_filter_type]

    def _set_mac(self, number: int, message: list[int]) -> bool:
        """Refuse a group, zero, or another address than the PF's to an untrusted VF [ixgbe_set_vf_mac_addr]."""
        vf, mac = self.vfs[number], _mac_of(message)
        if not _is_station(mac) or (vf.pf_set_mac and not vf.trusted and mac != vf.mac):
            return False
        vf.mac, vf.has_mac_filter = mac, True
        return True

    def _set_multicast(self, number: int, message: list[int]) -> bool:
        """Take as many hashes as bits 23:16 say, at most 30, two a word, low half first [ixgbe_set_vf_multicasts]."""
        n_hashes = min(_extra(message), N_HASHES)
        self.vfs[number].hashes = [message[1 + k // 2] >> 16 * (k % 2) & 0xFFFF for k in range(n_hashes)]
        return True

    def _set_vlan(self, number: int, message: list[int]) -> bool:
        """Refuse beside a port VLAN or classes; keep VLAN 0 [ixgbe_set_vf_vlan_msg]."""
        adds, vlan = bool(_extra(message)), message[1] & 0xFFF
        if self.vfs[number].pf_vlan or self.classes:
            return False
        if not adds and vlan == 0:
            return True
        return self._join(number, vlan) if adds else self._leave(number, vlan)

    def _set_lpe(self, number: int, message: list[int]) -> bool:
        """Take 68 to 9728 B; on the 82599 all go with the PF, jumbo or not, from API 1.1 on [ixgbe_set_vf_lpe]."""
        n_bytes, vf = message[1], self.vfs[number]
        if not SMALLEST_FRAME <= n_bytes <= LARGEST_FRAME:
            return False
        if self.device == "82599":
            is_pf_jumbo = self.pf_mtu > 1500
            if is_pf_jumbo and vf.api == "1.0":
                return False
            if not is_pf_jumbo and n_bytes > STANDARD_FRAME:
                return False
        vf.max_frame = n_bytes
        self.greatest_frame = max(self.greatest_frame, n_bytes)
        return True

    def _set_macvlan(self, number: int, message: list[int]) -> bool:
        """Serve index 0 (clear), 1 (clear, then add) and above (add) [ixgbe_set_vf_macvlan_msg, ..._macvlan]."""
        vf, index, mac = self.vfs[number], _extra(message), _mac_of(message)
        if index == 0:
            vf.macvlans = []
            return True
        if (vf.pf_set_mac and not vf.trusted) or not _is_station(mac):
            return False
        kept = [] if index == 1 else vf.macvlans
        n_others = sum(len(other.macvlans) for other in self.vfs) - len(vf.macvlans)
        if n_others + len(kept) >= self.n_macvlans:
            return False
        vf.macvlans = [*kept, mac]
        if vf.spoofchk:
            vf.mac_anti_spoof = vf.vlan_anti_spoof = False
        return True

    def _negotiate(self, number: int, message: list[int]) -> bool:
        """Grant 1.0 to 1.4 [ixgbe_negotiate_vf_api]."""
        if message[1] not in VERSIONS:
            return False
        self.vfs[number].api = VERSIONS[message[1]]
        return True

    def _get_queues(self, number: int, message: list[int]) -> bool:
        """Tell Tx and Rx queues, classes or else 1 for a port VLAN or priority, the default [ixgbe_get_vf_queues]."""
        vf = self.vfs[number]
        if vf.api == "1.0":
            return False
        tagged = self.classes or int(bool(vf.pf_vlan or vf.pf_qos))
        default = self.default_class if self.classes > 1 else 0
        message[1:5] = [self.queues_per_pool, self.queues_per_pool, tagged, default]
        return True

    def _get_reta(self, number: int, message: list[int]) -> bool:
        """Tell the 128 entries, 2 bits each, the first lowest [ixgbe_get_vf_reta]."""
        if not self._may_query_rss(number):
            return False
        for word in range(8):
            message[1 + word] = sum((self.reta[16 * word + k] & 3) << 2 * k for k in range(16))
        return True

    def _get_rss_key(self, number: int, message: list[int]) -> bool:
        """Tell the 40 B of the key, the first byte lowest [ixgbe_get_vf_rss_key]."""
        if not self._may_query_rss(number):
            return False
        message[1:11] = [int.from_bytes(self.rss_key[at : at + 4], "little") for at in range(0, 40, 4)]
        return True

    def _may_query_rss(self, number: int) -> bool:
        return self.vfs[number].rss_query and self.vfs[number].api >= "1.2"

    def _update_xcast(self, number: int, message: list[int]) -> bool:
        """Refuse before 1.2, and promiscuous at 1.2; cut an untrusted VF to MULTI [ixgbe_update_vf_xcast_mode]."""
        vf, mode = self.vfs[number], message[1]
        if vf.api < "1.2" or (vf.api == "1.2" and mode == PROMISC) or mode >= 1 << 31:
            return False
        if mode > MULTI and not vf.trusted:
            mode = MULTI
        if mode != vf.xcast_mode:
            if mode > PROMISC:
                return False
            if mode == PROMISC and (self.device == "82599" or not self.promiscuous):
                return False
        vf.xcast_mode = message[1] = mode
        return True

    def _get_link_state(self, number: int, message: list[int]) -> bool:
        """Tell 1 for up, from 1.2 on [ixgbe_get_vf_link_state]."""
        vf = self.vfs[number]
        if vf.api < "1.2":
            return False
        message[1] = int(vf.link_enabled)
        return True

    # ---- what administrators and the bus do; each administrative call tells whether it was taken

    def function_reset(self, number: int) -> None:
        """See the VF's function reset: its filters go, address and leave to send stay [ixgbe_vf_reset_event]."""
        vf = self.vfs[number]
        for vlan in self._vlans(number):
            self._leave(number, vlan)
        self._join(number, vf.pf_vlan)
        if (vf.pf_vlan or vf.pf_qos or self.classes) and vf.spoofchk:
            vf.mac_anti_spoof = vf.vlan_anti_spoof = True
        vf.hashes, vf.macvlans, vf.has_mac_filter, vf.api = [], [], False, "1.0"

    def set_vf_mac(self, number: int, mac: bytes) -> bool:
        """Set the address, or take it back with zeros [ixgbe_ndo_set_vf_mac]."""
        if not self._has(number) or len(mac) != 6:
            return False
        vf = self.vfs[number]
        if _is_station(mac):
            vf.mac, vf.pf_set_mac, vf.has_mac_filter = mac, True, True
            return True
        if mac != NO_MAC:
            return False
        if vf.mac == NO_MAC:
            return True  # and a mark that the PF has set it would stay
        if not vf.has_mac_filter:
            return False  # there is no filter to remove
        vf.mac, vf.pf_set_mac, vf.has_mac_filter = NO_MAC, False, False
        return True

    def set_vf_vlan(self, number: int, vlan: int, qos: int = 0) -> bool:
        """Set the port VLAN and its priority, or take both back with zeros [ixgbe_ndo_set_vf_vlan]."""
        if not self._has(number) or not 0 <= vlan <= 4095 or not 0 <= qos <= 7:
            return False
        vf = self.vfs[number]
        old = {each: set(members) for each, members in self.pools.items()}
        if vf.pf_vlan or not (vlan or qos):
            self._leave(number, vf.pf_vlan)
            self._join(number, 0)
        if vlan or qos:
            if not self._join(number, vlan):
                self.pools = old
                return False
            self._leave(number, 0)
        vf.pf_vlan, vf.pf_qos = vlan, qos
        return True

    def set_vf_spoofchk(self, number: int, is_on: bool) -> bool:
        """Set both checks [ixgbe_ndo_set_vf_spoofchk]."""
        if not self._has(number):
            return False
        vf = self.vfs[number]
        vf.spoofchk = vf.mac_anti_spoof = vf.vlan_anti_spoof = is_on
        return True

    def set_vf_trust(self, number: int, is_on: bool) -> bool:
        """Trust or not; on a change the VF has to reset [ixgbe_ndo_set_vf_trust]."""
        if not self._has(number):
            return False
        vf = self.vfs[number]
        if vf.trusted != is_on:
            vf.trusted, vf.clear_to_send = is_on, False
        return True

    def set_vf_link_state(self, number: int, state: str) -> bool:
        """Take the link away, or follow the PF's; the VF has to reset [ixgbe_ndo_set_vf_link_state]."""
        if not self._has(number) or state not in ("auto", "enable", "disable"):
            return False
        if state != "enable":
            vf = self.vfs[number]
            vf.link_state, vf.link_enabled, vf.clear_to_send = state, state == "auto", False
        return True

    def set_vf_rss_query(self, number: int, is_on: bool) -> bool:
        """Let the VF read table and key, on devices that share them [ixgbe_ndo_set_vf_rss_query_en]."""
        if not self._has(number) or self.device == "x550":
            return False
        self.vfs[number].rss_query = is_on
        return True

    def set_vf_rate(self, number: int, megabits: int, least_megabits: int = 0) -> bool:
        """Limit to 11 to 10,000 Mb/s, 0 for no limit; a least rate is refused [ixgbe_ndo_set_vf_bw]."""
        if not self._has(number) or least_megabits:
            return False
        if megabits and not LOWEST_REFUSED_RATE < megabits <= LARGEST_RATE:
            return False
        self.vfs[number].rate = megabits
        return True

    def set_promiscuous(self, is_on: bool) -> bool:
        """Let the PF receive all unicast; VFs that have the mode keep it [FCTRL.UPE in ixgbe_set_rx_mode]."""
        self.promiscuous = is_on
        return True

    # ---- state

    def state(self) -> dict:
        """Tell all that can be observed, as plain values."""
        filters = [(k, _text(mac)) for k, vf in enumerate(self.vfs) for mac in self._filters(vf)]
        n_macvlans = sum(len(vf.macvlans) for vf in self.vfs)
        return {
            "vfs": [self._vf_state(number) for number in range(len(self.vfs))],
            "mac_filters": sorted(filters),
            "free_receive_addresses": self.n_receive_addresses - 1 - len(filters),
            "free_macvlans": self.n_macvlans - n_macvlans,
            "free_vlvf": N_VLVF - 1 - self._n_entries(),
            "greatest_frame": self.greatest_frame,
            "promiscuous": self.promiscuous,
        }

    def _vf_state(self, number: int) -> dict:
        vf = self.vfs[number]
        same = ("clear_to_send", "pf_set_mac", "trusted", "api", "pf_vlan", "pf_qos", "spoofchk", "mac_anti_spoof")
        same += ("vlan_anti_spoof", "xcast_mode", "max_frame", "rss_query", "link_state", "link_enabled", "rate")
        return {
            **{name: getattr(vf, name) for name in same},
            "mac": _text(vf.mac),
            "vlans": self._vlans(number),
            "hashes": list(vf.hashes),
        }

    def _filters(self, vf: Vf) -> list[bytes]:
        return [*([vf.mac] if vf.has_mac_filter else []), *vf.macvlans]

    def _has(self, number: int) -> bool:
        return 0 <= number < len(self.vfs)

    # ---- the table of VLANs and their pools [ixgbe_set_vfta_generic, ixgbe_find_vlvf_slot]

    def _vlans(self, number: int) -> list[int]:
        return sorted(vlan for vlan, members in self.pools.items() if number in members)

    def _n_entries(self) -> int:
        return sum(vlan != 0 for vlan in self.pools)

    def _has_place(self, vlan: int) -> bool:
        return vlan == 0 or vlan in self.pools or self._n_entries() < N_VLVF - 1

    def _join(self, number: int, vlan: int) -> bool:
        if not self._has_place(vlan):
            return False
        self.pools.setdefault(vlan, set()).add(number)
        return True

    def _leave(self, number: int, vlan: int) -> bool:
        if not self._has_place(vlan):
            return False
        members = self.pools.get(vlan, set())
        members.discard(number)
        if not members:
            self.pools.pop(vlan, None)
        return True


def _queues_per_pool(n_vfs: int, classes: int) -> int:
    """Share 128 queues: the VFs' pools and the PF's one are 32 or 64 [ixgbe_set_sriov_queues, ..._dcb_sriov_queues]."""
    if classes > 1:
        return 8 if classes > 4 else 4
    return 4 if n_vfs + 1 <= 32 else 2


def _extra(message: list[int]) -> int:
    return message[0] >> 16 & 0xFF


def _mac_of(message: list[int]) -> bytes:
    return message[1].to_bytes(4, "little") + (message[2] & 0xFFFF).to_bytes(2, "little")


def _mac_words(mac: bytes) -> list[int]:
    return [int.from_bytes(mac[:4], "little"), int.from_bytes(mac[4:], "little")]


def _is_station(mac: bytes) -> bool:
    return mac != NO_MAC and not mac[0] & 1


def _text(mac: bytes) -> str:
    return ":".join(f"{byte:02x}" for byte in mac)
