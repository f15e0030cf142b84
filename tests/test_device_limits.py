"""What the devices of presets cannot do is refused wherever it is said.

The values are those of data sheets and drivers, written here from these, not taken from the rows that are tested.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hwmodel.config import Config, load_config, servers_of
from hwmodel.config.check_device_limits import stretches
from hwmodel.config.device_bounds import Bound
from hwmodel.config.device_limits import LIMITS
from hwmodel.config.overrides import plain_data
from hwmodel.config_space.enumeration import adapter_of
from hwmodel.errors import InputError
from hwmodel.simulation.figures.setting_warnings import beyond_devices

pytestmark = pytest.mark.strict_devices

IXGBE = ("82599", "X540", "X550")
ALL = ("82576", *IXGBE, "XL710")
V6 = "2001:db8::1"
POLLS = {"driver.preset": "dpdk"}


def _with(device: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    return {"nic.preset": device, "workload.pattern": "ring", **keys}


def _macs(n: int) -> list[str]:
    return [f"02:00:00:00:{at // 256 + 1:02x}:{at % 256:02x}" for at in range(n)]


def _station(**keys: Any) -> dict[str, Any]:
    return {"switch.ports": [{"name": "vf0", **keys}]}


def _steering(**keys: Any) -> dict[str, Any]:
    return {"nic.steering": keys}


def _ethertypes(n: int) -> dict[str, Any]:
    return _steering(ethertype_filters=[{"ethertype": 0x9000 + at, "pool": "vf0"} for at in range(n)])


def _tuples(n: int) -> dict[str, Any]:
    return _steering(tuple_filters=[{"destination_port": 1 + at, "queue": 0} for at in range(n)])


def _director(**one: Any) -> dict[str, Any]:
    return _steering(flow_director={"filters": [{"protocol": "tcp", "queue": 0, **one}]})


def _classes(n: int) -> list[dict[str, Any]]:
    return [{"percent": 100 - 10 * (n - 1)}, *({"percent": 10} for _ in range(n - 1))]


def _vlans(n: int) -> list[int]:
    return list(range(1, n + 1))


# Key that is refused, devices, what is within them (None: nothing is), what is beyond.
CASES: list[tuple[str, tuple[str, ...], dict[str, Any] | None, dict[str, Any]]] = [
    ("pcie.generation", ("82576",), {"pcie.generation": 1}, {"pcie.generation": 2}),
    ("pcie.generation", ("82599", "X540"), {"pcie.generation": 2}, {"pcie.generation": 3}),
    ("pcie.generation", ("X550", "XL710"), {"pcie.generation": 1}, {"pcie.generation": 4}),
    ("pcie.lanes", ("82576", "X550"), {"pcie.lanes": 2}, {"pcie.lanes": 8}),
    ("pcie.lanes", ("82599", "X540", "XL710"), {"pcie.lanes": 4}, {"pcie.lanes": 12}),
    ("pcie.lanes", ("82599", "X540", "XL710"), {"pcie.lanes": 1}, {"pcie.lanes": 16}),
    ("pcie.max_payload", ("82576", *IXGBE), {"pcie.max_payload": "512B"}, {"pcie.max_payload": "1KiB"}),
    ("pcie.max_payload", ("XL710",), {"pcie.max_payload": "2KiB"}, {"pcie.max_payload": "4KiB"}),
    ("pcie.tags", ("82576", *IXGBE), {"pcie.tags": 32}, {"pcie.tags": 33}),
    ("pcie.bus", ALL, None, {"pcie.bus": {"kind": "pci_x"}}),
    ("pcie.ecrc", ("82576",), None, {"pcie.ecrc": True}),
    ("pcie.ordering", ("82576", "82599"), {"pcie.ordering": "relaxed"}, {"pcie.ordering": "id_based"}),
    ("port.rate", ("82576",), {"port.rate": "100Mbps"}, {"port.rate": "10Gbps"}),
    ("port.rate", ("82599", "X540"), {"port.rate": "1Gbps"}, {"port.rate": "25Gbps"}),
    ("port.rate", ("82599", "X540"), {"port.rate": "10Gbps"}, {"port.rate": "5Gbps"}),
    ("port.rate", ("X550",), {"port.rate": "5Gbps"}, {"port.rate": "40Gbps"}),
    ("port.rate", ("XL710",), {"port.rate": "10Gbps"}, {"port.rate": "100Gbps"}),
    ("port.count", ("82576", *IXGBE), {"port.count": 2}, {"port.count": 4}),
    ("nic.vfs", ("82576",), {"nic.vfs": 7}, {"nic.vfs": 8}),
    ("nic.vfs", ("82599", "X540"), {"nic.vfs": 63}, {"nic.vfs": 64}),
    ("nic.vfs", ("X550",), {"nic.vfs": 64}, {"nic.vfs": 65}),
    ("nic.vfs", ("XL710",), {"nic.vfs": 126, "port.count": 2}, {"nic.vfs": 65, "port.count": 2, "switch.ports": [
        {"name": f"vf{at}", "port": "p0"} for at in range(65)]}),
    ("nic.vfs", ("82599",), {"nic.vfs": 63, "nic.mode": "vmdq"}, {"nic.vfs": 64, "nic.mode": "vmdq"}),
    ("nic.vfs", ("82576",), {"nic.vfs": 7, "nic.mode": "vmdq"}, {"nic.vfs": 8, "nic.mode": "vmdq"}),
    # 64 pools of 2 queues, 32 of 4, 16 of 8 classes.
    ("nic.vfs", IXGBE, {"nic.vfs": 31, "nic.queues_per_vf": 3, **POLLS},
     {"nic.vfs": 32, "nic.queues_per_vf": 3, **POLLS}),
    ("nic.vfs", IXGBE, {"nic.vfs": 31, "nic.arbitration": {"classes": _classes(2)}},
     {"nic.vfs": 32, "nic.arbitration": {"classes": _classes(4)}}),
    ("nic.vfs", IXGBE, {"nic.vfs": 15, "nic.arbitration": {"classes": _classes(8)}},
     {"nic.vfs": 16, "nic.arbitration": {"classes": _classes(5)}}),
    ("nic.queues_per_vf", ("82576",), {"nic.queues_per_vf": 2}, {"nic.queues_per_vf": 3, **POLLS}),
    ("nic.queues_per_vf", IXGBE, {"nic.queues_per_vf": 4, **POLLS}, {"nic.queues_per_vf": 5, **POLLS}),
    ("nic.queues_per_vf", ("82576", *IXGBE), {"nic.queues_per_vf": 2}, {"nic.queues_per_vf": 8, **POLLS}),
    # Three vectors of a VF, one of them for messages.
    ("nic.queues_per_vf", IXGBE, {"nic.queues_per_vf": 4, "nic.vectors_per_function": 2}, {"nic.queues_per_vf": 4}),
    ("nic.vectors_per_function", IXGBE, {"nic.queues_per_vf": 4, "nic.vectors_per_function": 1},
     {"nic.queues_per_vf": 4, "nic.vectors_per_function": 3}),
    ("driver.moderation", IXGBE, {"driver.moderation": "1046us"}, {"driver.moderation": "1048us"}),
    ("driver.moderation", ("XL710",), {"driver.moderation": "8160us"}, {"driver.moderation": "8162us"}),
    ("driver.moderation", ("82576",), {"driver.moderation": "10ms"}, {"driver.moderation": "11ms"}),
    ("nic.tx_ring", ("82576",), {"nic.tx_ring": 4096}, {"nic.tx_ring": 4104}),
    ("nic.rx_ring", ("82599", "X540"), {"nic.rx_ring": 8192}, {"nic.rx_ring": 8200}),
    ("nic.rx_ring", IXGBE, {"nic.rx_ring": 72}, {"nic.rx_ring": 76}),
    ("nic.rx_ring", IXGBE, {"nic.rx_ring": 64}, {"nic.rx_ring": 56}),
    ("nic.tx_ring", ("XL710",), {"nic.tx_ring": 8160}, {"nic.tx_ring": 8192}),
    ("nic.txdctl.pthresh", ("82576",), {"nic.txdctl": {"pthresh": 31}}, {"nic.txdctl": {"pthresh": 32}}),
    ("nic.rxdctl", ("XL710",), None, {"nic.rxdctl": {}}),
    ("nic.tx_buffer", IXGBE, {"nic.tx_buffer": "160KiB"}, {"nic.tx_buffer": "161KiB"}),
    ("nic.tx_buffer", ("82576",), {"nic.tx_buffer": "40KiB"}, {"nic.tx_buffer": "41KiB"}),
    ("nic.rx_buffer", ("82576",), {"nic.rx_buffer": "64KiB"}, {"nic.rx_buffer": "65KiB"}),
    ("nic.rx_buffer", ("82599",), {"nic.rx_buffer": "512KiB"}, {"nic.rx_buffer": "513KiB"}),
    ("nic.rx_buffer", ("X540",), {"nic.rx_buffer": "384KiB"}, {"nic.rx_buffer": "385KiB"}),
    ("nic.rx_buffer", ("82599",), {**_director(destination_port=80), "nic.rx_buffer": "448KiB"},
     {**_director(destination_port=80), "nic.rx_buffer": "449KiB"}),
    ("nic.rsc", ("82576", "XL710"), None, {"nic.rsc": {}}),
    ("nic.header_split", ("82576",), {"nic.header_split": "960B"}, {"nic.header_split": "1KiB"}),
    ("nic.arbitration", ("82576", "XL710"), None, {"nic.arbitration": {"classes": _classes(2)}}),
    ("nic.flow_control.mode", ("82576",), {"nic.flow_control": {"mode": "pause"}}, {"nic.flow_control": {"mode": "pfc"},
     "nic.arbitration": {"classes": _classes(2)}}),
    ("nic.steering.ethertype_filters", ("82576", *IXGBE), _ethertypes(8), _ethertypes(9)),
    ("nic.steering.ethertype_filters.0.ethertype", ("82576", *IXGBE), None,
     _steering(ethertype_filters=[{"ethertype": 0x0800, "pool": "vf0"}])),
    ("nic.steering.tuple_filters", IXGBE, _tuples(128), _tuples(129)),
    ("nic.steering.tuple_filters", ("82576",), _tuples(8), _tuples(9)),
    ("nic.steering.tuple_filters.0.source", ("82576", *IXGBE),
     _steering(tuple_filters=[{"source": "10.0.0.1", "queue": 0}]),
     _steering(tuple_filters=[{"source": V6, "queue": 0}])),
    ("nic.steering.flow_director", ("82576", "XL710"), None, _director(destination_port=80)),
    ("nic.steering.flow_director.filters.0.source", IXGBE, _director(source="10.0.0.1"), _director(source=V6)),
    ("nic.steering.rss.entries", ("82599", "X540"), _steering(rss={"entries": 128}), _steering(rss={"entries": 512})),
    ("nic.steering.rss.entries", ("X550", "XL710"), _steering(rss={"entries": 64}), _steering(rss={"entries": 128})),
    ("switch.ports", ("82576",), {"nic.vfs": 2, **_station(macs=_macs(22))},
     {"nic.vfs": 2, **_station(macs=_macs(23))}),
    ("switch.ports", IXGBE, {"nic.vfs": 2, **_station(macs=_macs(126))}, {"nic.vfs": 2, **_station(macs=_macs(127))}),
    ("switch.ports.vf0.macs", ("XL710",), _station(macs=_macs(18)), _station(macs=_macs(19))),
    ("switch.ports.vf0.macs", ("XL710",), _station(macs=_macs(19), trusted=True), _station(macs=_macs(20))),
    ("switch.ports", ("82576",), _station(vlans=_vlans(32)), _station(vlans=_vlans(33))),
    ("switch.ports", IXGBE, _station(vlans=_vlans(64)), _station(vlans=_vlans(65))),
    ("switch.ports.vf0.vlans", ("XL710",), _station(vlans=_vlans(16)), _station(vlans=_vlans(17))),
    ("switch.mirrors", ("82576", *IXGBE), {"switch.mirrors": [{"to": "vf0", "vlan": 1 + at} for at in range(4)]},
     {"switch.mirrors": [{"to": "vf0", "vlan": 1 + at} for at in range(5)]}),
    ("switch.acl", ALL, None, {"switch.acl": [{"action": "permit"}]}),
    ("switch.ports.vf0.guards", ALL, None, _station(guards=["dhcp"])),
    ("switch.ports.vf0.rate_limit", IXGBE, _station(rate_limit="11Mbps"), _station(rate_limit="10Mbps")),
    ("switch.ports.vf0.rate_limit", IXGBE, _station(rate_limit="10Gbps"), _station(rate_limit="11Gbps")),
    ("switch.ports.vf0.rate_limit", IXGBE, _station(rate_limit="333Mbps"), _station(rate_limit="333300Kbps")),
    ("switch.ports.vf0.rate_limit", IXGBE, None, {"port.rate": "1Gbps", **_station(rate_limit="100Mbps")}),
    ("switch.ports.vf0.rate_limit", ("XL710",), _station(rate_limit="150Mbps"), _station(rate_limit="125Mbps")),
    ("switch.ports.vf0.rate_limit", ("82576",), _station(rate_limit="5Mbps"), _station(rate_limit="2Gbps")),
    ("switch.ports.vf0.min_rate", ALL, None, _station(min_rate="50Mbps")),
    ("switch.ports.vf0.receive_limit", ALL, None, _station(receive_limit="50Mbps")),
    ("switch.ports.vf0.promiscuous", ("82576", "82599"), {"switch.ports": [{"name": "pf", "promiscuous": True}]},
     _station(promiscuous=True)),
]  # fmt: skip
DRAWN = [(key, device, within, beyond) for key, devices, within, beyond in CASES for device in devices]
_IDS = [f"{device}-{key}-{at}" for at, (key, device, _, _) in enumerate(DRAWN)]


def _refusal(said: Mapping[str, Any], overrides: Any = None) -> str:
    with pytest.raises(InputError) as refused:
        load_config(said, overrides)
    return "\n".join(refused.value.lines)


@pytest.mark.parametrize(("key", "device", "within", "beyond"), DRAWN, ids=_IDS)
def test_a_device_has_what_its_documents_say_and_no_more(key: str, device: str, within: Any, beyond: Any) -> None:
    """What is beyond is refused at its key, with the source and what permits it, and runs with `nic.strict: false`."""
    if within is not None:
        load_config(_with(device, within))
    lines = [line for line in _refusal(_with(device, beyond)).splitlines() if f": {key}: " in line]
    assert lines, _refusal(_with(device, beyond))
    assert all(f"the {device} has " in line and "(" in line for line in lines)
    assert all(line.endswith("; nic.strict: false or nic.preset: null permits it") for line in lines)
    try:
        lax = load_config(_with(device, beyond), {"nic.strict": False})
    except InputError as refused:
        assert "the model" in str(refused)  # has room for no more either
    else:
        (warning,) = beyond_devices(lax)
        assert key in warning


def _spread(beyond: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield overrides as users type them, with single stations' keys by name."""
    for key, value in beyond.items():
        if key == "switch.ports":
            for station in value:
                for name in station.keys() - {"name"}:
                    yield f"switch.ports.{station['name']}.{name}", station[name]
        else:
            yield key, value


