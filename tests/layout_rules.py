"""The rules of the layout, each a function from a parsed package to the places that break it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Mapping

from tests.package_tree import Import, Module, Package, block_of

# Arrows point down: a block may import blocks of a lower layer, and no other block of its own layer.
LAYERS = {
    "__main__": 7,
    "cli": 6,
    "explore": 5,
    "switch_frames": 5,
    "simulation": 4,
    "config_space": 4,
    "relaxations": 3.5,
    "workload": 3,
    "functions": 3,
    "agents": 3,
    "analytic": 3,
    "config": 2,
    "report": 2,
    "results": 1,
    "words": 0.9,
    "wire": 1,
    # Compiled: the machine calls forwarding, and so does the twin of the Verilog core, whose size the machine knows.
    "machine": 0.8,
    "switch_core": 0.6,
    "forwarding": 0.4,
    "compiled": 0.2,
    "rules": 0.1,
    "resources": 0.05,
    "units": 0,
    "atomic_file": 0,
    "processes": 0,
    "errors": -1,
    "version": -1,
    "interrupts": -1,
}
COMPILED = {"compiled", "forwarding", "machine", "switch_core"}
KERNEL_IMPORTERS = COMPILED | {"simulation", "switch_frames"}
REPORT_SEES = {"report", "results", "words", "resources", "units", "atomic_file", "errors"}
KERNELS_SEE = {"numpy", "numba", "llvmlite"}
# Who may import which package from outside. What tests use (SimPy, scapy, ...) has no place in the product.
PACKAGE_USERS = {
    "numpy": set(LAYERS) - {"__main__", "cli", "units", "atomic_file", "processes", "errors", "version"},
    "numba": KERNEL_IMPORTERS,
    "llvmlite": {"compiled"},
    "pydantic": {"config"},
    "pydantic_core": {"config"},
    "yaml": {"config", "cli"},
    "rich": {"cli", "results"},
    "shtab": {"cli"},
    "jinja2": {"report"},
    "matplotlib": {"report"},
    # Optional: a sweep's table as a frame, as Parquet, and its runs on many machines.
    "pandas": {"report"},
    "polars": {"report"},
    "pyarrow": {"explore"},
    "distributed": {"explore"},
}
FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "manager", "misc", "common", "tools", "base", "stuff"}
TITLES = {"__init__.py"}
MIN_FILE_LINES, MAX_FILE_LINES = 21, 600
MAX_FUNCTION_LINES = 60


def wrong_arrows(package: Package) -> list[str]:
    """Find imports of a block that does not lie below, and blocks that have no layer."""
    found = []
    for module in package.values():
        if module.name == "hwmodel":
            continue  # the public API names what it offers, for type checkers; see eager_api_imports
        if module.block not in LAYERS:
            found.append(f"{module.path}: the block {module.block!r} has no layer")
            continue
        for item in _inside(module):
            if item.target == "hwmodel":
                found.append(f"{module.at(item.line)}: imports the public API, which stands above it")
                continue
            block = block_of(item.target)
            if block != module.block and LAYERS.get(block, 99) >= LAYERS[module.block]:
                found.append(f"{module.at(item.line)}: {module.block} may not import {block}")
    return found


def eager_api_imports(package: Package) -> list[str]:
    """Find imports in hwmodel/__init__.py that run: every module of the package would pay for them."""
    api = package["hwmodel"]
    return [
        f"{api.at(item.line)}: {item.target} is imported when hwmodel is"
        for item in api.imports
        if not item.for_types_only and item.target.split(".")[0] not in sys.stdlib_module_names
    ]


def wrong_kernel_imports(package: Package) -> list[str]:
    """Find kernels that see more than numpy, numba and kernels, and importers of kernels that should not be."""
    found = []
    for module in package.values():
        for item in module.imports:
            top = item.target.split(".")[0]
            if module.block in COMPILED:
                inside = block_of(item.target) in COMPILED | {"rules"}
                allowed = top in KERNELS_SEE or top in sys.stdlib_module_names or inside
                if not allowed:
                    found.append(f"{module.at(item.line)}: kernels may not import {item.target}")
            elif top == "hwmodel" and block_of(item.target) in COMPILED and module.block not in KERNEL_IMPORTERS:
                found.append(f"{module.at(item.line)}: {module.block} may not import kernels")
    return found


def wrong_report_imports(package: Package) -> list[str]:
    """Find what the report sees beside results, units and the errors to raise."""
    return [
        f"{module.at(item.line)}: report may not import {item.target}"
        for module in package.values()
        if module.block == "report"
        for item in _inside(module)
        if block_of(item.target) not in REPORT_SEES
    ]


def wrong_outside_imports(package: Package) -> list[str]:
    """Find imports of outside packages by blocks that have no business with them."""
    return [
        f"{module.at(item.line)}: {module.block or 'the public API'} may not import {top}"
        for module in package.values()
        for item in module.imports
        if (top := item.target.split(".")[0]) != "hwmodel"
        and top not in sys.stdlib_module_names
        and module.block not in PACKAGE_USERS.get(top, set())
    ]


def private_imports(package: Package) -> list[str]:
    """Find what takes a name of the product from another module that begins with an underscore."""
    return [
        f"{module.at(item.line)}: {item.name} is private to {item.target}"
        for module in package.values()
        for item in _inside(module)
        if item.name is not None and item.name.startswith("_") and not item.name.startswith("__")
    ]


def private_attributes(package: Package) -> list[str]:
    """Find uses of `module._name`, of a module of the product."""
    found = []
    for module in package.values():
        modules = {
            alias.asname or alias.name
            for node in module.nodes
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if f"{node.module}.{alias.name}" in package
        }
        found += [
            f"{module.at(node.lineno)}: {ast.unparse(node)} is private"
            for node in module.nodes
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules
            if node.attr.startswith("_") and not node.attr.startswith("__")
        ]
    return found


def unknown_targets(package: Package) -> list[str]:
    """Find imports of modules of the package that do not exist: a lazy one would fail only when it is reached."""
    return [
        f"{module.at(item.line)}: there is no module {item.target}"
        for module in package.values()
        for item in _inside(module)
        if item.target not in package
    ]


def room_cycles(package: Package) -> list[str]:
    """Find folders that import each other, or a file beside them, in functions and for type checkers too.

    At each level of the tree: an import joins the two that lie side by side in the folder that both its ends have in
    common. Of files alone, which may name each other for type checkers, `import_cycles` tells.
    """
    folders = {
        ".".join(parts[:depth]) for name in package for parts in [name.split(".")] for depth in range(len(parts))
    }
    graph: dict[str, set[str]] = {}
    for module in package.values():
        for item in _inside(module):
            here, there = _side_by_side(folders, module.name, item.target)
            if here != there:
                graph.setdefault(here, set()).add(there)
    found: list[list[str]] = []
    for folder in sorted(folders & set(graph)):
        if not any(folder in way for way in found):
            found += _way_back(graph, folder)
    return [" -> ".join(way) for way in found]


def _side_by_side(folders: set[str], one: str, other: str) -> tuple[str, str]:
    """Return the folders, or files, in which two modules are, of the folder in which both are; a title is a file."""
    first, second = (f"{name}.__init__".split(".") if name in folders else name.split(".") for name in (one, other))
    depth = next((at for at, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), 0)
    return ".".join(first[: depth + 1]), ".".join(second[: depth + 1])


def _way_back(graph: Mapping[str, set[str]], start: str) -> list[list[str]]:
    """Return a shortest way from a node back to itself, if there is one."""
    ways, seen = [[start]], set()
    for way in ways:
        for target in sorted(graph.get(way[-1], set()) - seen):
            if target == start:
                return [[*way, start]]
            seen.add(target)
            ways.append([*way, target])
    return []


def import_cycles(package: Package) -> list[str]:
    """Find modules that import each other, in functions too, but not for type checkers only."""
    return _cycles(
        {
            module.name: sorted(
                {item.target for item in _inside(module) if not item.for_types_only and item.target in package}
            )
            for module in package.values()
        }
    )


def _cycles(graph: Mapping[str, list[str]]) -> list[str]:
    found, done = [], set()

    def visit(name: str, way: list[str]) -> None:
        if name in way:
            found.append(" -> ".join([*way[way.index(name) :], name]))
        elif name not in done:
            for target in graph.get(name, []):
                visit(target, [*way, name])
            done.add(name)

    for name in graph:
        visit(name, [])
    return found


def short_files(package: Package) -> list[str]:
    """Find files that are read only with another; titles of packages and what `python -m` runs are short."""
    return [
        f"{module.path}: {module.n_lines} lines, {MIN_FILE_LINES} at least"
        for module in package.values()
        if module.n_lines < MIN_FILE_LINES and module.path.name not in TITLES | {"__main__.py"}
    ]


def long_files(package: Package) -> list[str]:
    """Find files that are two blocks in one."""
    return [
        f"{module.path}: {module.n_lines} lines, {MAX_FILE_LINES} at most"
        for module in package.values()
        if module.n_lines > MAX_FILE_LINES
    ]


def long_functions(package: Package) -> list[str]:
    """Find functions over the limit, docstring not counted."""
    return [
        f"{module.at(function.lineno)}: {function.name} has {n_lines} lines"
        for module in package.values()
        for function in module.functions
        if (n_lines := _code_lines(function)) > MAX_FUNCTION_LINES
    ]


def forbidden_names(package: Package) -> list[str]:
    """Find modules and folders whose name says nothing."""
    return [
        f"{module.path}: a name that says nothing"
        for module in package.values()
        if FORBIDDEN_NAMES & set(module.name.split("."))
    ]


def untested_modules(package: Package, tests: Package) -> list[str]:
    """Find modules that no test file imports, itself or by a name its package passes on.

    What `python -m` runs cannot be imported, and is run.
    """
    tested = {
        name
        for module in tests.values()
        if module.path.name.startswith("test_")
        for item in module.imports
        for name in (item.target, _origin(package, item))
    }
    return [
        f"{module.path}: no test imports it"
        for name, module in sorted(package.items())
        if name not in tested and not _is_only_a_title(module) and module.path.name != "__main__.py"
    ]


def _origin(package: Package, item: Import) -> str:
    """Return the module that a test means: `from hwmodel.wire import PcapWriter` means hwmodel.wire.pcap."""
    if item.name is None:
        return item.target
    submodule = f"{item.target}.{item.name}"
    if submodule in package:
        return submodule
    home = package.get(item.target)
    for passed_on in home.imports if home is not None else ():
        if passed_on.name == item.name and passed_on.target in package:
            return passed_on.target
    return item.target


def _is_only_a_title(module: Module) -> bool:
    """Tell whether a module is a package's docstring and nothing else."""
    return module.path.name == "__init__.py" and len(module.tree.body) <= 1


def unmapped_files(package: Package, text: str) -> list[str]:
    """Find files of the machine and of forwarding that docs/architecture.md does not name, and names in it of none."""
    named = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", text))
    paths = [module.path for module in package.values() if module.block in ("machine", "forwarding")]
    unnamed = [path for path in paths if path.name not in {name.rpartition("/")[2] for name in named} | TITLES]
    there = [f"/{module.path.as_posix()}" for module in package.values()]
    gone = [name for name in named if not any(path.endswith(f"/{name}") for path in there)]
    return [
        *(f"{path}: docs/architecture.md does not say what it has" for path in unnamed),
        *(f"docs/architecture.md: there is no {name}" for name in sorted(gone)),
    ]


def _inside(module: Module) -> list[Import]:
    return [item for item in module.imports if item.target.split(".")[0] == "hwmodel"]


def _code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    n_lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        n_lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return n_lines
