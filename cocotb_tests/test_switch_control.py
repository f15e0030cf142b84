"""The registers of the mode, the uplink and the ports: written in a cycle, shown in the next or a cycle late."""

from __future__ import annotations

import cocotb
import pytest

from cocotb_tests import register_map as regs
from cocotb_tests.module_bench import LIMIT, ModuleBench, joined

FLAGS = (
    "enable", "spoof_check", "ethertype_filter", "trusted", "loopback", "self_loopback", "accept_broadcast",
    "accept_multicast", "promiscuous", "default_station", "accept_untagged",
)  # fmt: skip
WIDTHS = {"max_frame": 14, "port_vlan": 12, "vif": 12, "ecid": 20, "scheduler": 2}
OFFSETS = {
    "max_frame": regs.PORT_MAX_FRAME, "port_vlan": regs.PORT_PORT_VLAN, "vif": regs.PORT_VIF, "ecid": regs.PORT_ECID,
    "scheduler": regs.PORT_SCHEDULER,
}  # fmt: skip
CONTROL_BITS = 15  # and one more with pools
SHOWN_AT_ONCE = ("mode", "has_pools", "port_vlan", "scheduler", "quantum", "paused")
MODE_AT, UPLINK_AT, POOLS_AT = (regs.CORE_BASE + at for at in (regs.CORE_MODE, regs.CORE_UPLINK, regs.CORE_POOLS))
POOLS_ENABLE, POOLS_MASK = 1, 0x1F03


def after_reset(n_ports, priorities, pools, pause, private):
    words = {MODE_AT: (0, 2), UPLINK_AT: (0, 1)} | ({POOLS_AT: (0, 13)} if pools else {})
    for port in range(n_ports):
        base = regs.PORT_BASE + port * regs.PORT_STRIDE
        words[base + regs.PORT_CONTROL] = (0, CONTROL_BITS + pools)
        if pause:
            words[base + regs.PORT_PAUSE] = (0, 8)
        if private:
            words[base + regs.PORT_APART] = (0, n_ports)
        for name, width in WIDTHS.items():
            words[base + OFFSETS[name]] = (regs.PORT_MAX_FRAME_VALUE_RESET if name == "max_frame" else 0, width)
        for queue in range(priorities):
            words[base + regs.PORT_QUANTUM + 4 * queue] = (regs.PORT_QUANTUM_VALUE_RESET, 16)
    return words


def expected_outputs(words, n_ports, priorities):
    def of(port, offset):
        return words[regs.PORT_BASE + port * regs.PORT_STRIDE + offset][0]

    ports = range(n_ports)
    controls = [of(port, regs.PORT_CONTROL) for port in ports]
    quanta = [of(port, regs.PORT_QUANTUM + 4 * queue) for port in ports for queue in range(priorities)]
    outputs = {name: joined([of(port, OFFSETS[name]) for port in ports], width) for name, width in WIDTHS.items()}
    outputs |= {
        flag: joined([control >> getattr(regs, f"PORT_CONTROL_{flag.upper()}_LSB") & 1 for control in controls], 1)
        for flag in FLAGS
    }
    return outputs | {
        "admit": joined([control >> regs.PORT_CONTROL_ADMIT_LSB & 3 for control in controls], 2),
        "default_priority": joined([control >> regs.PORT_CONTROL_DEFAULT_PRIORITY_LSB & 7 for control in controls], 3),
        "quantum": joined(quanta, 16),
        "mode": words[MODE_AT][0],
        "carries_all": words[UPLINK_AT][0],
        "apart": joined([words.get(apart_of(port), (0, 0))[0] for port in ports], n_ports),
        "paused": joined([paused_queues(of_pause(words, port), priorities) for port in ports], priorities),
        **pool_outputs(words, n_ports),
    }


def apart_of(port):
    return regs.PORT_BASE + port * regs.PORT_STRIDE + regs.PORT_APART


def of_pause(words, port):
    return words.get(regs.PORT_BASE + port * regs.PORT_STRIDE + regs.PORT_PAUSE, (0, 8))[0]


