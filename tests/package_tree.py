"""A package as the layout rules see it: its files, parsed, with every import in them, lazy ones too."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One import: `target` is a dotted module, `name` what `from target import name` takes from it."""

    target: str
    name: str | None
    line: int
    for_types_only: bool


@dataclass(frozen=True)
class Module:
    """A parsed file; `name` is dotted, without `.__init__`."""

    name: str
    path: Path
    tree: ast.Module
    nodes: tuple[ast.AST, ...]
    """All in it, from the file itself down."""
    n_lines: int
    imports: tuple[Import, ...]
    functions: tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]
    """All of them, those inside others too."""

    @property
    def block(self) -> str:
        """Return the part of the package that the module belongs to; empty for the public API."""
        return block_of(self.name)

    def at(self, line: int) -> str:
        """Return file and line for a message."""
        return f"{self.path}:{line}"


Package = Mapping[str, Module]


def block_of(module_name: str) -> str:
    """Return the second part of a dotted name; empty where there is none."""
    return [*module_name.split("."), ""][1]


def read_tree(folder: Path, root: Path) -> dict[str, Module]:
    """Parse all Python files under `folder`; names and paths are relative to `root`."""
    gc.disable()  # all that is parsed stays; to look again and again for what does not takes longer than to parse
    try:
        modules = [_parsed(path, root) for path in sorted(folder.rglob("*.py"))]
    finally:
        gc.enable()
    return _with_submodules_resolved({module.name: module for module in modules})


def _parsed(path: Path, root: Path) -> Module:
    parts = path.relative_to(root).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, str(path))
    nodes = tuple(ast.walk(tree))
    imports = tuple(_imports_of(nodes, name, is_package))
    functions = tuple(node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return Module(name, path.relative_to(root), tree, nodes, len(text.splitlines()), imports, functions)


def _imports_of(nodes: tuple[ast.AST, ...], name: str, is_package: bool) -> Iterator[Import]:
    typing_nodes = set()
    for node in nodes:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            typing_nodes |= {id(inner) for part in node.body for inner in ast.walk(part)}
    for node in nodes:
        for_types = id(node) in typing_nodes
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, None, node.lineno, for_types)
        elif isinstance(node, ast.ImportFrom):
            target = _absolute(node.module or "", node.level, name, is_package)
            for alias in node.names:
                yield Import(target, alias.name, node.lineno, for_types)
        elif isinstance(node, ast.Call) and (target := _named_in_call(node)) is not None:
            yield Import(target, None, node.lineno, for_types)


def _named_in_call(call: ast.Call) -> str | None:
    """Return the module that `importlib.import_module("...")` or `__import__("...")` names."""
    called = call.func
    last = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else None
    if last not in ("import_module", "__import__") or not call.args:
        return None
    name = call.args[0]
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None


def _absolute(target: str, level: int, importer: str, is_package: bool) -> str:
    if level == 0:
        return target
    parents = importer.split(".")
    n_dropped = level - 1 if is_package else level
    base = parents[: len(parents) - n_dropped]
    return ".".join([*base, target] if target else base)


def _with_submodules_resolved(modules: dict[str, Module]) -> dict[str, Module]:
    """Turn `from package import submodule` into an import of the submodule."""
    resolved = {}
    for module in modules.values():
        imports = tuple(
            Import(f"{found.target}.{found.name}", None, found.line, found.for_types_only)
            if found.name is not None and f"{found.target}.{found.name}" in modules
            else found
            for found in module.imports
        )
        resolved[module.name] = replace(module, imports=imports)
    return resolved
