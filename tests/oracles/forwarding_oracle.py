"""A second implementation of the forwarding decision: plain Python on names, sets and dictionaries, slow and direct.

Written from docs/forwarding.md and sharing nothing with the kernels. It takes any object shaped like the `switch` block
of a configuration. The order of the rules is the order of the lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from . import packet_oracle

C_TAG, S_TAG, VN_TAG, E_TAG, MAC_CONTROL = 0x8100, 0x88A8, 0x8926, 0x893F, 0x8808
BROADCAST = (1 << 48) - 1
OUTER_TYPE = {"vn_tag": VN_TAG, "e_tag": E_TAG, "multichannel": S_TAG}
VALUE_BYTES = {S_TAG: 2, VN_TAG: 4, E_TAG: 6}
# Rules 1 to 5: such a frame is not mirrored either.
NOT_EVEN_MIRRORED = {"PORT_DISABLED", "BAD_FRAME", "RUNT", "OVERSIZE", "BAD_SOURCE", "CONTROL_FRAME"}


@dataclass
class Outcome:
    """What became of a frame: the bytes of each copy by port name, or a reason; `policer` is a number in the list."""

    drop: str | None = None
    deliver: dict[str, bytes] = field(default_factory=dict)
    mirrored: dict[str, bytes] = field(default_factory=dict)
    vlan: int = 0
    priority: int = 0
    policer: int | None = None


class FrameDroppedError(Exception):
    """End a frame's way."""


@dataclass
class Frame:
    raw: bytes
    source: int = 0
    destination: int = 0
    outer: int | None = None  # the value behind the outer tag's type
    c_tag: tuple[int, int, int] | None = None
    ethertype: int = 0
    rest: bytes = b""  # from the type on
    priority: int = 0
    dei: int = 0
    vlan: int = 0
    policer: int | None = None

    @property
    def is_group(self) -> bool:
        return bool(self.raw[0] & 1)

    @property
    def is_reserved(self) -> bool:
        return self.raw[:6].hex().startswith("0180c200000")

    @property
    def tag_vid(self) -> int:
        return self.c_tag[2] if self.c_tag else 0


