"""Port security at a virtual switch that learns: which of a VM's addresses is one too many, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from hwmodel.config import Config
from hwmodel.config.port_security import PortSecurity
from hwmodel.errors import InputError
from hwmodel.results import Result
from tests.analytic_cases import demo
from tests.beside_simpy import Commands
from tests.extender_cases import deliveries_of, run_of
from tests.system_beside_simpy import BROADCAST, OUTSIDE, Frame, Stations, config_with, run_both

GAP_FS = 20_000_000_000
SWITCH: Mapping[str, Any] = {
    "nic.mode": "vswitch", "host.virtual_switch.learning": {}, "driver.preset": "dpdk", "nic.vfs": 4,
    "run.clocks": "exact",
}  # fmt: skip


def config_of(security: Mapping[str, Any], **more: Any) -> Config:
    ports = [{"name": "all", "spoof_check": False}, {"name": "vf0", "port_security": security}]
    return config_with({**SWITCH, "switch.ports": ports, **more})


def sent(config: Config, frames: Iterable[tuple[str, str, str]]) -> list[Frame]:
    """Return frames 20 us apart: who sends, whose address it gives as its own, and for whom."""
    stations = Stations(config)
    return [stations.frame((at + 1) * GAP_FS, sender, to, 64, "", source) for at, (sender, source, to) in
            enumerate(frames)]  # fmt: skip


def passed(
    frames: Iterable[tuple[str, str, str]], security: Mapping[str, Any], to: str = OUTSIDE, **more: Any
) -> tuple[list[str], Result]:
    """Return whose frames came to a station, in order of their senders, and the result."""
    config = config_of(security, **more)
    run = run_of(config, sent(config, frames))
    return [sender for sender, receiver, _ in deliveries_of(run) if receiver == to], run.result()


@pytest.mark.parametrize("on_excess", ["protect", "restrict"])
def test_the_first_addresses_that_a_vm_sends_from_pass_and_no_others(on_excess: str) -> None:
    came, result = passed(
        [("vf0", source, OUTSIDE) for source in ("vf0", "vf2", "vf3", "vf0", "vf2", "vf3")],
        {"most": 2, "on_excess": on_excess},
    )
    assert came == ["vf0"] * 4
    assert result.drops["PORT_SECURITY"] == 2
    assert result.learned is not None and result.learned.learned == 2
    said = [text for text in result.warnings if "port_security" in text]
    assert len(said) == (on_excess == "restrict")
    assert all("switch.ports.vf0.port_security.most is 2" in text and "(2, PORT_SECURITY)" in text for text in said)


def test_one_address_too_many_shuts_the_port_both_ways() -> None:
    frames = [("vf0", "vf0", OUTSIDE), ("vf1", "vf1", "vf0"), ("vf0", "vf2", OUTSIDE), ("vf0", "vf0", OUTSIDE),
              ("vf1", "vf1", "vf0"), ("vf1", "vf1", BROADCAST)]  # fmt: skip
    security = {"most": 1, "on_excess": "shut_down"}
    # Before: vf0's first, and what is for it. Behind: what vf1 broadcasts, for all but vf0.
    assert passed(frames, security)[0] == ["vf0", "vf1"]
    assert passed(frames, security, to="vf2")[0] == ["vf0", "vf1"]  # the first floods: nobody has sent yet
    came, result = passed(frames, security, to="vf0")
    assert came == ["vf1"]
    assert result.drops["PORT_SECURITY"] == 4
    assert any("it is shut, and all for it drops too" in text for text in result.warnings)


def test_what_has_aged_makes_room() -> None:
    learning = {"host.virtual_switch.learning.ageing": "15us"}
    came, result = passed([("vf0", source, OUTSIDE) for source in ("vf0", "vf2", "vf3")], {"most": 1}, **learning)
    assert len(came) == 3 and "PORT_SECURITY" not in result.drops


def test_a_guest_whose_frames_a_rule_drops_has_no_address_too_many() -> None:
    """Rules come before learning: what the access list denies takes no place."""
    acl = [{"source": "02:00:00:00:00:04", "action": "deny"}]
    stations = Stations(config_of({"most": 1}))
    assert stations.macs["vf2"] == 0x02_00_00_00_00_04
    came, result = passed([("vf0", source, OUTSIDE) for source in ("vf2", "vf0", "vf2")], {"most": 1},
                          **{"switch.acl": acl})  # fmt: skip
    assert came == ["vf0"]
    assert dict(result.drops) == {"ACL_DENY": 2}


def test_an_event_that_changes_the_security_opens_the_port_as_in_the_second_model() -> None:
    config = config_of({"most": 1, "on_excess": "shut_down"})
    frames = sent(config, [("vf0", source, OUTSIDE) for source in ("vf0", "vf2") * 3])
    ports = [{"name": "all", "spoof_check": False}, {"name": "vf0", "port_security": {"most": 2}}]
    commands: Commands = [(3 * GAP_FS + GAP_FS // 2, {"switch.ports": ports})]
    both = run_both(config, frames, commands=commands)
    assert both.differences() == {}
    assert both.result.drops == {"PORT_SECURITY": 2}


def test_what_a_machine_knows_of_it() -> None:
    assert [PortSecurity(most=3, on_excess=word).words for word in ("protect", "shut_down")] == [(3, False), (3, True)]


@pytest.mark.parametrize(("changes", "why"), [
    ({"nic.mode": "sriov"}, "an adapter's switch learns no addresses; spoof_check holds a station to its macs"),
    ({"nic.mode": "vswitch", "host.virtual_switch.learning": None},
     "the virtual switch learns no addresses that could be too many; host.virtual_switch.learning: {} lets it"),
])  # fmt: skip
def test_a_switch_that_does_not_learn_refuses_it(changes: Mapping[str, Any], why: str) -> None:
    ports = [{"name": "vf1", "port_security": {"most": 1}}]
    with pytest.raises(InputError) as refused:
        demo({"nic.strict": False, "switch.ports": ports, **changes})
    assert f"switch.ports.vf1.port_security: {why}" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
