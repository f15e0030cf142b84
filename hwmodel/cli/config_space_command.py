"""`hwmodel config-space`: the functions of an adapter, or of a whole tree, as an operating system sees them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwmodel.cli.arguments import AS_OS
from hwmodel.cli.outputs import check_outputs, say, write_all, write_json, write_text
from hwmodel.errors import InputError
from hwmodel.units import ns_from_fs

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config_space.dump import Shown
    from hwmodel.config_space.script import Answer


def config_space(arguments: Namespace, load: Callable[[Namespace], Config]) -> None:
    """Write the configuration spaces of an adapter's functions, or do what a script says with them."""
    inputs = [arguments.config, *([arguments.script] if arguments.script else [])]
    check_outputs([("--json", arguments.json), ("--out", arguments.out)], inputs=inputs)
    config = load(arguments)
    from hwmodel.config_space.dump import text_of
    from hwmodel.config_space.hierarchy import host_with_tree

    host = host_with_tree(config, arguments.server)
    functions, answers = _of_adapter(config, arguments) if host is None else (_of_host(config, host, arguments), [])
    text = text_of(functions)

    def tell() -> None:
        for answer in answers:
            say(answer.text, arguments.json, arguments.out)
        if arguments.out is None and not arguments.script:
            say(text.removesuffix("\n"), arguments.json)

    def dump() -> None:
        if arguments.out is not None:
            write_text(text, arguments.out)

    write_all(tell, dump, lambda: write_json(_document(functions, answers), arguments.json))


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")  # as configurations, with a byte order mark or without
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise InputError(f"{path}: cannot be read: {why}") from None


def _of_adapter(config: Config, arguments: Namespace) -> tuple[list[Shown], list[Answer]]:
    """Return one adapter's functions after a script has run, and the script's answers."""
    from hwmodel.config import cards_of, only_server, servers_of
    from hwmodel.config_space.dump import shown_functions
    from hwmodel.config_space.enumeration import configured
    from hwmodel.config_space.memory_ranges import MemoryRanges
    from hwmodel.config_space.script import read_script, run_script

    script = read_script(_text_of(arguments.script), arguments.script) if arguments.script else []
    trees = [entry.name for entry in config.servers if entry.tree is not None]
    server = only_server(config, arguments.server, trees)
    number = [each.name for each in servers_of(config)].index(server.name)
    adapter = configured(server, arguments.at, config, cards_of(config)[number].config.pcie)
    answers = list(run_script(MemoryRanges(adapter, server, number), script, arguments.script))
    return list(shown_functions(adapter, as_os=arguments.ids == AS_OS)), answers


def _of_host(config: Config, host: str, arguments: Namespace) -> list[Shown]:
    """Return all functions of a host with a tree."""
    from hwmodel.config_space.hierarchy import Hierarchy

    hierarchy = Hierarchy(config, host)
    for option in ("script", "at"):
        if getattr(arguments, option) is not None:
            adapter = next(hierarchy.endpoints()).server.name
            raise InputError(f"--{option}: is for one adapter, which --server names: --server {adapter}")
    return list(hierarchy.functions(as_os=arguments.ids == AS_OS))


def _document(functions: list[Shown], answers: list[Answer]) -> dict[str, Any]:
    told = [
        {
            "access": one.text,
            "value": one.value,
            "at_ns": ns_from_fs(one.at_fs),
            "took_ns": ns_from_fs(one.took_fs),
        }
        for one in answers
    ]
    listed = [{"name": one.name, "address": one.address, "bytes": one.content.hex()} for one in functions]
    return {"functions": listed, "answers": told}
