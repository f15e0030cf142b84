"""Parser, tables, classification and forwarding together, against the second implementation of the decision."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import cocotb
import pytest

from cocotb_tests.backend import MODES
from cocotb_tests.core_registers import CoreParameters, switch_writes
from cocotb_tests.module_bench import LIMIT, ModuleBench
from cocotb_tests.register_bus import IDLE, write_registers
from cocotb_tests.traffic import random_frame, random_switch
from hwmodel.forwarding.drop_reason import DropReason
from tests.oracles.forwarding_oracle import ForwardingOracle
from tests.oracles.pool_registers import Registers

SMALL = CoreParameters(ports=5, priorities=4, mac_entries=24, vlan_entries=6, list_entries=7)
WITH_POOLS = replace(SMALL, pool_filters=1)
PRIVATE = replace(SMALL, private_vlans=1)
LENGTH_W = 14
HEADER_BYTES, LOOKUP_CYCLES = 26, 6
HEADER_WITHOUT_TAGS = 14
NAMES = ("uplink", "pf", *(f"vf{i}" for i in range(SMALL.ports - 2)))


def expect(oracle, switch, frame):
    """Return what the engine is to say: reason, ports, queue."""
    if frame.port == 0 and isinstance(oracle, PoolOracle):
        return expect_of_pools(oracle, switch, frame)
    name, is_bad = NAMES[frame.port], frame.is_bad or frame.empty_last_beat
    if name not in {"uplink"} | {port.name for port in switch.ports}:
        return DropReason.PORT_DISABLED, 0, None
    outcome = oracle.forward(name, frame.data, is_bad)
    if outcome.drop not in ("PORT_DISABLED", "BAD_FRAME", "RUNT") and is_too_long(frame, switch):
        return DropReason.OVERSIZE, 0, None
    ports = sum(1 << NAMES.index(to) for to in outcome.deliver)
    queue = outcome.priority * SMALL.priorities // 8
    return DropReason[outcome.drop or "NONE"], ports, queue if ports else None


class PoolOracle(ForwardingOracle):
    """Decide on frames from the uplink by the registers of an adapter with pools, on others by the switch's rules."""

    def __init__(self, switch):
        super().__init__(switch)
        self.switch_block, filters = switch, switch.pool_filters
        carried = range(1, 4095) if switch.uplink.vlans == "all" else switch.uplink.vlans
        of_address = {}
        for port in switch.ports:
            for mac in (*port.macs, *port.groups):
                of_address.setdefault(mac.to_bytes(6, "big"), set()).add(port.name)

        def named(word):
            return {port.name for port in switch.ports if word in port.accept}

        self.pools = Registers(
            [port.name for port in sorted(switch.ports, key=lambda port: port.number)],
            mpsar=of_address,
            vlvf={vid: {port.name for port in switch.ports if vid in port.vlans} for vid in range(4096)},
            bam=named("broadcast"),
            mpe=named("multicast"),
            promiscuous={port.name for port in switch.ports if port.promiscuous},
            aupe=named("untagged") if switch.uplink.native_vlan is not None else set(),
            vfre={port.name for port in switch.ports if port.enabled},
            def_pl=filters.default_pool,
            rpl_en=filters.replication,
            vfta=set(carried),
        )

    def pools_of(self, data, **others):
        """Return the pools of a frame; entries of `addresses` hold in one VLAN, and none in that of untagged frames.

        OTHERS are registers to read in place of the adapter's.
        """
        vid = int.from_bytes(data[14:16], "big") & 0xFFF if data[12:14] == b"\x81\x00" else 0
        of_address = {mac: set(names) for mac, names in self.pools.mpsar.items()}
        for entry in self.switch_block.addresses:
            if entry.vlan == vid:
                of_address.setdefault(entry.mac.to_bytes(6, "big"), set()).update(entry.ports)
        return replace(self.pools, mpsar=of_address, **others).pools_of(data)


