"""Parameters are written by the build and by commands, and by nobody else."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import hwmodel
from hwmodel.config import Config, config_from_mapping
from hwmodel.machine.network.bridge_state import BRIDGE
from hwmodel.machine.server import SERVER
from hwmodel.simulation.fill.refill import OF_BRIDGE, OF_SERVER
from hwmodel.simulation.run.commands import Change
from hwmodel.simulation.run.machine import Machine
from hwmodel.workload import build_workload

PACKAGE = Path(hwmodel.__file__).parent
US = 10**9
ALONE = {"nic": {"preset": "82599", "vfs": 3}, "workload": {"pattern": "uniform", "frame_bytes": 512}}
MANY_PARTS = {"nic": {"strict": False},
    "host": {"iotlb": {"entries": 4, "walkers": 2, "miss": "300ns"}, "jitter": {"kind": "uniform", "range": "80ns"}},
    "switch": {"timing": "core", "scheduler": "deficit", "ports": [{"name": "vf0", "rate_limit": "300Mbps"}],
               "acl": [{"port": "vf1", "action": "police", "rate": "100Mbps", "burst": "9KiB"}]},
    "driver": {"moderation": "5us"},
}  # fmt: skip
BRIDGED = {
    "servers": [{"name": "a"}, {"name": "b"}],
    "bridge": {"policy": [{"port": "a.vf0", "action": "police", "rate": "100Mbps", "burst": "9KiB"}]},
    "workload": {"pattern": "uniform", "frame_bytes": 512, "load": "2Gbps"},
}
CASES: dict[str, dict[str, Any]] = {"alone": ALONE, "of many parts": ALONE | MANY_PARTS, "on a bridge": ALONE | BRIDGED}
# Tables that commands write beside parameters: of an adapter's switch, of a bridge.
TABLES = ("tables", "vlans", "unlearned", "rules", "home", "driver")  # a driver is nothing but parameters


def paths_of_parameters(dtype: Any) -> Iterator[tuple[str, ...]]:
    for name in dtype.base.names or ():
        if name == "params":
            yield (name,)
        else:
            yield from ((name, *path) for path in paths_of_parameters(dtype.base[name]))


def parameters(state: Any) -> dict[tuple[str, ...], bytes]:
    """Return the bytes of all records of parameters of an array of one kind of component."""
    found = {}
    for path in paths_of_parameters(state.dtype):
        part = state
        for name in path:
            part = part[name]
        found[path] = part.tobytes()
    return found


def of(machine: Machine) -> dict[tuple[str, ...], bytes]:
    bridges = {} if machine.system is None else parameters(machine.system.bridges)
    return {("server", *path): words for path, words in parameters(machine.state).items()} | bridges


def changed_by(config: Config, *changes: Change) -> set[tuple[str, ...]]:
    """Return which parameters are not at the end of a run what they were before it."""
    machine = Machine(config, build_workload(config), 1, 1, changes)
    before = of(machine)
    machine.advance(100 * US, 2**60)
    assert sum(int(server.nic.clock.n_events) for server in machine.servers) > 1000
    return {path for path, words in of(machine).items() if words != before[path]}


def test_parts_of_the_machine_have_parameters():
    assert len(set(paths_of_parameters(SERVER))) >= 18 and len(set(paths_of_parameters(BRIDGE))) >= 5


@pytest.mark.parametrize("name", CASES)
def test_a_run_changes_no_parameter(name):
    assert changed_by(config_from_mapping(CASES[name])) == set()


def test_a_command_changes_those_that_it_names():
    config = config_from_mapping(ALONE)
    faster = config.with_overrides({"pcie.lanes": 2, "switch.ports.vf0.rate_limit": "1Gbps"})
    assert changed_by(config, Change(50 * US, faster)) == {
        ("server", "pcie", "params"),
        ("server", "function", "params"),
    }


def test_no_kernel_writes_a_parameter():
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for room in ("machine", "forwarding", "switch_core")
        for path in (PACKAGE / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        for line in writes_of_parameters(node)
    ]
    assert found == []


def writes_of_parameters(function: ast.FunctionDef) -> list[int]:
    """Return the lines that store into a record `params`, or into what a name stands for that is one or part of one.

    A whole record may be what a command has left in an array `changed`.
    """
    pairs = [pair for node in ast.walk(function) for pair in stores_of(node)]
    meant = {target.id: value for target, value in pairs if isinstance(target, ast.Name) and value is not None}
    stored = [pair for pair in pairs if not isinstance(pair[0], ast.Name) and "params" in path_of(pair[0], meant)]
    return [target.lineno for target, value in stored if "changed" not in path_of(value, meant)]


def stores_of(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """Give what a statement stores to, and what it stores there, None where that is no path."""
    if isinstance(node, ast.AugAssign | ast.For):
        yield node.target, None
    for target in node.targets if isinstance(node, ast.Assign) else ():
        if not isinstance(target, ast.Tuple):
            yield target, node.value
            continue
        values = node.value.elts if isinstance(node.value, ast.Tuple) else [None] * len(target.elts)
        yield from zip(target.elts, values, strict=True)


def path_of(node: ast.expr | None, meant: Mapping[str, ast.expr]) -> list[str]:
    """Return the names of a path such as `nic.port[0].params`, the last first, those it begins with resolved."""
    found, seen = [], set()
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Name):
        if isinstance(node, ast.Name):
            if node.id in seen or node.id not in meant:
                return [*found, node.id]
            seen.add(node.id)
            node = meant[node.id]
            continue
        if isinstance(node, ast.Attribute):
            found.append(node.attr)
        node = node.value
    return found


@pytest.mark.parametrize(
    "lines",
    [
        "mac.params.has_peer = 1",
        "x, params.n = 0, 2",
        "host.params.jitter_fs[3] += 1",
        "nic.arbiter.params.of_class[2].group = 1",
        "own = mac.params; own.has_peer = 1",
        "own = params.of_class[2]; own.group = 1",
        "source.params = source.other",
    ],
)
def test_such_a_line_is_seen(lines):
    (function,) = ast.parse(f"def kernel(nic, params):\n    {lines}").body
    assert len(writes_of_parameters(function)) == 1


@pytest.mark.parametrize("region", [*OF_SERVER, *OF_BRIDGE], ids=lambda region: ".".join(region.path))
def test_commands_write_parameters_and_tables_alone(region):
    assert "params" in region.path or set(region.path) & set(TABLES)
