"""Port security at a bridge: which address is one too many, what becomes of its frames, when a shut port opens."""

from __future__ import annotations

import pytest

from hwmodel.errors import InputError
from hwmodel.simulation import simulate
from tests.analytic_cases import demo
from tests.extender_cases import deliveries_of, run_of
from tests.system_beside_simpy import BROADCAST, OUTSIDE, UNKNOWN, Stations, config_with

GAP_FS = 20_000_000_000
TWO = {"servers": [{"name": "a"}, {"name": "b"}], "switch.ports": [{"name": "pf", "accept": []}]}


def passed(sent, security, **more):
    """Send frames of a server to stations outside, 20 us apart; return which senders' frames came, and the drops."""
    config = config_with({**TWO, "bridge.ports": {"a": {"port_security": security}}, **more})
    stations = Stations(config)
    frames = [stations.frame((at + 1) * GAP_FS, *each, 64) for at, each in enumerate(sent)]
    run = run_of(config, frames)
    came = [sender for sender, receiver, _ in deliveries_of(run) if receiver == OUTSIDE]
    return came, run.result()


def of_vfs(*numbers):
    return [(f"a.vf{number}", OUTSIDE) for number in numbers]


@pytest.mark.parametrize("on_excess", ["protect", "restrict"])
def test_the_first_addresses_that_come_are_let_in_and_no_others(on_excess):
    came, result = passed(of_vfs(2, 0, 1, 3, 2, 0, 1), {"most": 2, "on_excess": on_excess})
    assert came == ["a.vf0"] * 2 + ["a.vf2"] * 2
    assert result.drops["PORT_SECURITY"] == 3
    (bridge,) = result.bridges
    assert (bridge.learned, bridge.addresses_known) == (2, 2)
    said = [text for text in result.warnings if "port_security" in text]
    assert len(said) == (on_excess == "restrict")
    assert all("bridge.ports.a.port_security.most is 2" in text and "(3, PORT_SECURITY)" in text for text in said)


def test_one_address_too_many_shuts_the_port_both_ways():
    sent = [*of_vfs(0, 1), ("b.vf0", "a.vf0"), *of_vfs(0), ("b.vf0", OUTSIDE), ("b.vf1", BROADCAST)]
    came, result = passed(sent, {"most": 1, "on_excess": "shut_down"})
    # One of vf0 before, those of b. Not: vf1's, vf0's second, b's for vf0, and the copies for a of what b floods.
    assert came == ["a.vf0", "b.vf0", "b.vf1"]
    assert result.drops["PORT_SECURITY"] == 5
    (bridge,) = result.bridges
    assert {port.name: port.drops.get("PORT_SECURITY", 0) for port in bridge.ports} == {"a": 5, "b": 0, "outside": 0}
    assert any("it is shut, and all for it drops too" in text for text in result.warnings)


def test_what_has_aged_makes_room():
    came, result = passed(of_vfs(0, 1, 2), {"most": 1}, **{"bridge.ageing": "15us"})
    assert came == ["a.vf0", "a.vf1", "a.vf2"]
    assert "PORT_SECURITY" not in result.drops
    (bridge,) = result.bridges
    assert bridge.aged >= 2


def test_ports_without_a_limit_learn_all():
    came, result = passed([("b.vf0", OUTSIDE), ("b.vf1", OUTSIDE), *of_vfs(0, 1)], {"most": 1})
    assert came == ["a.vf0", "b.vf0", "b.vf1"]
    assert result.drops["PORT_SECURITY"] == 1


def test_announced_addresses_come_first():
    came, _ = passed(of_vfs(3, 2, 1, 0), {"most": 3}, **{"bridge.announce": True})
    assert came == ["a.vf0", "a.vf1"]  # pf, vf0 and vf1 have announced themselves before


def test_an_event_that_changes_the_security_opens_the_port():
    """Two senders at a port of one address: it shuts with the first frame of the second; opened, it has room for both.

    Frames are 1518 B at 1 Gb/s each, one each 12.144 us.
    """
    config = demo({
        "bridge.ports.adapter.port_security": {"most": 1, "on_excess": "shut_down"},
        "workload.pattern": "flows", "workload.flows": [["vf0", "uplink", "1Gbps"], ["vf1", "uplink", "1Gbps"]],
        "workload.arrivals": "periodic", "run.warmup": "0us", "run.duration": "2ms",
        "scenario": [{"at": "1ms", "set": {"bridge.ports.adapter.port_security.most": 2}}],
    })  # fmt: skip
    result = simulate(config)
    totals = result.totals
    assert totals.offered_frames == totals.delivered_frames + totals.dropped_frames + totals.in_flight_frames
    in_a_ms = 1e-3 / 12.144e-6
    assert result.drops == {"PORT_SECURITY": pytest.approx(2 * in_a_ms, abs=6)}
    assert totals.delivered_frames == pytest.approx(2 * in_a_ms, abs=6)


def test_a_controlling_bridge_refuses_it():
    with pytest.raises(InputError, match=r"ports\.adapter\.port_security: a controlling bridge learns no addresses"):
        demo({"switch.mode": "vn_tag", "nic.strict": False,
              "bridge": {"kind": "controlling", "ports": {"adapter": {"port_security": {"most": 1}}}}})  # fmt: skip


@pytest.mark.parametrize(("security", "what"), [
    ({"most": 0}, "most: 0 is out of range; 1 to 65536"),
    ({"on_excess": "shutdown"}, "on_excess: 'shutdown' is not one of protect, restrict, shut_down (did you mean"),
])  # fmt: skip
def test_what_it_cannot_be_is_refused(security, what):
    with pytest.raises(InputError) as refused:
        demo({"bridge": {"ports": {"adapter": {"port_security": security}}}})
    assert f"bridge.ports.adapter.port_security.{what}" in str(refused.value)


def test_an_unknown_target_floods_no_address_in():
    """An address is learned from sources alone: what is sent to it takes no place."""
    came, result = passed([("b.vf0", UNKNOWN), ("b.vf0", "a.vf1"), *of_vfs(0)], {"most": 1})
    assert "a.vf0" in came
    assert "PORT_SECURITY" not in result.drops


def test_what_floods_because_its_target_was_not_learned_is_said_to():
    """Of a's addresses only that of its PF is let in, so what b sends to the others floods, though all send."""
    config = config_with({
        **TWO, "bridge": {"announce": True, "ports": {"a": {"port_security": {"most": 1}}}},
        "workload": {"pattern": "flows", "flows": [["a.vf0", "b.vf0", "1Gbps"], ["b.vf0", "a.vf0", "1Gbps"]]},
        "run": {"warmup": "0us", "duration": "1ms"},
    })  # fmt: skip
    result = simulate(config)
    assert result.bridges[0].flooded_frames > 50
    (said,) = (warning for warning in result.warnings if "did not know" in warning)
    assert said.startswith("Port security keeps addresses out of the bridge's table; ")
