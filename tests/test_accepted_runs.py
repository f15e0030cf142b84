"""A configuration that is accepted is run: drawn loads and events, of which many are refused as they are loaded."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from hwmodel.config import Config, config_from_mapping
from hwmodel.errors import InputError
from hwmodel.functions.mailbox_events import PfDrivers
from hwmodel.simulation import simulate
from hwmodel.simulation.run.scenario import scene_of
from tests.test_config_streams import loads

SHORT = {"warmup": "20us", "duration": "60us"}


def accepted(system: dict[str, Any]) -> Config | None:
    """Return the configuration, None where it is refused; every line of that has the key at fault."""
    try:
        return config_from_mapping(system)
    except InputError as error:
        assert all(line.startswith("configuration: ") and line.count(": ") >= 2 for line in error.lines), error.lines
        return None


@given(loads())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_loads_that_are_accepted_are_run(system):
    config = accepted({**system, "run": SHORT})
    event(f"accepted: {config is not None}")
    if config is not None:
        result = simulate(config)
        assert result.totals.offered_frames >= result.totals.delivered_frames >= 0 or system["port"]["count"] > 1


@st.composite
def events(draw: Any) -> dict[str, Any]:
    """Draw events about functions of an adapter with three VFs, or of two such servers, that come too soon or late."""
    servers = draw(st.sampled_from([{}, {"servers": [{"name": "a"}, {"name": "b"}]}]))
    prefixes = ["a.", "b."] if servers else [""]
    name = st.sampled_from([f"{prefix}{vf}" for prefix in prefixes for vf in ("vf0", "vf1", "vf2", "pf")])
    of = st.sampled_from(["a", "b"]) if servers else st.none()
    kinds = st.one_of(
        st.builds(lambda vf: {"reset": vf}, name),
        st.builds(lambda vf: {"unplug": vf}, name),
        st.builds(lambda vf: {"plug": vf}, name),
        st.builds(lambda vf, on: {"bus_master": {"function": vf, "on": on}}, name, st.booleans()),
        st.builds(lambda n, of: {"enable_vfs": n, **({} if of is None else {"of": of})}, st.integers(0, 4), of),
        st.builds(lambda vf: {"mailbox": {"from": vf, "message": "reset"}}, name),
        st.builds(lambda vf: {"flood": {"from": vf, "every": "1us", "for": "10us"}}, name),
    )
    times = st.sampled_from(["1ms", "2ms", "150ms", "300ms", "450ms"])
    found = [{"at": draw(times), **draw(kinds)} for _ in range(draw(st.integers(1, 4)))]
    return {
        "nic": {"vfs": 3, "preset": draw(st.sampled_from([None, "82599", "XL710"])), "strict": False},
        **servers, "workload": {"pattern": "ring"}, "run": {"duration": "1s"}, "scenario": found,
    }  # fmt: skip


@given(events())
@settings(max_examples=400, deadline=None)
def test_events_that_are_accepted_can_be_followed(system):
    config = accepted(system)
    event(f"accepted: {config is not None}")
    if config is not None:
        config.steps(PfDrivers(config))
        scene_of(config)
