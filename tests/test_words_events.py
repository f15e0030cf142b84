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


def test_of_many_keys_the_first_are_written():
    changes = {f"switch.ports.vf{n}.weight": n for n in range(1, 65)}
    first = "switch.ports.vf1.weight = 1, switch.ports.vf2.weight = 2, switch.ports.vf3.weight = 3, "
    assert event_text(changes) == f"{first}switch.ports.vf4.weight = 4, 60 more keys"
    assert "more keys" not in event_text(dict(list(changes.items())[:8]))