def paused_queues(priorities, n_queues):
    paused = [priority for priority in range(8) if priorities >> priority & 1]
    return sum(1 << queue for queue in {priority * n_queues // 8 for priority in paused})


def pool_outputs(words, n_ports):
    word = words.get(POOLS_AT, (0, 13))[0]
    default = word >> 8
    return {
        "has_pools": word & 1,
        "replicates": word >> 1 & 1,
        "default_pool": 1 << default if 0 < default < n_ports else 0,
    }


def is_shown_at_once(address):
    in_port = address % regs.PORT_STRIDE
    in_ports = regs.PORT_BASE <= address < regs.VLAN_BASE
    return (
        address == MODE_AT
        or (in_ports and in_port in (regs.PORT_PORT_VLAN, regs.PORT_SCHEDULER, regs.PORT_PAUSE))
        or (in_ports and in_port >= regs.PORT_QUANTUM)
    )


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.7])
async def registers_are_shown_in_the_next_cycle_or_in_the_one_after(dut, idles):
    n_ports, priorities, *features = (
        getattr(dut, name).value.to_unsigned()
        for name in ("PORTS", "PRIORITIES", "POOL_FILTERS", "PAUSE", "PRIVATE_VLANS")
    )
    bench = ModuleBench(dut, seed=17)
    await bench.start(write_valid=0, write_address=0, write_data=0, read_address=0, read_valid=0)
    words, answer = after_reset(n_ports, priorities, *features), None
    late, before = dict(words), expected_outputs(words, n_ports, priorities)
    beyond = regs.PORT_BASE + n_ports * regs.PORT_STRIDE
    holes = [
        regs.CORE_BASE, POOLS_AT, POOLS_AT + 4, regs.VLAN_BASE, beyond, regs.PORT_BASE + regs.PORT_PAUSE,
        regs.PORT_BASE + regs.PORT_PAUSE + 4, regs.PORT_BASE + regs.PORT_QUANTUM + 4 * priorities,
    ]  # fmt: skip
    holes = [address for address in holes if address not in words]
    of_core = [address for address in words if address < regs.PORT_BASE]
    for cycle in range(1200):
        # The core's own registers are few, and one of them names a port.
        some = holes if bench.chance(0.1) else of_core if bench.chance(0.15) else list(words)
        address = bench.rng.choice(some)
        # Sometimes no more than bits above those of a quantum, or one bit.
        data, does_write = bench.bits(20) & ~(0xFFFF * bench.chance(0.05)), not bench.chance(idles)
        data = 1 << bench.rng.randrange(20) if bench.chance(0.25) else data
        read_address = bench.rng.choice((*words, *holes))
        await bench.settle(
            write_valid=does_write and address in words, write_address=address >> 2, write_data=data,
            read_address=read_address >> 2, read_valid=1,
        )  # fmt: skip
        assert bench.get("write_hit") == (address in words), hex(address)
        assert bench.get("read_hit") == (read_address in words), hex(read_address)
        if answer is not None:
            assert bench.get("read_data") == answer, cycle
        current = expected_outputs(words, n_ports, priorities)
        expected = before | {name: current[name] for name in SHOWN_AT_ONCE}
        expected["uplink_vlan"] = before["port_vlan"] & 0xFFF
        assert {name: bench.get(name) for name in expected} == expected, cycle
        # A read gives what is shown.
        held = words if is_shown_at_once(read_address) else late
        answer = held[read_address][0] if read_address in words else None
        if read_address == POOLS_AT and answer is not None:
            answer = answer & ~POOLS_ENABLE | words[POOLS_AT][0] & POOLS_ENABLE
        late, before = dict(words), current
        if does_write and address in words:
            width = words[address][1]
            is_quantum = address >= regs.PORT_BASE and address % regs.PORT_STRIDE >= regs.PORT_QUANTUM
            value = data & ((1 << width) - 1)
            value = value & POOLS_MASK if address == POOLS_AT else value
            words[address] = (value or 1 if is_quantum else value, width)
        await bench.next_cycle()


@pytest.mark.parametrize(
    ("ports", "priorities", "pools", "pause", "private"),
    [(2, 8, 0, 0, 0), (17, 1, 0, 0, 0), (17, 1, 1, 1, 1), (3, 4, 1, 1, 0), (3, 8, 0, 1, 0), (5, 1, 0, 0, 1)],
)
def test_switch_control(simulate, ports, priorities, pools, pause, private):
    parameters = {"PORTS": ports, "PRIORITIES": priorities, "POOL_FILTERS": pools, "PAUSE": pause}
    assert simulate("switch_control", **parameters, PRIVATE_VLANS=private) == 2