def test_drawn_stretches_of_presets_are_never_in_silence() -> None:
    """200 of them, beside other keys that the device has: in a file's keys, by --set, in an event."""
    chance = random.Random(20260301)
    n_events = 0
    for _ in range(200):
        key, device, _, beyond = chance.choice(DRAWN)
        base = {"nic.preset": device, "workload.frame_bytes": chance.choice((64, 300, 1518)), "nic.vfs": 4}
        base |= {"run.warmup": "0us", "run.duration": "2ms"}
        overrides = dict(_spread(beyond))
        assert key.split(".0.")[0] in _refusal({**base, **beyond})
        assert "nic.strict: false or nic.preset: null permits it" in _refusal(base, overrides)
        events = [{"at": f"{chance.randrange(1, 2000)}us", "set": overrides}]
        said = _refusal({**base, "scenario": events})
        n_events += "permits it" in said
        assert "permits it" in said or "fixed while the machine runs" in said, said
    assert n_events > 40


@pytest.mark.parametrize(
    ("device", "set_", "key"),
    [("82599", {"pcie.generation": 3}, "pcie.generation"),
     ("82599", {"switch.ports.vf1.min_rate": "1Gbps"}, "min_rate"),
     ("X540", {"switch.ports.vf1.rate_limit": "9Mbps"}, "rate_limit"), ("XL710", {"pcie.lanes": 16}, "pcie.lanes"),
     ("82576", {"switch.acl": [{"action": "deny"}]}, "switch.acl")],
)  # fmt: skip
def test_events_are_held_to_the_device(device: str, set_: Mapping[str, Any], key: str) -> None:
    base = {"nic.preset": device, "run.duration": "1ms", "scenario": [{"at": "100us", "set": set_}]}
    said = _refusal(base)
    assert key in said and f"the {device} has" in said
    assert len(load_config(base, {"nic.strict": False}).steps()) == 1


