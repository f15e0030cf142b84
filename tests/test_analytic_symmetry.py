"""Systems that are alike from each sender: one sender's frames against the count of all, and how far that goes."""

import pytest

from hwmodel import limits
from hwmodel.analytic import demand as demand_module
from hwmodel.config import load_config
from hwmodel.errors import InputError


def system(n_servers, n_vfs, changes, **of_last):
    servers = [{"name": f"s{number}"} for number in range(n_servers)]
    servers[-1] |= {"set": of_last} if of_last else {}
    return load_config("sriov_10g_gen2x4", {"servers": servers, "nic.vfs": n_vfs} | changes)


ALIKE = {
    "uniform": {"workload.pattern": "uniform"},
    "uniform, with a load": {"workload.pattern": "uniform", "workload.load": "3Gbps"},
    "a share of the ports": {"workload.pattern": "uniform", "workload.load": 0.4},
    "broadcast": {"workload.pattern": "broadcast"},
    "multicast": {"workload.pattern": "multicast", "bridge": {"sharing": "all"}},
    "pairs": {"workload.pattern": "pairs"},
    "pairs, reflected": {"workload.pattern": "pairs", "switch.mode": "vepa"},
    "to the wire": {"workload.pattern": "to_wire"},
    "part by the wire": {"workload.pattern": "uniform", "workload.wire_share": 0.25},
    "tags": {"workload.pattern": "uniform", "switch.mode": "e_tag", "bridge": {"kind": "controlling"}},
    "two guests a core": {"workload.pattern": "uniform", "host.cores": 2, "driver.frame_time": "1us"},
}


@pytest.mark.parametrize("name", ALIKE)
@pytest.mark.parametrize("n_servers", [2, 3])
def test_one_sender_says_what_all_together_do(monkeypatch, name, n_servers):
    config = system(n_servers, 4, ALIKE[name])
    seen = []
    shortened = demand_module.is_alike_for_all
    monkeypatch.setattr(demand_module, "is_alike_for_all", lambda *given: seen.append(shortened(*given)) or seen[-1])
    of_one = limits(config).to_dict()
    assert seen and all(seen)
    monkeypatch.setattr(demand_module, "is_alike_for_all", lambda *_: False)
    of_all = limits(config).to_dict()
    # The note of what is not carried has a line for each sender, or one for all.
    assert [note for note in of_one.pop("notes") if "all VMs" not in note] == [
        note for note in of_all.pop("notes") if "s0.vf0 to" not in note
    ]
    # Of alike servers' ports one line says that they are full, the port outside has one for each wire.
    assert shares_outside(of_one) == shares_outside(of_all)
    assert of_one == of_all


def shares_outside(found):
    """Take the shares out of limits; return those of the port outside, rates to the frame a second."""
    return [
        (one["law"], [{key: f"{value:.6f}" for key, value in wire.items() if key != "wire"} for wire in one["wires"]])
        for one in found.pop("full_ports", [])
        if one["port"] == "bridge.outside"
    ]


def test_what_is_not_alike_is_counted_one_by_one():
    for config in (
        system(3, 4, {"workload.pattern": "uniform"}, **{"port.rate": "25Gbps"}),
        system(3, 4, {"workload.pattern": "uniform", "bridge": {"ports": {"s1": {"hairpin": True}}}}),
        system(3, 4, {"workload.pattern": "uniform", "workload.load": 0.5, "workload.weights": {"s0.vf1": 2}}),
        system(3, 4, {"workload.pattern": "uniform", "host.cores": 3}),
        system(2, 3, {"workload.pattern": "pairs"}),
        system(3, 4, {"workload.pattern": "ring"}),
        system(3, 4, {"workload.pattern": "uniform", "bridge": {"policy": [{"port": "s0.vf0", "action": "deny"}]}}),
    ):
        assert not demand_module.is_alike_for_all(config, demand_module.System.of(config))


def test_many_servers_take_no_longer_than_one_sender_does():
    found = limits(system(64, 8, {"workload.pattern": "uniform", "pcie.lanes": 8}))
    # 504 of the 511 others are behind the wire of 10 Gb/s, which all of a server's frames share.
    assert found.gbps == pytest.approx(64 * 10 * 1518 / 1538 * 511 / 504)
    assert len(found.servers) == 64 and found.limited_by == "s0.wire.tx"


def test_too_many_unlike_streams_are_refused():
    with pytest.raises(InputError, match="too many for the closed form"):
        limits(system(64, 8, {"workload.pattern": "ring"}))
