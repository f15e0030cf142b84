"""The engine's program without optional features: who runs it, and that it does what the general one does."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from numba import from_dtype

from hwmodel.compiled.constants import constant_of, taken_for_constants
from hwmodel.compiled.left_out import is_plain
from hwmodel.compiled.records import NEVER
from hwmodel.config import Config, config_from_mapping, load_config
from hwmodel.machine.server import SERVER
from hwmodel.machine.without_options import CONSTANTS, is_without_options, kinds_of_constants
from hwmodel.simulation.run import machine as machine_module
from hwmodel.simulation.run.kernel_cache import COMMANDS, ENGINE, WITHOUT_OPTIONS
from hwmodel.simulation.run.machine import Machine, entries_of
from hwmodel.workload.build import build_workload
from tests.state_digest import state_digest

pytestmark = pytest.mark.skipif(is_plain(), reason="numba's documented parts alone make a single program")


def config_of(**changes: Any) -> Config:
    return config_from_mapping({"nic": {"vfs": 4}, "run": {"duration": "2ms", "warmup": "100us"}}, changes)


def machine_of(config: Config) -> Machine:
    return Machine(config, build_workload(config), config.run.seed)


OPTIONS: tuple[dict[str, Any], ...] = (
    {"host.iotlb": {"entries": 64, "miss": "330ns"}}, {"port.count": 2}, {"workload.segment_bytes": "8KiB"},
    {"host.jitter": {"kind": "uniform", "range": "100ns"}}, {"nic.mode": "vswitch"},
    {"host.cache": {"size": "2MiB"}},
)  # fmt: skip


@pytest.mark.parametrize("clocks", ["exact", "50ppm"])
def test_a_plain_adapter_runs_it(clocks: str) -> None:
    """Whatever its clocks, and the shipped demo."""
    assert machine_of(config_of(**{"run.clocks": clocks})).engine == WITHOUT_OPTIONS
    demo = load_config("sriov_10g_gen2x4")
    assert entries_of(demo)[0] == machine_of(demo).engine == WITHOUT_OPTIONS
    assert {name for name in SERVER.names or ()} >= {path.partition(".")[0] for path in CONSTANTS}


@pytest.mark.parametrize("option", OPTIONS)
def test_one_with_options_runs_the_general_program(option: dict[str, Any]) -> None:
    assert machine_of(config_of(**option)).engine == ENGINE


def test_each_field_by_itself_is_an_option() -> None:
    """A server in which any one of them has another value runs the general program."""
    state = machine_of(config_of()).state
    for path, fields in CONSTANTS.items():
        record: Any = state[0]
        for name in path.split("."):
            record = record[name]
            record = record[0] if isinstance(record, np.ndarray) else record
        for name, value in fields.items():
            assert is_without_options(state)
            record[name] = value + 1
            assert not is_without_options(state), f"{path}.{name}"
            record[name] = value


def test_records_with_constants_are_nowhere_else_in_a_server() -> None:
    """Of an array the first is looked at alone: the others are in use only with further ports."""
    paths: dict[str, list[str]] = {}

    def walk(kind: Any, path: str) -> None:
        kind = kind.base
        if kind.names is None:
            return
        paths.setdefault(str(kind), []).append(path)
        for name in kind.names:
            walk(kind.fields[name][0], f"{path}.{name}" if path else name)

    walk(SERVER, "")
    for kind, fields in kinds_of_constants().items():
        (path,) = paths[str(kind)]
        assert CONSTANTS[path] == fields


def test_fields_are_constants_only_as_long_as_they_are_declared() -> None:
    kind, other = from_dtype(SERVER["params"]), from_dtype(SERVER["clock"])
    assert constant_of(kind, "n_ports") is None
    with taken_for_constants(kinds_of_constants()):
        assert constant_of(kind, "n_ports") == 1 and constant_of(kind, "queue_time_fs") is None
        assert constant_of(other, "n_ports") is None
    assert constant_of(kind, "n_ports") is None


def drawn(seed: int) -> dict[str, Any]:
    chance = random.Random(f"without options {seed}")
    return {
        "nic.vfs": chance.choice((2, 4, 16)), "workload.frame_bytes": chance.choice((64, 300, 1518)),
        "pcie.generation": chance.choice((1, 2, 3)), "pcie.lanes": chance.choice((1, 4, 8)),
        "workload.pattern": chance.choice(("pairs", "uniform", "to_wire", "broadcast")),
        "workload.load": chance.choice(("saturate", 0.3)), "nic.queues_per_vf": chance.choice((1, 2)),
        "driver.preset": chance.choice((None, "kernel", "dpdk")), "run.seed": chance.randint(1, 99),
        "nic.preset": chance.choice((None, "82599", "XL710")), "nic.strict": False,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_both_programs_come_to_the_same_state(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(**drawn(seed))
    one, other = machine_of(config), machine_of(config)
    assert one.engine == WITHOUT_OPTIONS
    one.advance(2_000_000_000_000, NEVER)
    assert one.engine == WITHOUT_OPTIONS
    monkeypatch.setattr(machine_module, "is_without_options", lambda _servers: False)
    assert other.engine == ENGINE
    other.advance(2_000_000_000_000, NEVER)
    assert int(one.state[0].ledger.counts.offered) > 0
    assert state_digest(one.state) == state_digest(other.state)


def test_what_is_looked_at_in_mid_run_is_an_option() -> None:
    machine = machine_of(config_of())
    machine.advance(10**12, NEVER)
    machine.count_rings()
    assert machine.engine == ENGINE
    machine.advance(2 * 10**12, NEVER)
    assert Machine(config_of(), build_workload(config_of()), 1, reacts=True).engine == COMMANDS