@pytest.mark.parametrize(
    ("device", "call", "key"),
    [("82599", {"rate_limit": "10Mbps"}, "rate_limit"), ("X540", {"rate_limit": "11Gbps"}, "rate_limit"),
     *((name, {"min_rate": "50Mbps"}, "min_rate") for name in ALL if name != "XL710")],
)  # fmt: skip
def test_calls_of_the_administrator_are_held_to_the_device(device: str, call: Mapping[str, Any], key: str) -> None:
    """At their place, also of one of several servers; where nothing is strict the driver refuses it in the run."""
    event = {"at": "100us", "pf": {"vf": "vf1", **call}}
    said = {"nic.preset": device, "nic.vfs": 2, "run.duration": "1ms", "scenario": [event]}
    assert f"scenario.0.pf.{key}: " in _refusal(said)
    assert f"the {device} has" in _refusal(said)
    assert load_config(said, {"nic.strict": False})
    assert load_config({**said, "scenario": [{"at": "100us", "pf": {"vf": "vf1", key: "0bps"}}]})
    of_b = {"at": "100us", "pf": {"vf": "b.vf1", **call}}
    servers = [{"name": "a", "set": {"nic.preset": None}}, {"name": "b"}]
    assert f"scenario.0.pf.{key}: " in _refusal({**said, "servers": servers, "bridge": {}, "scenario": [of_b]})
    assert load_config({**said, "servers": servers, "bridge": {},
                        "scenario": [{"at": "100us", "pf": {"vf": "a.vf1", "rate_limit": "10Mbps"}}]})  # fmt: skip


