"""Which combinations random traffic has tried: four crosses of cocotb-coverage, and why some bins cannot be hit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from cocotb_coverage.coverage import CoverCross, CoverPoint, coverage_db

from cocotb_tests.backend import MODES
from cocotb_tests.batch_files import Stage
from cocotb_tests.dut_file import Core
from cocotb_tests.expectation import Expectation
from hwmodel.forwarding.drop_reason import DropReason

TAG_KINDS = ("untagged", "priority tag", "C-TAG", "outer tag", "outer tag and C-TAG", "type of another outer tag")
DESTINATIONS = ("known", "unknown", "group", "own")
ADMITS = ("all", "tagged", "untagged")
VID_CLASSES = ("member", "no member", "reserved")
SIZES = ("up to 64 B", "65 to 1514 B", "longer")
SIZE_BOUNDS = (65, 1515)
COPIES = ("none", "one", "several")
REASONS = tuple(reason.name for reason in DropReason)
LOCAL, ABOVE = ("veb", "vepa"), ("vn_tag", "e_tag")

# Name of a cross -> (bins with None for any value, why they cannot be).
Unreachable = list[tuple[tuple[str | None, ...], str]]
NO_SUCH_RULE = "the core has no access list and no policers"
LATER = "given beyond the core's decision"
UNREACHABLE: dict[str, Unreachable] = {
    "core.destination": [
        *(((mode, None, tags), "no outer tag is one in this mode") for mode in LOCAL for tags in TAG_KINDS[3:5]),
        *(
            ((mode, "own", tags), "it is one from the uplink alone, which owns no address")
            for mode in ABOVE
            for tags in TAG_KINDS[3:5]
        ),
    ],
    "core.drops": [
        *(((None, name), NO_SUCH_RULE) for name in ("ACL_DENY", "RATE_LIMITED", "RECEIVE_LIMIT")),
        *(((None, name), NO_SUCH_RULE) for name in ("ARP_GUARD", "DHCP_GUARD", "ND_GUARD", "IP_GUARD")),
        ((None, "STAG_UNKNOWN"), "the core has no S-channels"),
        *(
            ((None, name), LATER)
            for name in ("TX_RING_FULL", "RX_BUFFER_FULL", "NO_DESCRIPTOR", "LINK_DOWN", "FUNCTION_RESET")
        ),
        ((None, "PVLAN"), "the first shape has no private VLANs: test_private_vlans.py"),
        ((None, "PORT_SECURITY"), "an adapter's switch learns no addresses that could be too many"),
        *(
            ((mode, name), "the bridge above has the policy and the addresses")
            for mode in ABOVE
            for name in ("VLAN_ADMIT", "VLAN_MEMBER", "SAME_PORT", "UNKNOWN_UNICAST")
        ),
        (("vepa", "SAME_PORT"), "everything goes to the uplink"),
        *(
            ((mode, name), "another mode's tag")
            for prefix, mode_of_it in (("VNTAG", "vn_tag"), ("ETAG", "e_tag"))
            for name in REASONS
            if name.startswith(prefix)
            for mode in MODES
            if mode != mode_of_it
        ),
    ],
    "core.admission": [((tags, None, "reserved"), "a port VLAN is 1 to 4094") for tags in ("untagged", "priority tag")],
    "core.room": [((None, "full", "none"), "a frame without copies needs no room")],
}
# What a setting that cannot be changed rules out. A setting that lets nothing pass is no reason for anything.
WITHOUT: dict[tuple[str, str | bool], list[tuple[str, tuple[str | None, ...]]]] = {
    ("ports.admit", "all"): [
        ("core.admission", (None, "tagged", None)),
        ("core.admission", (None, "untagged", None)),
        ("core.drops", (None, "VLAN_ADMIT")),
    ],
    ("ports.spoof_check", False): [("core.drops", (None, "SPOOFED_MAC"))],
    ("ports.ethertype_filter", False): [("core.drops", (None, "ETHERTYPE_FILTER"))],
}
# Name of a cross -> what it looks at, by the names of Sample, in the order of its bins.
CROSSES = {
    "core.destination": ("mode", "destination", "tags"),
    "core.drops": ("mode", "reason"),
    "core.admission": ("tags", "admit", "vid_class"),
    "core.room": ("size", "room", "copies"),
}
Bin = tuple[str, tuple[str, ...]]


class Hit(NamedTuple):
    """How often a run has hit a bin, and at which of its frames first, counted from 1."""

    n_times: int
    first_frame: int


class Sample(NamedTuple):
    """What the crosses look at, of one frame."""

    mode: str
    tags: str
    destination: str
    reason: str
    admit: str
    vid_class: str
    size: str
    room: str
    copies: str


def _cross(name: str, *items: str) -> Any:
    """Return the cross of some cover points, without the bins that cannot be."""
    return CoverCross(name, items=[f"core.{item}" for item in items], ign_bins=[bins for bins, _ in UNREACHABLE[name]])


@CoverPoint("core.mode", xf=lambda sample: sample.mode, bins=list(MODES))
@CoverPoint("core.tags", xf=lambda sample: sample.tags, bins=list(TAG_KINDS))
@CoverPoint("core.to", xf=lambda sample: sample.destination, bins=list(DESTINATIONS))
@_cross("core.destination", "mode", "to", "tags")
def _sample_destination(sample: Sample) -> None:
    """Count one frame."""


@CoverPoint("core.reason", xf=lambda sample: sample.reason, bins=list(REASONS))
@_cross("core.drops", "mode", "reason")
def _sample_drops(sample: Sample) -> None:
    """Count one frame."""


@CoverPoint("core.vlan_tag", xf=lambda sample: sample.tags, bins=list(TAG_KINDS[:3]))
@CoverPoint("core.admit", xf=lambda sample: sample.admit, bins=list(ADMITS))
@CoverPoint("core.vid_class", xf=lambda sample: sample.vid_class, bins=list(VID_CLASSES))
@_cross("core.admission", "vlan_tag", "admit", "vid_class")
def _sample_admission(sample: Sample) -> None:
    """Count one frame that a station sent in a mode with VLANs."""


@CoverPoint("core.size", xf=lambda sample: sample.size, bins=list(SIZES))
@CoverPoint("core.is_full", xf=lambda sample: sample.room, bins=["full", "room"])
@CoverPoint("core.copies", xf=lambda sample: sample.copies, bins=list(COPIES))
@_cross("core.room", "size", "is_full", "copies")
def _sample_room(sample: Sample) -> None:
    """Count one frame."""


_SAMPLERS: dict[str, Callable[[Sample], None]] = {
    "core.destination": _sample_destination,
    "core.drops": _sample_drops,
    "core.admission": _sample_admission,
    "core.room": _sample_room,
}


def samples_of(mode: str, stage: Stage, expected: Expectation) -> Iterator[tuple[Sample, Hit, tuple[str, ...]]]:
    """Return what different frames a stage decided, how often and when first, and the crosses that look at them."""
    verdicts, frames = expected.verdicts, expected.frame_of_event
    ports = np.array([frame.port for frame in stage.frames])[frames]
    lengths = np.array([len(frame.data) for frame in stage.frames])[frames]
    n_copies = np.minimum(np.bitwise_count(verdicts["ports"]).astype(np.int64), 2)
    lost_all = (verdicts["ports"] != 0) & (verdicts["ports"] & ~expected.full == 0)
    reasons = np.where(lost_all, int(DropReason.QUEUE_FULL), verdicts["reason"])
    columns = (
        verdicts["tag_kind"], verdicts["destination_kind"], reasons, verdicts["admit"], verdicts["vid_class"],
        np.digitize(lengths, SIZE_BOUNDS), expected.full == 0, n_copies, ports == 0,
    )  # fmt: skip
    rows, firsts, counts = np.unique(np.stack(columns, axis=1), axis=0, return_index=True, return_counts=True)
    for row, first, n_times in zip(rows.tolist(), firsts.tolist(), counts.tolist(), strict=True):
        tags, destination, reason, admit, vid_class, size, has_room, copies, from_uplink = row
        hit = Hit(n_times, first + 1)
        # A frame without a whole header has neither tags nor addresses.
        if destination == len(DESTINATIONS):
            yield Sample(mode, "", "", DropReason(reason).name, "", "", "", "", ""), hit, ("core.drops",)
            continue
        sample = Sample(
            mode, TAG_KINDS[tags], DESTINATIONS[destination], DropReason(reason).name, ADMITS[admit],
            VID_CLASSES[vid_class], SIZES[size], "room" if has_room else "full", COPIES[copies],
        )  # fmt: skip
        crosses = ("core.destination", "core.drops", "core.room")
        yield sample, hit, crosses if from_uplink or mode not in LOCAL else (*crosses, "core.admission")


def count_stage(mode: str, stage: Stage, expected: Expectation) -> None:
    """Count the different frames of a stage that were decided."""
    for sample, _, crosses in samples_of(mode, stage, expected):
        for name in crosses:
            _SAMPLERS[name](sample)


def hits_of(mode: str, stages: Iterable[tuple[Stage, Expectation]]) -> dict[Bin, Hit]:
    """Return the bins that the stages of a run have hit."""
    hits: dict[Bin, Hit] = {}
    n_before = 0
    for stage, expected in stages:
        for sample, hit, crosses in samples_of(mode, stage, expected):
            for name in crosses:
                bins = tuple(getattr(sample, each) for each in CROSSES[name])
                if bins in coverage_db[name].detailed_coverage:
                    later = Hit(hit.n_times, n_before + hit.first_frame)
                    n_times, first_frame = hits.get((name, bins), (0, later.first_frame))
                    hits[name, bins] = Hit(n_times + later.n_times, min(first_frame, later.first_frame))
        n_before += len(expected.frame_of_event)
    return hits


def unreachable_in(core: Core) -> dict[str, Unreachable]:
    """Return which bins of each cross cannot be hit on a core, by what it lacks, and why."""
    lacking = [mode for mode in MODES if mode not in core.backend.modes]
    result = {
        name: [
            *patterns,
            *(((mode, *(None,) * (len(CROSSES[name]) - 1)), f"the core has no mode {mode}") for mode in lacking),
        ]
        if name in ("core.destination", "core.drops")
        else list(patterns)
        for name, patterns in UNREACHABLE.items()
    }
    if core.dut.keys.losses == "none" or core.dut.keys.records.events is None:
        why = "the core does not lose copies, or does not say of which frame"
        result["core.room"].append(((None, "full", None), why))
        result["core.drops"].append(((None, "QUEUE_FULL"), why))
    if not set(LOCAL) & set(core.backend.modes):
        result["core.admission"].append(((None, None, None), "no mode of the core has VLANs"))
    for setting, value in core.backend.fixed.items():
        for name, pattern in WITHOUT.get((setting, value), ()) if isinstance(value, str | bool) else ():
            result[name].append((pattern, f"{setting} is {value} for ever"))
    return result


def bins_of(core: Core) -> dict[str, dict[tuple[str, ...], str | None]]:
    """Return the bins of each cross, each with the reason why it cannot be hit on a core, or None where it can."""
    return {
        name: {
            bins: next((why for pattern, why in patterns if _matches(pattern, bins)), None)
            for bins in coverage_db[name].detailed_coverage
        }
        for name, patterns in unreachable_in(core).items()
    }


def missed(core: Core) -> Iterable[str]:
    """Return the bins that could have been hit and were not."""
    for name, bins in bins_of(core).items():
        for each, why in bins.items():
            if why is None and coverage_db[name].detailed_coverage[each] == 0:
                yield f"{name}: {' x '.join(each)}"


def _matches(pattern: tuple[str | None, ...], bins: tuple[str, ...]) -> bool:
    return all(wanted in (None, found) for wanted, found in zip(pattern, bins, strict=True))


def summary(core: Core) -> str:
    """Say how many bins of each cross were hit, and which cannot be and why."""
    lines = []
    of_cross = bins_of(core)
    for name, patterns in unreachable_in(core).items():
        reachable = [bins for bins, why in of_cross[name].items() if why is None]
        n_hit = sum(coverage_db[name].detailed_coverage[bins] > 0 for bins in reachable)
        lines.append(f"{name}: {n_hit} of {len(reachable)} bins")
        lines += [f"  not {' x '.join(each or 'any' for each in pattern)}: {why}" for pattern, why in patterns]
    return "\n".join(lines)
