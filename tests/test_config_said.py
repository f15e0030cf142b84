"""What a configuration says of itself: as it was asked for before, whoever changed the answer."""

from __future__ import annotations

import hashlib
import json

import pytest

from hwmodel.config import read_base
from hwmodel.errors import InputError

BASE = read_base("sriov_10g_gen2x4")
# Each value with one that Python takes for equal, or that a user types in another way.
TWINS = [("nic.vfs", 2, True), ("host.read_latency", "500ns", "0.5us"), ("nic.drop_enable", True, 1)]


@pytest.mark.parametrize("name", ["sriov_10g_gen2x4", "two_servers", "two_racks", "extenders", "vepa_bridge"])
def test_the_hash_is_that_of_all_that_is_said(name):
    config = read_base(name).with_overrides({"run.seed": 3})
    text = json.dumps(config.resolved(), sort_keys=True, separators=(",", ":"))
    assert config.config_hash() == hashlib.sha256(text.encode()).hexdigest()[:16]
    assert {"servers", "bridge", "bridges"} & set(config.resolved()) == {
        name for name in ("servers", "bridge", "bridges") if getattr(config, name)
    }


def test_who_changes_what_is_said_changes_his_own():
    config = BASE.with_overrides()
    config.resolved()["switch"]["ports"].clear()
    assert len(config.resolved()["switch"]["ports"]) == 9


@pytest.mark.parametrize(("key", "good", "other"), TWINS)
def test_equal_values_of_other_types_are_looked_at_anew(key, good, other):
    def found(value):
        try:
            return BASE.with_overrides({key: value}).resolved()
        except InputError as error:
            return str(error)

    wanted = [found(value) for value in (other, good)]
    assert [found(value) for value in (good, other, good)] == [wanted[1], *wanted]


def test_what_was_wrong_stays_wrong():
    for _ in range(2):
        with pytest.raises(InputError, match=r"nic\.tx_ring"):
            BASE.with_overrides({"nic.tx_ring": 3})
        assert BASE.with_overrides({"nic.tx_ring": 64}).nic.tx_ring == 64