def test_a_call_that_an_xl710_does_not_have_is_told_beside_its_other_protocol() -> None:
    """Its PF's calls are not modelled, strict or not."""
    said = {"nic.preset": "XL710", "nic.vfs": 2, "run.duration": "1ms"}
    call = {"scenario": [{"at": "100us", "pf": {"vf": "vf1", "rate_limit": "125Mbps"}}]}
    refused = _refusal({**said, **call})
    assert "scenario.0.pf.rate_limit: " in refused and "the XL710 has" in refused and "another protocol" in refused
    assert "another protocol" in _refusal({**said, **call}, {"nic.strict": False})


def test_one_warning_names_all_keys_beyond_the_devices() -> None:
    """By the names that users type, of each server's own; nothing is said where there is no device."""
    said = {
        "nic.strict": False,
        "pcie": {"generation": 5, "lanes": 16, "tags": 64},
        "switch.acl": [{"action": "permit"}],
    }
    (warning,) = beyond_devices(load_config(said))
    assert [key in warning for key in ("pcie.generation", "pcie.lanes", "pcie.tags", "1 more")] == [True] * 4
    assert not list(beyond_devices(load_config({**said, "nic.preset": None})))
    assert not list(beyond_devices(load_config({"nic.strict": False})))
    servers = [{"name": "a"}, {"name": "b", "set": {"pcie.lanes": 16, "nic.strict": False}}]
    (warning,) = beyond_devices(load_config({"servers": servers, "bridge": {}}))
    assert "servers.b.set.pcie.lanes" in warning


