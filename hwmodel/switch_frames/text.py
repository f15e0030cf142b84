"""What became of each frame, as a table for people: a row each, and totals at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.outer_tag import OUTER_E, OUTER_VN
from hwmodel.forwarding.packet import PACKET
from hwmodel.forwarding.parse import HEADER_BYTES
from hwmodel.rules.switch_modes import OUTER_TAGS
from hwmodel.simulation.fill.switch_tables import port_list
from hwmodel.switch_frames.decide import DecidedBlock, FrameSwitch
from hwmodel.wire.ethernet import format_mac

LEAST_NAME = 7  # the width of the column of names
# What differs between two frames of the same tags and the same decision.
_OF_ONE_FRAME = ("destination", "source", "ethertype", "n_bytes")

_mac_text = lru_cache(maxsize=1 << 16)(format_mac)


class FrameTable:
    """Write the rows of the table; the text for frames with the same tags and decision is composed once."""

    def __init__(self, switch: FrameSwitch) -> None:
        self._switch = switch
        self._width = max(LEAST_NAME, *map(len, switch.names))
        self._texts: dict[tuple[int, bytes, bytes], tuple[str, str, str]] = {}

    @property
    def titles(self) -> str:
        """Return the line above the rows: No. as in Wireshark, from 1; frame as in the JSON, from 0."""
        return (
            f"{'No.':>7} {'frame':>7} {'bytes':>9} {'from':<{self._width}} {'source':<17} {'destination':<17} "
            f"{'VLAN':>4} {'prio':>4} {'tags':<22} result"
        )

    def rows(self, decided: DecidedBlock) -> Iterator[str]:
        """Give the row of each frame of a block, without line ends."""
        alike = decided.headers.copy()
        for name in _OF_ONE_FRAME:
            alike[name] = 0
        alike["packet"] = np.zeros((), PACKET)
        keys = zip(decided.ethernet_port.tolist(), _bytes_of(alike), _bytes_of(decided.decisions), strict=True)
        captured, original = decided.arrivals["captured_bytes"].tolist(), decided.arrivals["original_bytes"].tolist()
        macs = zip(decided.headers["source"].tolist(), decided.headers["destination"].tolist(), strict=True)
        for index, (key, (source, destination)) in enumerate(zip(keys, macs, strict=True)):
            texts = self._texts.get(key)
            if texts is None:
                texts = self._texts[key] = self._shared(key[0], decided.headers[index], decided.decisions[index])
            ingress, middle, result = texts
            n_bytes = str(original[index])
            if captured[index] < original[index]:
                n_bytes = f"{captured[index]}/{n_bytes}"
            # The parser reads no addresses unless the header is whole.
            has_macs = captured[index] >= HEADER_BYTES
            pair = (_mac_text(source), _mac_text(destination)) if has_macs else ("-", "-")
            number = decided.first_frame + index
            yield f"{number + 1:>7} {number:>7} {n_bytes:>9} {ingress} {pair[0]:<17} {pair[1]:<17} {middle} {result}"

    def _shared(self, at: int, header: Any, decision: Any) -> tuple[str, str, str]:
        """Give what frames have in common that the switch of Ethernet port `at` decided on alike."""
        is_accepted = decision.reason == DropReason.NONE
        vlan = str(decision.vlan) if decision.vlan else "-"
        priority = str(decision.priority) if is_accepted else "-"
        middle = f"{vlan:>4} {priority:>4} {tags_text(header):<22}"
        ingress = f"{self._switch.name_at(at, int(header.ingress_port)):<{self._width}}"
        return ingress, middle, self._result(at, header, decision)

    def _result(self, at: int, header: Any, decision: Any) -> str:
        parts = [] if decision.reason == DropReason.NONE else [f"dropped: {DropReason(int(decision.reason)).name}"]
        for word, ports in (("", decision.egress), ("mirror ", decision.mirrored)):
            by_action: dict[str, list[int]] = {}
            for port in port_list(ports):
                by_action.setdefault(tag_action(header, decision, port), []).append(port)
            parts += [f"{word}{self._names(at, ports)}: {action}" for action, ports in by_action.items()]
        return "; ".join(parts)

    def _names(self, at: int, ports: list[int]) -> str:
        """Name ports, three and more neighbours as a range: uplink, vf0-vf6."""
        runs: list[list[int]] = []
        for port in ports:
            if runs and port == runs[-1][-1] + 1 and self._switch.name_at(at, runs[-1][0]).startswith("vf"):
                runs[-1].append(port)
            else:
                runs.append([port])
        texts = []
        for run in runs:
            names = [self._switch.name_at(at, port) for port in run]
            texts += names if len(names) < 3 else [f"{names[0]}-{names[-1]}"]
        return ", ".join(texts)


def _bytes_of(records: Any) -> list[bytes]:
    whole: bytes = records.tobytes()
    n_bytes = records.dtype.itemsize
    return [whole[at : at + n_bytes] for at in range(0, len(whole), n_bytes)]


def tags_text(header: Any) -> str:
    """Say which tags a frame came with, as its port parsed it: `VN D=1 dvif 3, C 10 p5`."""
    tags = []
    if header.outer_kind == OUTER_VN:
        target = f"{'list' if header.vn_pointer else 'dvif'} {header.vn_dvif}"
        tags.append(f"VN D={header.vn_direction} {target} svif {header.vn_svif}{' L' if header.vn_looped else ''}")
    elif header.outer_kind == OUTER_E:
        group = f" grp {header.e_group}" if header.e_group else ""
        came_from = f" from {header.e_ingress_ecid}" if header.e_ingress_ecid else ""
        tags.append(f"E {header.e_ecid}{group}{came_from} {_priority(header.outer_pcp, header.outer_dei)}")
    elif header.outer_kind:
        short, name = _short(header), OUTER_TAGS[header.outer_kind - 1].to_station
        tags.append(f"{short} {header[f'{short.lower()}_{name}']} {_priority(header.outer_pcp, header.outer_dei)}")
    if header.has_c_tag:
        tags.append(f"C {header.vid} {_priority(header.pcp, header.dei)}")
    return ", ".join(tags) or "-"


def tag_action(header: Any, decision: Any, port: int) -> str:
    """Say what the copy for a port leaves with, compared with the frame as it came: `+VN svif 2`, `-C`, `as is`."""
    if port in port_list(decision.verbatim):
        return "as is"
    actions = []
    if port in port_list(decision.outer_tagged):
        actions.append("+" + _outer_text(decision))
    elif header.outer_kind:
        actions.append("-" + _short(header))
    if port in port_list(decision.tagged):
        tag = (int(decision.vlan), int(decision.priority), int(decision.dei))
        if not header.has_c_tag:
            actions.append(f"+C {tag[0]} {_priority(*tag[1:])}")
        elif tag != (int(header.vid), int(header.pcp), int(header.dei)):
            actions.append(f"C becomes {tag[0]} {_priority(*tag[1:])}")
    elif header.has_c_tag:
        actions.append("-C")
    return ", ".join(actions) or "as is"


def _short(record: Any) -> str:
    return OUTER_TAGS[int(record.outer_kind) - 1].short


def _outer_text(decision: Any) -> str:
    tag = OUTER_TAGS[int(decision.outer_kind) - 1]
    interface = tag.read(int(decision.outer_word))[tag.from_station]
    if tag.has_priority:
        return f"{tag.short} {interface} {_priority(int(decision.priority), int(decision.dei))}"
    return f"{tag.short} {tag.from_station} {interface}"


def _priority(pcp: int, dei: int) -> str:
    return f"p{pcp}{' dei' if dei else ''}"


class Totals:
    """Add up the frames and copies of all blocks."""

    def __init__(self, switch: FrameSwitch) -> None:
        self._names, self._has_policers = switch.names, switch.has_policers
        self.n_frames = self.n_cut = self.n_back_in_time = 0
        self.reasons: Counter[int] = Counter()
        self.copies: Counter[int] = Counter()
        self.mirrored: Counter[int] = Counter()

    def add(self, decided: DecidedBlock) -> None:
        """Count a block."""
        self.n_frames += len(decided)
        self.n_cut += int(np.sum(decided.arrivals["captured_bytes"] < decided.arrivals["original_bytes"]))
        self.n_back_in_time += decided.n_back_in_time
        is_mirrored = decided.copies["is_mirrored"] != 0
        for counter, values in (
            (self.reasons, decided.decisions["reason"]),
            (self.copies, decided.left_by[~is_mirrored]),
            (self.mirrored, decided.left_by[is_mirrored]),
        ):
            numbers, counts = np.unique(values, return_counts=True)
            counter.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))

    def text(self) -> str:
        """Lay out the totals in a few lines."""
        n_delivered = self.reasons[DropReason.NONE]
        dropped = {DropReason(reason).name: n for reason, n in sorted(self.reasons.items()) if reason}
        frames = f"{self.n_frames:,} frame{'s' * (self.n_frames != 1)}"
        lines = [f"{frames}: {n_delivered:,} delivered, {sum(dropped.values()):,} dropped"]
        lines += [f"dropped: {_counts(dropped)}"] if dropped else []
        for what, counter in (("copies", self.copies), ("mirrored copies", self.mirrored)):
            by_port = {self._names[port]: n for port, n in sorted(counter.items())}
            lines += [f"{what}, {counter.total():,}: {_counts(by_port)}"] if by_port else []
        if self.n_cut:
            lines.append(
                f"cut short in the capture (captured/full in the column of bytes): {self.n_cut:,}; decided by their "
                "full length, and copies hold what was captured"
            )
        if self.n_back_in_time and self._has_policers:
            lines.append(
                f"with a timestamp before that of an earlier frame: {self.n_back_in_time:,}; policers take the earlier "
                "frame's"
            )
        return "\n".join(lines)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.items())
