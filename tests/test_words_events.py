"""What an event of a scenario sets, as it is written; what events did is in test_simulation_event_effects.py."""

from __future__ import annotations

from hwmodel.words.events import event_text


def test_what_an_event_sets_is_written_as_in_a_file():
    changes = {"pcie.lanes": 4, "switch.ports.vf0.vlans": [1, 5], "switch.ports.vf0.enabled": False, "a": None}
    assert event_text(changes) == (
        "pcie.lanes = 4, switch.ports.vf0.vlans = [1, 5], switch.ports.vf0.enabled = false, a = null"
    )
    assert event_text({"switch.acl": [{"action": "deny"}]}) == "switch.acl = [{action: deny}]"
    assert event_text({}) == "nothing"


def test_of_a_long_value_the_begin_is_written():
    said = event_text({"switch.acl": [{"action": "deny", "port": f"vf{n}"} for n in range(30)]})
    assert said.startswith("switch.acl = [{action: deny, port: vf0}, ") and said.endswith(" ...") and len(said) < 100
