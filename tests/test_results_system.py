"""Results of a bridge and of several servers, stored and read back: what they were, with all that they held."""

from __future__ import annotations

import dataclasses
import json

import pytest

from hwmodel.errors import InputError
from hwmodel.results import Result, SystemResult, load_result
from hwmodel.results.bridge import OUTSIDE
from tests.sample_result import sample_result
from tests.sample_system import LINE_GBPS, reflected_result, sample_bridge, sample_port, sample_system


@pytest.mark.parametrize("result", [sample_system(), reflected_result(), sample_result()], ids=["two", "one", "none"])
def test_what_is_stored_comes_back_as_what_it_was(result, tmp_path):
    path = tmp_path / "r.json"
    path.write_text(result.to_json(), encoding="utf-8")
    again = load_result(path)
    assert type(again) is type(result)
    assert again.to_json() == result.to_json()
    assert Result.from_json(again.to_json()) == again  # `result` itself has more decimals than are stored


def test_keys_not_known_are_ignored_in_a_server_too():
    document = json.loads(sample_system().to_json())
    document["adapters"][0]["colour"] = document["bridges"][0]["colour"] = "blue"
    assert Result.from_json(json.dumps(document)).to_json() == sample_system().to_json()


def test_what_is_wrong_with_a_server_is_told_at_its_place():
    document = json.loads(sample_system().to_json())
    document["adapters"][1]["wire"]["utilization"] = "full"
    del document["adapters"][0]["name"]
    with pytest.raises(InputError) as caught:
        Result.from_json(json.dumps(document), name="r.json")
    told = [line.split(": ", 1)[1] for line in caught.value.lines]
    assert told == [
        "adapters[0].name: is missing",
        "adapters[1].wire.utilization: expected a finite number, found 'full'",
    ]


def test_one_server_is_no_system_and_its_adapter_is_required():
    assert not isinstance(Result.from_json(reflected_result().to_json()), SystemResult)
    document = json.loads(reflected_result().to_json())
    document["pcie"] = None
    with pytest.raises(InputError, match="pcie: expected an object"):
        Result.from_json(json.dumps(document))


def test_single_figures_of_a_system_are_those_of_all_together():
    flat = sample_system().scalars()
    assert flat["totals.replicated_frames"] == 4_000
    assert flat["bottleneck.resource"] == "bridge.outside"
    assert flat["pcie"] is None and not any(name.startswith("pcie.") for name in flat)


def test_a_bridge_has_carried_what_it_sent_on():
    # Two servers bring it 2 * LINE_GBPS, of which the port outside has room for half; each gets 1.25 Gb/s.
    assert sample_system().over_bridge_gbps() == pytest.approx(LINE_GBPS + 2 * 1.25)
    assert sample_system().outside_gbps() == pytest.approx(LINE_GBPS)
    assert sample_result().outside_gbps() == sample_result().over_bridge_gbps() == 0
    unmeasured = dataclasses.replace(sample_port(OUTSIDE, 0.0, 0.0), in_gbps=None, out_gbps=None)
    result = reflected_result(bridges=(sample_bridge(unmeasured),))
    assert result.outside_gbps() is None and result.over_bridge_gbps() is None
