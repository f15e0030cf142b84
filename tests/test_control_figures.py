"""Figures that closed forms give: how long polls keep VMs waiting, a change of profile at 64 ports, supervisors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from scapy.utils import RawPcapNgReader

from hwmodel import load_config, simulate
from hwmodel.agents.control_plane import hypervisor_of
from hwmodel.config import Config
from tests.control_alone import played
from tests.control_cases import PROFILES, S, system

N_STARTS = 40
BOOT_S = 5


def polled(n: int) -> Config:
    """Return a system of VMs with a VLAN each, of which nobody tells the network but by polls; all else takes no time.

    Times of starts, and of polls, are given later.
    """
    names = [f"web{at}" for at in range(n)]
    return load_config(
        {
            "servers": [{"name": "a"}, {"name": "b"}], "nic": {"preset": None, "vfs": n},
            "bridge": {"ports": {"a": {"vlans": [1]}}},
            "profiles": {name: {"port_vlan": 10 + at} for at, name in enumerate(names)},
            "vms": [{"name": name, "at": f"a.vf{at}", "profile": name} for at, name in enumerate(names)],
            "control": {"way": "polling", "starts": dict.fromkeys(names, "1s"), "network_manager": {"poll": "1s"}},
            "workload": {"frame_bytes": 64, "pattern": "flows", "arrivals": "periodic",
                         "flows": [[name, "uplink", "5120bps"] for name in names]},
            "run": {"warmup": "0ns", "duration": "200s"},
        }
    )  # fmt: skip


def test_a_poll_keeps_vms_waiting_half_its_interval_and_those_that_boot_sooner_find_no_vlan() -> None:
    config = polled(N_STARTS)
    assert config.control is not None
    for interval_s in (1, 2, 5, 7, 10, 30, 60):
        each_fs = interval_s * S // N_STARTS
        # Once in each part of an interval; multiplied by a prime they come in no order.
        starts = {f"web{at}": S * interval_s + (at * 37 % N_STARTS) * each_fs + each_fs // 2 for at in range(N_STARTS)}
        manager = config.control.network_manager.model_copy(update={"poll_fs": interval_s * S})
        control = config.control.model_copy(update={"starts": starts, "network_manager": manager})
        plane = played(config.model_copy(update={"control": control}), (2 * interval_s + 2 * BOOT_S) * S, S // 10)
        waits = [(one.served_fs or 0) - (one.ordered_fs or 0) for one in plane.courses.values()]
        assert sum(waits) / len(waits) == pytest.approx(interval_s * S / 2, rel=0.02)
        early = sum((one.served_fs or 0) > (one.up_fs or 0) for one in plane.courses.values()) / N_STARTS
        assert early == pytest.approx(max(0, interval_s - BOOT_S) / interval_s, abs=1 / N_STARTS)


def test_frames_are_lost_until_the_poll_as_the_closed_form_says() -> None:
    starts = {"web0": "1s", "web1": "3900ms", "web2": "6s", "web3": "9s"}
    config = polled(4).with_overrides(
        {"control.starts": starts, "control.network_manager.poll": "10s", "run.duration": "16s"}
    )
    found = simulate(config).control
    assert found is not None
    for vm in found.vms:
        boots_s = float(starts[vm.name].replace("900ms", ".9").rstrip("s")) + BOOT_S
        waits_s = max(0, 10 - boots_s)
        assert vm.waited_ns == pytest.approx(waits_s * 1e9, abs=1e-3)
        assert vm.lost_frames == pytest.approx(waits_s * 10, abs=1.01)


LATE = {"hypervisor": {"latency": "2ms", "service": "1ms"}, "network_manager": {"service": "5ms"}}


def test_a_change_reaches_64_ports_one_after_the_other_and_no_frame_is_under_a_mixture(tmp_path: Path) -> None:
    names = [f"web{at}" for at in range(64)]
    config = load_config(
        {
            "nic": {"preset": None, "vfs": 64}, "port": {"rate": "100Gbps"}, "pcie": {"generation": 3, "lanes": 16},
            "profiles": {"web": {"port_vlan": 10, "default_priority": 1, "rate_limit": "1Gbps"},
                         "gold": {"inherit": "web", "port_vlan": 20, "default_priority": 5}},
            "vms": [{"name": name, "at": f"vf{at}", "profile": "web"} for at, name in enumerate(names)],
            "bridge": {"ports": {"adapter": {"vlans": [1]}}},
            "control": {"changes": [{"at": "10ms", "profile": "web", "becomes": "gold"}], **LATE},
            "workload": {"pattern": "flows", "frame_bytes": 64, "arrivals": "periodic",
                         "flows": [[name, "uplink", "5Mbps"] for name in names]},
            "run": {"warmup": "0ns", "duration": "90ms"},
        }
    )  # fmt: skip
    path = tmp_path / "wire.pcapng"
    result = simulate(config, pcap_hops={"adapter": str(path)})
    every_ns, most_ns = 64 * 8 / 5e-3, 20e3  # between a VM's frames; from a decision until it is on the wire
    seen: dict[int, list[tuple[float, tuple[int, int]]]] = {}
    with RawPcapNgReader(str(path)) as reader:
        frames = [((about.tshigh << 32) + about.tslow, frame) for frame, about in reader]
    for at_ns, frame in frames:
        assert frame[12:14] == b"\x81\x00"
        tag = int.from_bytes(frame[14:16], "big")
        seen.setdefault(frame[11], []).append((at_ns, (tag & 0xFFF, tag >> 13)))
    assert len(seen) == 64
    for at, mac in enumerate(sorted(seen)):
        # The manager's work, the way to the hypervisor, and that one's for all ports up to this.
        becomes_ns = 10e6 + 5e6 + 2e6 + (at + 1) * 1e6
        kinds = [kind for _, kind in seen[mac]]
        assert {*kinds} == {(10, 1), (20, 5)} and kinds == sorted(kinds)
        last, first = (at_ns for at_ns, _ in seen[mac][kinds.index((20, 5)) - 1 : kinds.index((20, 5)) + 1])
        assert last <= becomes_ns + most_ns and becomes_ns <= first <= becomes_ns + every_ns + most_ns
    assert result.control is not None and result.control.messages["give"] == 64


def supervised(modules: dict[str, Any], **control: Any) -> dict[str, Any]:
    keys = system("vem", modules=modules, **control)
    keys["workload"]["flows"] = [["web1", "web3", "51200bps"], ["shop1", "shop2", "51200bps"]]
    keys["vms"].append({"name": "web3", "at": "b.vf1", "profile": "web"})
    return keys


def test_a_standby_takes_over_frames_go_on_and_what_is_asked_or_changed_meanwhile_waits() -> None:
    keys = supervised(
        {"fails": "3500ms", "takeover": "2s"}, starts={"shop1": "4s"}, vm_start="3s",
        changes=[{"at": "4500ms", "profile": "web", "becomes": "silver"}],
    )  # fmt: skip
    keys["profiles"] = {**PROFILES, "silver": {"inherit": "web", "default_priority": 3}}
    result = simulate(load_config(keys))
    assert result.control is not None
    taken_ns = 3000e6 + 20e6 + 2000e6  # the last heartbeat, its way, and the time without one
    (shop1,) = result.control.vms
    assert shop1.served_ns is not None and taken_ns < shop1.served_ns < taken_ns + 300e6
    assert (shop1.lost_frames, shop1.waited_ns) == (0, 0)  # it still boots
    given = [one for one in result.agent_actions if "silver" in str(one.set_)]
    assert len(given) == 2 and all(taken_ns < one.at_ns < taken_ns + 400e6 for one in given)
    assert sum(flow.offered - flow.delivered for flow in result.flows) == result.totals.in_flight_frames <= 2
    assert not result.drops


@pytest.mark.parametrize(("fails", "beats"), [(None, 5), ("2s", 1), ("2001ms", 2), ("10ms", 0)])
def test_a_standby_hears_heartbeats_and_takes_over_where_none_comes(fails: str | None, beats: int) -> None:
    """One each second, 20 ms on its way; none at the instant at which the active one fails."""
    keys = supervised({"takeover": "1500ms", **({} if fails is None else {"fails": fails})}, starts={})
    keys["run"]["duration"] = "5500ms"
    result = simulate(load_config(keys))
    assert result.agents["network_manager"].sent == beats
    taken = [one.at_ns for one in result.agent_actions if one.agent == "standby"]
    assert taken == ([] if fails is None else [1000e6 * beats + 20e6 + 1500e6 + 10e6] * 2)  # behind its own work


def test_lost_heartbeats_are_heartbeats_that_do_not_come() -> None:
    keys = supervised({"takeover": "1500ms"}, starts={}) | {"management": {"loss": "99.9%"}}
    result = simulate(load_config(keys))
    assert result.agents["network_manager"].lost == result.agents["network_manager"].sent == 12
    assert next(one.at_ns for one in result.agent_actions if one.agent == "standby") == 20e6 + 1500e6 + 10e6


def test_without_a_standby_nobody_is_served_any_more() -> None:
    found = simulate(load_config(supervised({"fails": "500ms", "standby": False}))).control
    assert found is not None and found.vms[0].served_ns is None and found.vms[0].lost_frames > 0


@pytest.mark.parametrize(("standby", "n"), [(True, 65), (False, 64)])
def test_heartbeats_of_64_modules_are_counted_and_cost_a_quiet_run_nothing(*, standby: bool, n: int) -> None:
    hosts: Sequence[str] = [f"s{at}" for at in range(64)]
    config = load_config(
        {
            "servers": [{"name": host} for host in hosts], "nic": {"preset": None, "vfs": 2}, "bridge": {},
            "profiles": dict(PROFILES), "control": {"way": "vem", "modules": {"standby": standby}},
            "vms": [{"name": f"web{at}", "at": f"{host}.vf0", "profile": "web"} for at, host in enumerate(hosts)],
            "workload": {"pattern": "flows", "flows": [["web0", "web1", "1Kbps"]]},
            "run": {"warmup": "0ns", "duration": "600s"},
        }
    )  # fmt: skip
    result = simulate(config)
    assert result.control is not None and result.host_run is not None
    assert result.control.messages == {"heartbeat": 2 * 600 * n}
    assert result.control.bytes == 256 * 2 * 600 * n
    assert result.host_run.events < 100_000
    assert {hypervisor_of(host) for host in hosts} <= {*result.agents}