def test_stations_of_a_virtual_switch_are_not_the_adapters() -> None:
    """Their rates, rules and lists are those of the host's switch."""
    ports = [{"name": "vf0", "min_rate": "20Mbps", "rate_limit": "30Mbps", "guards": ["dhcp"], "vlans": _vlans(200)}]
    said = {"nic": {"mode": "vswitch"}, "switch": {"ports": ports, "acl": [{"action": "permit"}] * 1000}}
    assert list(stretches(load_config(said))) == []


def test_config_space_is_refused_or_has_what_the_run_has() -> None:
    """An 82599 never shows 32 GT/s x16 of itself."""
    said = {"nic.preset": "82599", "pcie": {"generation": 5, "lanes": 16, "max_payload": "4KiB"}}
    assert "pcie.lanes: a width of x16; the 82599 has 1, 2, 4 or 8" in _refusal(said)
    device = adapter_of(servers_of(load_config(said, {"nic.strict": False}))[0]).device
    assert (device.link_speed, device.lanes) == (5, 16)
    device = adapter_of(servers_of(load_config({"pcie": {"generation": 1, "lanes": 2}}))[0]).device
    assert (device.link_speed, device.lanes) == (2, 8)


def test_a_limit_names_keys_that_exist_and_a_source() -> None:
    given: dict[str, Any] = {key: {} for key in ("nic.txdctl", "nic.rxdctl", "nic.rsc")}
    given |= {"nic.steering": {"flow_director": {}}, "nic.flow_control": {"mode": "pause"}}
    config = load_config({**given, "nic.arbitration": {"classes": [{"percent": 100}]}})
    for limit in LIMITS:
        for name in limit.keys.split(", "):
            assert _is_key(config, name if "." in name else limit.keys.split(", ")[0]), name
        assert all(bound.source for bound in limit.bounds.values())
        assert set(limit.bounds) <= set(ALL)


def _is_key(config: Config, key: str) -> bool:
    here: Any = plain_data(config.resolved())
    for step in key.replace(".NAME", ".0").split("."):
        if isinstance(here, list):
            if not here:
                return True
            here = here[0]
            if step.isdecimal():
                continue
        if step not in here:
            return step in type_keys(key)
        here = here[step]
    return True


def type_keys(key: str) -> set[str]:
    """Return the names along a key that are only in results where they are written (`unsaid`)."""
    return {"bus", "vectors_per_function", "header_split", "tx_descriptor", "completion_entry", "doorbell", "count",
            "guards", "receive_limit"} & set(key.split("."))  # fmt: skip


def test_a_bound_says_what_it_allows():
    ring = Bound("data sheet", least=64, most=8192, step=8)
    assert [ring.allows(value) for value in (63, 64, 68, 8192, 8200)] == [False, True, False, True, False]
    assert ring.words(str) == "64 to 8192, multiples of 8"
    rate = Bound("driver", above=10, most=1000)
    assert [rate.allows(value) for value in (10, 11, 1000, 1001)] == [False, True, True, False]
    assert Bound("data sheet", choices=(1, 2, 4)).words(str) == "1, 2 or 4"
    assert Bound("data sheet", most=0).words(str) == "none"
