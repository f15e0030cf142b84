"""Configurations in Python: mappings with dotted keys, further overrides, and what is no configuration at all."""

from __future__ import annotations

import pickle
from decimal import Decimal

import pytest

import hwmodel
from hwmodel.config import as_config, load_config

SHIPPED = "sriov_10g_gen2x4"


def test_keys_of_a_mapping_may_be_dotted_or_nested():
    nested = load_config({"pcie": {"lanes": 8, "credits": {"ph": 64}}, "nic": {"vfs": 4}})
    assert load_config({"pcie": {"lanes": 8, "credits.ph": 64}, "nic.vfs": 4}) == nested
    assert load_config({"pcie.lanes": 8, "pcie.credits.ph": 64, "nic": {"vfs": 4}}) == nested
    assert load_config({}, {"pcie": {"lanes": 8, "credits.ph": 64}, "nic.vfs": 4}) == nested


def test_names_with_a_dot_stay_names():
    adapters = {"servers": [{"name": "a", "adapters": [{"name": "x"}, {"name": "y"}]}, {"name": "b"}]}
    inside = load_config({**adapters, "bridge": {"ports": {"a.x": {"native_vlan": 7}}}})
    assert inside.bridge.ports["a.x"].native_vlan == 7
    assert load_config({**adapters, "bridge.ports": {"a.x": {"native_vlan": 7}}}) == inside


def test_a_key_that_stands_twice_is_refused():
    with pytest.raises(hwmodel.InputError, match=r"nic\.vfs: stands twice, dotted \(nic\.vfs\) and nested"):
        load_config({"nic": {"vfs": 4}, "nic.vfs": 8})
    assert load_config({"nic": {"vfs": 4}, "nic.rx_ring": 64}).nic.vfs == 4


def test_further_overrides_are_as_if_they_had_been_given_at_once():
    first = load_config(SHIPPED, {"nic.vfs": 4})
    both = first.with_overrides({"pcie.lanes": 8})
    assert both == load_config(SHIPPED, {"nic.vfs": 4, "pcie.lanes": 8})
    assert first.pcie.lanes == 4, "the first stays as it is"
    assert both.with_overrides(["pcie.lanes=2"]) == load_config(SHIPPED, {"nic.vfs": 4, "pcie.lanes": 2})
    assert both.with_overrides() == both


@pytest.mark.parametrize(("digits", "number"), [("0.25", 0.25), ("8", 8), ("1E+1", 10)])
def test_a_decimal_is_the_number_of_its_digits(digits, number):
    for change in ({"workload": {"load": Decimal(digits)}}, {"workload.load": Decimal(digits)}):
        assert load_config(change) == load_config({}, change) == load_config({"workload": {"load": number}})
    with pytest.raises(hwmodel.InputError, match=r"workload\.load: 'NaN' is not saturate"):
        load_config({"workload.load": Decimal("nan")})


def test_what_follows_from_a_key_follows_again():
    config = load_config({"nic": {"preset": "82599"}}).with_overrides({"nic.preset": "XL710"})
    assert config == load_config({"nic": {"preset": "XL710"}})
    assert config.port.rate_bps == 40 * 10**9


def test_a_configuration_that_went_to_another_process_can_be_changed():
    config = pickle.loads(pickle.dumps(load_config(SHIPPED, {"nic.vfs": 4})))
    assert config.with_overrides({"nic.vfs": 2}) == load_config(SHIPPED, {"nic.vfs": 2})


def test_a_wrong_override_is_one_line():
    with pytest.raises(hwmodel.InputError, match=r"pcie\.lane: unknown key \(did you mean lanes\?\)"):
        load_config(SHIPPED).with_overrides({"pcie.lane": 8})
    with pytest.raises(hwmodel.InputError, match="overrides are a mapping"):
        load_config(SHIPPED, 5)


def test_an_override_whose_key_is_a_number_is_one_line():
    with pytest.raises(hwmodel.InputError, match=r"^--set 3=4: 3: unknown key"):
        load_config({}, {3: 4})


@pytest.mark.parametrize("given", [None, 3, [1], object()])
def test_what_is_no_configuration_is_refused(given):
    for load in (load_config, as_config):
        with pytest.raises(hwmodel.InputError, match="no configuration; give a path"):
            load(given)


@pytest.mark.parametrize("block", ["pcie", "scenario"])
def test_a_mapping_that_holds_itself_is_refused(block):
    holds_itself: dict[str, object] = {}
    holds_itself[block] = [holds_itself] if block == "scenario" else holds_itself
    for given, overrides in ((holds_itself, None), (SHIPPED, holds_itself)):
        with pytest.raises(hwmodel.InputError, match=r"^nested deeper than 32 levels$"):
            load_config(given, overrides)


def test_a_configuration_is_not_loaded_again():
    with pytest.raises(hwmodel.InputError, match="with_overrides"):
        load_config(load_config(SHIPPED))


@pytest.mark.parametrize(
    ("key", "written", "meant"),
    [("nic", "XL71", "XL710"), ("nic", "xl710", "XL710"), ("driver", "dpkd", "dpdk"), ("driver", "Kernel", "kernel")],
)
def test_a_preset_that_is_nearly_right_is_named(key, written, meant):
    with pytest.raises(hwmodel.InputError, match=rf"'{written}' is not one of .* \(did you mean {meant}\?\)"):
        load_config({key: {"preset": written}})
