"""Validate the block `host.virtual_switch.flow_cache`: how a virtual switch finds out what to do with a frame."""

from __future__ import annotations

from typing import Annotated, Literal

from .kinds import Block, Duration, Listing, Whole, Word, key

WildcardMatch = Literal["ends", "connections"]
_COST = Duration("0ns", "1s")
MOST_ENTRIES = 1 << 20
MOST_MISS_CORES = 16
MOST_WAITING = 1024


class FlowCache(Block):
    """The flow cache of a virtual switch: exact match, wildcards, and a slow path for what neither holds."""

    exact_entries: Annotated[int, Whole(0, MOST_ENTRIES)] = key(
        8192,
        "Connections that the exact match holds, the least recently used going first; 0: there is none. The default is "
        "that of Open vSwitch's datapath in user space (EM_FLOW_HASH_SHIFT 13 in lib/dpif-netdev.c).",
    )
    exact_time_fs: Annotated[int, _COST] = key(
        "0ns",
        "Processor time to look there, for each frame. 0ns: `frame_time` has it in it, as of a frame that is found.",
        alias="exact_time",
    )
    wildcard_entries: Annotated[int, Whole(0, MOST_ENTRIES)] = key(
        65536,
        "Entries with wildcards (megaflows), the least recently used going first; 0: there are none. The default is "
        "that of Open vSwitch's datapath in user space (MAX_FLOWS).",
    )
    wildcard_time_fs: Annotated[int, _COST] = key(
        "100ns",
        "Processor time to look there, for each frame that the exact match does not hold. The default is some 300 "
        "cycles at 3 GHz: 1200 a frame with 8,000 to 64,000 flows, 900 with 16 (B. O'Mahony, RFC of EMC load-shedding "
        "on ovs-dev, September 2017).",
        alias="wildcard_time",
    )
    wildcard_match: Annotated[WildcardMatch, Word(WildcardMatch)] = key(
        "ends",
        "What an entry with wildcards is for: all frames from one station to another (ends), as where the switch goes "
        "by addresses and VLANs alone, or one connection, as where its rules look at ports of TCP and UDP.",
    )
    miss_time_fs: Annotated[int, _COST] = key(
        "20us",
        "Processor time of the slow path, for each frame that neither holds: an upcall, its decision, the new entries. "
        "Model's choice.",
        alias="miss_time",
    )
    miss_cores: Annotated[
        tuple[Annotated[int, Whole(0, 1023)], ...], Listing("[10]", least=0, most=MOST_MISS_CORES)
    ] = key(
        [],
        "Cores of the host that do that, Tx ring by Tx ring in turn, while the frame waits aside and others pass it "
        "(handler threads). []: the switch's own core does it at once, and what is behind waits.",
    )
    miss_queue: Annotated[int, Whole(1, MOST_WAITING)] = key(
        128,
        "Frames that wait at most for one of `miss_cores`, the one in work among them; one more is dropped "
        "(QUEUE_FULL). The default is MAX_QUEUE_LEN of earlier versions of Open vSwitch's datapath in user space.",
    )
