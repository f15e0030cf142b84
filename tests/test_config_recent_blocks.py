"""Blocks that were validated before: the same ones are known again, others never, and what they say is theirs."""

from __future__ import annotations

import hashlib
import json
import marshal
from types import SimpleNamespace

import pytest

from hwmodel.config import config_from_mapping, read_base
from hwmodel.config.recent_blocks import MOST_REMEMBERED, _place_of, said_by
from hwmodel.errors import InputError

BASE = read_base("sriov_10g_gen2x4")
# Each value with one that Python takes for equal, or that a user types in another way.
TWINS = [("nic.vfs", 2, True), ("host.read_latency", "500ns", "0.5us"), ("nic.drop_enable", True, 1)]


def of_pydantic(config):
    """Return what a configuration says, asked of the whole at once."""
    plain = config.model_dump(mode="json", by_alias=True)
    for entry in plain["servers"]:
        if not entry["adapters"]:
            del entry["adapters"]
    return {name: value for name, value in plain.items() if value or name not in ("servers", "bridge", "bridges")}


@pytest.mark.parametrize("name", ["sriov_10g_gen2x4", "two_servers", "two_racks", "extenders", "vepa_bridge"])
def test_blocks_one_by_one_say_what_the_whole_says(name):
    config = read_base(name).with_overrides({"run.seed": 3})
    for _ in range(2):
        assert config.resolved() == of_pydantic(config)
        text = json.dumps(of_pydantic(config), sort_keys=True, separators=(",", ":"))
        assert config.config_hash() == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_only_what_changes_is_made_again():
    first, second = (BASE.with_overrides({"run.seed": seed}) for seed in (1, 2))
    assert first.switch is second.switch
    assert first.run is not second.run
    other = BASE.with_overrides({"nic.tx_ring": 64})
    assert other.nic is not first.nic
    assert other.nic.tx_ring == 64 != first.nic.tx_ring == 512
    assert other.host is first.host


def test_who_changes_what_a_block_says_changes_his_own():
    config = BASE.with_overrides()
    config.resolved()["switch"]["ports"].clear()
    assert len(config.resolved()["switch"]["ports"]) == 9
    assert said_by(config.switch).plain is not said_by(config.switch).plain


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


def test_a_memory_that_takes_contents_for_alike_would_be_seen(monkeypatch):
    alike = SimpleNamespace(dumps=lambda *_: b"alike", loads=marshal.loads)
    _place_of.cache_clear()
    with monkeypatch.context() as planted:
        planted.setattr("hwmodel.config.recent_blocks.marshal", alike)
        found = [BASE.with_overrides({"nic.tx_ring": ring}).nic.tx_ring for ring in (64, 128)]
    _place_of.cache_clear()
    assert found == [64, 64]
    assert BASE.with_overrides({"nic.tx_ring": 128}).nic.tx_ring == 128


def test_no_more_than_the_last_are_kept():
    first = config_from_mapping({"host": {"read_latency": "1ns"}}).host
    for number in range(MOST_REMEMBERED):
        config_from_mapping({"host": {"read_latency": f"{2 + number}ns"}})
    again = config_from_mapping({"host": {"read_latency": "1ns"}}).host
    assert again == first
    assert again is not first