class ForwardingOracle:
    def __init__(self, switch):
        self.switch = switch
        self.mode = switch.mode
        self.station = {port.name: port for port in switch.ports}
        self.enabled = {name for name, port in self.station.items() if port.enabled}
        self.table = {}
        for port in switch.ports:
            for mac in port.macs:
                for vlan in port.vlans:
                    self.table.setdefault((vlan, mac), set()).add(port.name)
        for entry in switch.addresses:
            self.table.setdefault((entry.vlan, entry.mac), set()).update(entry.ports)

    # --- the whole way -----------------------------------------------------------------------------------------
    def forward(self, port, raw, is_bad=False, refused=False):
        """Say what becomes of a frame; `refused`: the policer, if one is asked, says no."""
        frame, copies, reason = Frame(raw), {}, None
        try:
            self.check_frame(port, frame, is_bad)
            choose = self.from_uplink if port == "uplink" else self.from_station
            names = self.not_kept_apart(port, choose(port, frame, refused))
            copies = {name: self.egress(port, name, frame) for name in sorted(names, key=self.number)}
        except FrameDroppedError as drop:
            reason = str(drop)
        mirrored = {} if reason in NOT_EVEN_MIRRORED else self.mirror(port, frame, copies)
        return Outcome(reason, copies, mirrored, frame.vlan, frame.priority, frame.policer)

    def not_kept_apart(self, source, names):
        """Private VLANs: isolated ports meet promiscuous ones alone, those of a community each other besides."""
        if self.mode in ("vn_tag", "e_tag"):
            return names
        kind_of = {name: port.pvlan for name, port in self.station.items()} | {"uplink": self.switch.uplink.pvlan}
        own = kind_of[source]
        open_to_all = {name for name, kind in kind_of.items() if kind == 0}
        community = {name for name, kind in kind_of.items() if kind == own > 0}
        left = names if own == 0 else names & (open_to_all | community)
        if not left:
            raise FrameDroppedError("PVLAN")
        return left

    def number(self, name):
        further = name.startswith("pf") and name != "pf"  # behind all VFs
        return 0 if name == "uplink" else 1 if name == "pf" else int(name[2:]) + 2 + 10**6 * further

    def check_frame(self, port, frame, is_bad):
        if port != "uplink" and port not in self.enabled:
            raise FrameDroppedError("PORT_DISABLED")
        if is_bad:
            raise FrameDroppedError("BAD_FRAME")
        carries = port != "uplink" and self.station[port].q_in_q
        tag_bytes = self.parse(frame, OUTER_TYPE.get(self.mode) if port == "uplink" else None, carries)
        limits = [self.station[name].max_frame_bytes for name in (self.enabled if port == "uplink" else {port})]
        if limits and len(frame.raw) - tag_bytes > max(limits) - 4:
            frame.priority = self.priority(port, frame)[0]
            raise FrameDroppedError("OVERSIZE")
        frame.priority, frame.dei = self.priority(port, frame)

    def parse(self, frame, outer_type, carries=False):
        raw, at = frame.raw, 12
        frame.destination, frame.source = int.from_bytes(raw[:6], "big"), int.from_bytes(raw[6:12], "big")

        def type_at(at):
            if len(raw) < at + 2:
                raise FrameDroppedError("RUNT")
            return int.from_bytes(raw[at : at + 2], "big")

        if outer_type is not None and type_at(at) == outer_type:
            at += 2 + VALUE_BYTES[outer_type]
            type_at(at)
            frame.outer = int.from_bytes(raw[14:at], "big")
        if type_at(at) == C_TAG and not carries:
            type_at(at + 4)
            tci = int.from_bytes(raw[at + 2 : at + 4], "big")
            frame.c_tag, at = (tci >> 13, tci >> 12 & 1, tci & 0xFFF), at + 4
        frame.ethertype, frame.rest = type_at(at), raw[at:]
        return at - 12

    def priority(self, port, frame):
        if frame.c_tag:
            return frame.c_tag[:2]
        if frame.outer is not None and self.mode in ("multichannel", "e_tag"):
            first_word = frame.outer if self.mode == "multichannel" else frame.outer >> 32
            return first_word >> 13, first_word >> 12 & 1
        return (0 if port == "uplink" else self.station[port].default_priority), 0

    # --- from a station ----------------------------------------------------------------------------------------
    def from_station(self, name, frame, refused):
        port = self.station[name]
        tags_for_bridge = self.mode in ("vn_tag", "e_tag")
        for reason, is_wrong in (
            ("BAD_SOURCE", frame.source == 0 or frame.source >> 40 & 1),
            ("CONTROL_FRAME", frame.ethertype == MAC_CONTROL and not port.trusted),
            ("CONTROL_FRAME", frame.is_reserved and not port.trusted and not tags_for_bridge),
            ("SPOOFED_MAC", port.spoof_check and frame.source not in port.macs),
            ("FORBIDDEN_TAG", port.ethertype_filter and not port.trusted and frame.ethertype in VALUE_BYTES),
        ):
            if is_wrong:
                raise FrameDroppedError(reason)
        if tags_for_bridge:
            frame.vlan = frame.tag_vid
            return {"uplink"}
        self.check_vlan(port, frame)
        self.check_access_list(port, frame, refused)
        kind, channel = self.channel_of(port)
        carried = self.reach(frame.vlan, channel) & {"uplink"}
        if kind != "veb":
            if not carried:
                raise FrameDroppedError("VLAN_MEMBER")
            return carried
        names = self.veb(port, frame, channel) if port.loopback else carried
        if not names:
            raise FrameDroppedError("NO_DESTINATION")
        return names

    def check_vlan(self, port, frame):
        is_tagged = frame.tag_vid != 0
        if port.admit != "all" and is_tagged != (port.admit == "tagged"):
            raise FrameDroppedError("VLAN_ADMIT")
        vlan = frame.tag_vid or port.port_vlan
        if vlan == 4095 or (port.vlan_spoof_check and vlan not in port.vlans):
            raise FrameDroppedError("VLAN_MEMBER")
        frame.vlan = vlan

    def check_access_list(self, port, frame, refused):
        said = packet_oracle.says(frame.ethertype, frame.rest[2:])
        reason = packet_oracle.guarded(port, said) if getattr(port, "guards", ()) else None
        if reason is not None:
            raise FrameDroppedError(reason)
        seen = {
            "source": frame.source,
            "destination": frame.destination,
            "vlan": frame.vlan,
            "ethertype": frame.ethertype,
        }
        for entry in self.switch.acl:
            wanted = {key: getattr(entry, key) for key in seen if getattr(entry, key) is not None}
            behind = packet_oracle.wanted_by(entry)
            if behind:
                of_type = wanted.pop("ethertype", None)
                if not packet_oracle.matches(entry.action, behind, of_type, said, port):
                    continue
            if entry.port in ("all", port.name) and all(seen[key] == value for key, value in wanted.items()):
                break
        else:
            return
        if entry.action == "deny":
            raise FrameDroppedError("ACL_DENY")
        if entry.action == "priority":
            frame.priority = entry.priority
        if entry.action == "police":
            frame.policer = [each for each in self.switch.acl if each.action == "police"].index(entry)
            if refused:
                raise FrameDroppedError("RATE_LIMITED")

    def veb(self, port, frame, channel):
        reach = self.reach(frame.vlan, channel)
        curious = {name for name in reach - {"uplink", port.name} if self.station[name].promiscuous}
        others = reach - {port.name}
        if frame.is_group:
            takers = {name for name in reach - {"uplink"} if self.accepts(name, frame.destination)}
            return (takers if port.self_loopback else takers & others) | curious | (reach & {"uplink"})
        known = self.table.get((frame.vlan, frame.destination), set()) & reach
        if not known:
            somewhere = {name for name in channel if frame.destination in self.station[name].macs}
            if self.switch.lookup == "mac" and somewhere:
                return set()
            return (curious if self.switch.promiscuous == "all" else set()) | (reach & {"uplink"})
        if known == {port.name}:
            if not port.self_loopback:
                raise FrameDroppedError("SAME_PORT")
            return known
        return known & others

    # --- from the uplink ---------------------------------------------------------------------------------------
    def from_uplink(self, _name, frame, _refused):
        if self.mode == "vn_tag":
            return self.by_vn_tag(frame)
        if self.mode == "e_tag":
            return self.by_e_tag(frame)
        kind, channel = self.mode, set(self.station)
        if self.mode == "multichannel":
            s_vid = ((frame.outer or 0) & 0xFFF) or 1
            channels = self.channels()
            if s_vid not in channels:
                raise FrameDroppedError("STAG_UNKNOWN")
            kind, channel = channels[s_vid]
        vlan = frame.tag_vid or self.switch.uplink.native_vlan
        reach = self.reach(vlan, channel)
        if frame.ethertype == MAC_CONTROL:
            raise FrameDroppedError("CONTROL_FRAME")
        trusted = {name for name in reach - {"uplink"} if self.station[name].trusted}
        if frame.is_reserved and not trusted:
            raise FrameDroppedError("CONTROL_FRAME")
        if vlan is None or vlan == 4095 or not self.is_carried(vlan):
            raise FrameDroppedError("VLAN_MEMBER")
        frame.vlan = vlan
        stations = trusted if frame.is_reserved else reach - {"uplink"}
        if not frame.is_group:
            known = self.table.get((vlan, frame.destination), set()) & stations
            fallback = {name for name in stations if self.station[name].default or self.station[name].promiscuous}
            if not known | fallback:
                raise FrameDroppedError("UNKNOWN_UNICAST")
            return known or fallback
        names = {n for n in stations if self.station[n].promiscuous or self.accepts(n, frame.destination)}
        if kind == "vepa" and not frame.source >> 40 & 1:
            names -= self.table.get((vlan, frame.source), set())
        if not names:
            raise FrameDroppedError("NO_DESTINATION")
        return names

    def by_vn_tag(self, frame):
        if frame.outer is None:
            raise FrameDroppedError("VNTAG_MISSING")
        bits = f"{frame.outer:032b}"
        direction, pointer, dvif, looped, _reserved, version, svif = (
            int(bits[a:b], 2) for a, b in ((0, 1), (1, 2), (2, 16), (16, 17), (17, 18), (18, 20), (20, 32))
        )
        if version != 0:
            raise FrameDroppedError("VNTAG_VERSION")
        if direction != 1:
            raise FrameDroppedError("VNTAG_DIRECTION")
        of_vif = {port.vif: port.name for port in self.switch.ports}
        wanted = self.switch.vif_lists.get(dvif, ()) if pointer else {of_vif.get(dvif)}
        names = set(wanted) & self.enabled
        if not names:
            raise FrameDroppedError("VNTAG_UNKNOWN_VIF")
        return self.pruned(frame, names, {of_vif.get(svif)} if looped else set())

    def by_e_tag(self, frame):
        if frame.outer is None:
            raise FrameDroppedError("ETAG_MISSING")
        digits = f"{frame.outer:012x}"
        group = int(digits[4], 16) & 3
        ingress, ecid = int(digits[8:10] + digits[1:4], 16), int(digits[10:12] + digits[5:8], 16)
        of_ecid = {port.ecid: port.name for port in self.switch.ports}
        lists = {(each.group, each.ecid): each.ports for each in self.switch.ecid_lists}
        names = set(lists.get((group, ecid), ()) if group else {of_ecid.get(ecid)}) & self.enabled
        if not names:
            raise FrameDroppedError("ETAG_UNKNOWN_ECID")
        return self.pruned(frame, names, {of_ecid.get(ingress)} if ingress else set())

    def pruned(self, frame, names, without):
        frame.vlan = frame.tag_vid
        if not names - without:
            raise FrameDroppedError("NO_DESTINATION")
        return names - without

    # --- sets --------------------------------------------------------------------------------------------------
    def is_carried(self, vlan):
        vlans = self.switch.uplink.vlans
        return 1 <= vlan <= 4094 if vlans == "all" else vlan in vlans

    def reach(self, vlan, channel):
        """Give the enabled members of a VLAN within a channel, the uplink among them where it carries the VLAN."""
        names = {name for name in self.enabled & set(channel) if vlan in self.station[name].vlans}
        return names | ({"uplink"} if vlan is not None and self.is_carried(vlan) else set())

    def channels(self):
        """Give kind and stations of each channel by its S-VID."""
        kinds = dict(self.switch.s_channels)
        members = {}
        for port in self.switch.ports:
            members.setdefault(port.s_channel or 1, set()).add(port.name)
        return {s_vid: (kinds.get(s_vid, "veb"), members.get(s_vid, set())) for s_vid in set(kinds) | set(members)}

    def channel_of(self, port):
        if self.mode == "multichannel":
            return self.channels()[port.s_channel or 1]
        return self.mode, set(self.station)

    def accepts(self, name, destination):
        port = self.station[name]
        return destination in port.groups or ("broadcast" if destination == BROADCAST else "multicast") in port.accept

    # --- bytes -------------------------------------------------------------------------------------------------
    def egress(self, source, target, frame):
        priority_bits = frame.priority << 13 | frame.dei << 12
        c_tag = b""
        if self.mode in ("vn_tag", "e_tag"):
            if frame.c_tag:
                pcp, dei, vid = frame.c_tag
                c_tag = C_TAG.to_bytes(2, "big") + (pcp << 13 | dei << 12 | vid).to_bytes(2, "big")
        else:
            untagged = {self.switch.uplink.native_vlan} if target == "uplink" else self.station[target].untagged
            if frame.vlan not in untagged:
                c_tag = C_TAG.to_bytes(2, "big") + (priority_bits | frame.vlan).to_bytes(2, "big")
        outer = self.outer_tag(self.station[source], priority_bits) if target == "uplink" else b""
        return frame.raw[:12] + outer + c_tag + frame.rest

    def outer_tag(self, port, priority_bits):
        if self.mode == "vn_tag":
            return bytes.fromhex("8926") + port.vif.to_bytes(4, "big")
        if self.mode == "e_tag":
            base, extension = port.ecid % 4096, port.ecid // 4096
            return bytes.fromhex(f"893f{priority_bits:04x}{base:04x}00{extension:02x}")
        if self.mode == "multichannel" and (port.s_channel or 1) != 1:
            return bytes.fromhex(f"88a8{priority_bits | port.s_channel:04x}")
        return b""

    def mirror(self, source, frame, copies):
        mirrored = {}
        for each in self.switch.mirrors:
            if each.to in copies or each.to in mirrored or each.to not in self.enabled:
                continue
            if each.source is None:
                if each.vlan == frame.vlan:
                    mirrored[each.to] = frame.raw
            elif each.direction == "ingress":
                if each.source == source:
                    mirrored[each.to] = frame.raw
            elif each.source in copies:
                mirrored[each.to] = copies[each.source]
        return mirrored