def expect_of_pools(oracle, switch, frame):
    """Return what the engine is to say of a frame from the uplink."""
    data, is_tagged = frame.data, frame.data[12:14] == b"\x81\x00"
    bare = len(data) - 4 * is_tagged
    limits = [port.max_frame_bytes for port in switch.ports if port.enabled]
    vid = int.from_bytes(data[14:16], "big") & 0xFFF if is_tagged else 0
    ethertype = data[16:18] if is_tagged else data[12:14]
    lets_in = vid in oracle.pools.vfta if vid else switch.uplink.native_vlan is not None
    if frame.is_bad or frame.empty_last_beat or bare < HEADER_WITHOUT_TAGS:
        return DropReason.BAD_FRAME if frame.is_bad or frame.empty_last_beat else DropReason.RUNT, 0, None
    ports = sum(1 << NAMES.index(name) for name in oracle.pools_of(data))
    # For nobody at all, not for a disabled pool.
    is_unknown = not data[0] & 1 and not oracle.pools_of(data, vfre=set(oracle.pools.pools))
    rules = (
        ("OVERSIZE", bare > min(SMALL.max_frame_bytes, max(limits, default=1 << 20) - 4)),
        ("CONTROL_FRAME", ethertype == b"\x88\x08"),
        ("VLAN_MEMBER", not lets_in),
        ("UNKNOWN_UNICAST" if is_unknown else "NO_DESTINATION", not ports),
    )
    reason = next((DropReason[name] for name, breaks in rules if breaks), DropReason.NONE)
    priority = data[14] >> 5 if is_tagged else 0
    return reason, 0 if reason else ports, None if reason else priority * SMALL.priorities // 8


def is_too_long(frame, switch):
    """Tell whether a frame is longer than the core takes, tags not counted."""
    at, outer = 12, {"vn_tag": ("8926", 6), "e_tag": ("893f", 8)}.get(switch.mode)
    if frame.port == 0 and outer and frame.data[12:14].hex() == outer[0]:
        at += outer[1]
    if frame.data[at : at + 2].hex() == "8100":
        at += 4
    return len(frame.data) - (at - 12) > SMALL.max_frame_bytes


@cocotb.test(**LIMIT)
@cocotb.parametrize(mode=MODES, idles=[0.0, 0.5])
async def frames_are_decided_six_cycles_later(dut, mode, idles):
    bench, parameters = ModuleBench(dut), WITH_POOLS if dut.POOL_FILTERS.value.to_unsigned() else SMALL
    is_private = dut.PRIVATE_VLANS.value.to_unsigned()
    parameters = PRIVATE if is_private else parameters
    await bench.start(**IDLE, header_valid=0, header=0, header_info=0)
    rng, seen, n_pools = random.Random(f"{mode} {idles}"), Counter(), 0
    for _ in range(4):
        switch = random_switch(rng, mode, parameters)
        oracle = PoolOracle(switch) if switch.pool_filters else ForwardingOracle(switch)
        n_pools += isinstance(oracle, PoolOracle)
        await write_registers(bench, switch_writes(switch, parameters))
        due = {}
        for serial in range(400):
            frame = random_frame(rng, mode, SMALL, serial)
            while not frame.data or len(frame.data) > SMALL.store_bytes:
                frame = random_frame(rng, mode, SMALL, serial)
            is_here = not bench.chance(idles)
            header = frame.data[:HEADER_BYTES].ljust(HEADER_BYTES, b"\xa5")
            is_bad = frame.is_bad or frame.empty_last_beat
            info = frame.port << LENGTH_W + 2 | is_bad << LENGTH_W | len(frame.data)
            await bench.settle(header_valid=is_here, header=int.from_bytes(header, "little"), header_info=info)
            if is_here:
                due[bench.cycle + LOOKUP_CYCLES] = frame
            assert bench.get("decided_valid") == (bench.cycle in due)
            if bench.cycle in due:
                decided = due.pop(bench.cycle)
                reason, ports, queue = expect(oracle, switch, decided)
                said = DropReason(bench.get("decided_reason")), bench.get("decided_egress")
                assert said == (reason, ports), (switch, decided)
                assert bench.get("decided_port") == decided.port
                assert bench.get("decided_length") == len(decided.data)
                assert bench.get("decided_words") == -(-len(decided.data) // SMALL.word_bytes)
                if queue is not None:
                    assert bench.get("decided_queue") == queue
                seen[reason.name] += 1
            await bench.next_cycle()
        await bench.settle(header_valid=0)
    assert seen["NONE"] > 100
    assert len(seen) > 8, seen
    assert (n_pools > 0) == (mode == "veb" and parameters is WITH_POOLS)
    assert (seen["PVLAN"] > 5) == (mode in ("veb", "vepa") and is_private), seen


@pytest.mark.parametrize("of_core", [SMALL, WITH_POOLS, PRIVATE], ids=["no options", "pools", "private VLANs"])
def test_forwarding_engine(simulate, of_core):
    names = ("ports", "priorities", "mac_entries", "vlan_entries", "list_entries", "max_frame_bytes", "pool_filters",
             "private_vlans")  # fmt: skip
    parameters = {name.upper(): getattr(of_core, name) for name in names}
    assert simulate("forwarding_engine", **parameters) == 8
