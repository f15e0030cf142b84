"""What is refused of `multi_root`, one clear line each, and what a multi-root switch is made of."""

from __future__ import annotations

from typing import Any

import pytest

from hwmodel.config import config_from_mapping, links_above, switches_of
from hwmodel.config.check_pcie import ALIKE_OF_HOSTS
from hwmodel.config.pcie_tree import DEDICATED, MOST_HOSTS, MULTI_ROOT, HostPort
from hwmodel.errors import InputError
from hwmodel.machine.pcie.tree_state import MAX_SWITCHES

HOSTS = {"nic": {"vfs": 2}, "servers": [{"name": "a"}, {"name": "b"}]}
TRAFFIC = {"workload": {"pattern": "pairs"}}


def refused(*changes: dict[str, Any]) -> str:
    mapping = HOSTS | TRAFFIC | {MULTI_ROOT: {}}
    for each in changes:
        mapping = mapping | each
    with pytest.raises(InputError) as caught:
        config_from_mapping(mapping)
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({MULTI_ROOT: {"ports": 1}}, "multi_root.ports: 2 hosts (a, b) are more than the switch's 1 ports"),
        ({MULTI_ROOT: {"control": "q"}},
         "multi_root.control: the controlling host q is none of the hosts; write dedicated or one of a, b"),
        ({MULTI_ROOT: {"control": "dedicatd"}}, "dedicatd is none of the hosts (did you mean dedicated?)"),
        ({MULTI_ROOT: {"hosts": {"q": {}}}}, "multi_root.hosts.q: there is no host q; there are a, b"),
        ({MULTI_ROOT: {"hosts": {"a": {"weight": 0}}}}, "multi_root.hosts.a.weight: 0 is out of range"),
        ({MULTI_ROOT: {"credits": {"pd": 8}}}, "multi_root.credits: pd 8: too few for a TLP of 256B, 16 B each"),
        ({"nic": {"strict": False}, "pcie": {"generation": 5, "lanes": 32, "propagation": "326ns"}},
         "pcie.propagation: 326ns each way holds up to 2049 TLPs of this link; a run has room for 2048"),
        ({MULTI_ROOT: {"hosts": {"b": {"generation": 5, "lanes": 32, "propagation": "1us"}}}},
         "multi_root.hosts.b.propagation: 1us each way holds up to 6285 TLPs of this link; a run has room for 2048"),
        ({"servers": []}, "multi_root: a multi-root switch has hosts, which are servers"),
        ({"servers": [{"name": "a"}, {"name": "b", "adapters": [{"name": "x"}]}]},
         "servers.b.adapters: host b shares the one adapter of multi_root, and has no adapters of its own"),
        ({"servers": [{"name": "a"}, {"name": "b", "set": {"pcie.lanes": 2}}]},
         "a and b have one adapter, whose link has one lanes; a has 8, b 2"),
        ({"nic": {"strict": False}, "servers": [{"name": "a", "set": {"pcie.bus": {}}}, {"name": "b"}]},
         "servers.a.set.pcie.bus: a multi-root switch has links, and a bus has none"),
        ({"pcie": {"switch_hops": 1}}, "hosts are behind the multi-root switch, and behind no other"),
        ({"scenario": [{"at": "1ms", "set": {"multi_root.latency": "1us"}}]}, "it is how the multi-root switch is"),
        ({"scenario": [{"at": "1ms", "set": {"multi_root.control": "b"}}]}, "`take_over` say who controls"),
        ({"scenario": [{"at": "1ms", "reset_host": "q"}]}, "scenario.0.reset_host: there is no host q; there are a, b"),
        ({"scenario": [{"at": "1ms", "take_over": "q"}]}, "scenario.0.take_over: there is no host q"),
        ({"scenario": [{"at": "1ms", "flood": {"from": "a.vf7", "every": "1us", "for": "1us"}}]}, "there is no a.vf7"),
        ({"scenario": [{"at": "1ms", "flood": {"from": "a.vf0", "every": "1ns", "for": "1ms"}}]},
         "scenario.0.flood.for: 1,000,000 doorbells are more than 50,000"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_one_line(changes: dict[str, Any], line: str) -> None:
    assert line in refused(changes)


OTHER = {"generation": 1, "lanes": 2, "propagation": "5ns", "max_payload": "128B", "dllp_model": "tlp1"}


@pytest.mark.parametrize("name", ALIKE_OF_HOSTS)
def test_hosts_have_one_link_to_the_switch(name: str) -> None:
    servers = [{"name": "a"}, {"name": "b", "set": {f"pcie.{name}": OTHER[name]}}]
    assert f"servers.b.set.pcie.{name}: a and b have one adapter, whose link has one {name}" in refused(
        {"servers": servers}
    )


def test_the_rate_of_a_link_with_tlps_under_way_is_fixed() -> None:
    mapping = HOSTS | TRAFFIC | {MULTI_ROOT: {}, "scenario": [{"at": "1ms", "set": {"pcie.lanes": 2}}]}
    with pytest.raises(InputError, match=r"servers.a.set.pcie.lanes, which is fixed while the machine runs \(1ms\)"):
        config_from_mapping(mapping)


def test_events_about_hosts_need_a_multi_root_switch() -> None:
    mapping = HOSTS | TRAFFIC | {"scenario": [{"at": "1ms", "fail": "a"}]}
    with pytest.raises(InputError, match=r"scenario.0.fail: only hosts that share an adapter \(multi_root\)"):
        config_from_mapping(mapping)


def test_each_host_has_a_link_of_its_own_and_all_have_one_together() -> None:
    config = config_from_mapping(HOSTS | {MULTI_ROOT: {"hosts": {"b": {"weight": 3, "lanes": 2}}}})
    assert config.multi_root is not None
    assert (config.multi_root.port_of("a"), config.multi_root.control) == (HostPort(), DEDICATED)
    switches = switches_of(config)
    assert [(one.name, one.above, one.settings.lanes) for one in switches] == [
        ("multi_root.a.inside", 2, 8), ("multi_root.b.inside", 3, 8), ("multi_root.a", None, 8),
        ("multi_root.b", None, 2),
    ]  # fmt: skip
    links = [(one.name, one.members, numbers) for one, numbers in links_above(switches)]
    assert links == [("multi_root", (0, 1), (0, 1)), ("multi_root.a", (0,), (2,)), ("multi_root.b", (1,), (3,))]
    assert config_from_mapping(config.resolved()) == config


def test_a_run_has_room_for_as_many_hosts_as_may_be_written() -> None:
    assert 2 * MOST_HOSTS <= MAX_SWITCHES
