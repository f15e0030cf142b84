"""`hwmodel config-space`: the functions of an adapter as an operating system, or the bus, sees them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwmodel.cli.outputs import check_outputs, say, write_all, write_json, write_text
from hwmodel.errors import InputError
from hwmodel.units import ns_from_fs

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config_space.adapter import PciAdapter
    from hwmodel.config_space.script import Answer

AS_OS, AS_HARDWARE = "os", "hardware"


def add_config_space_arguments(command: ArgumentParser, time_fs: Callable[[str], int]) -> None:
    """Add the arguments of `hwmodel config-space` but for the configuration; `time_fs` parses a time."""
    ids = "ids of VFs as an operating system reports them (default), or FFFFh as on the bus"
    command.add_argument("--as", choices=(AS_OS, AS_HARDWARE), default=AS_OS, dest="ids", help=ids)
    command.add_argument(
        "--at", type=time_fs, metavar="TIME", help="behind the scenario's events up to then, as in 2ms"
    )
    command.add_argument("--script", metavar="FILE", help="do these reads and writes, and print each answer")
    command.add_argument("--server", metavar="NAME", help="whose adapter, where there are several")
    command.add_argument("--out", metavar="FILE", help="write what `lspci -F FILE` reads; else it goes to stdout")


def config_space(arguments: Namespace, load: Callable[[Namespace], Config]) -> None:
    """Write the configuration spaces of an adapter's functions, or do what a script says with them."""
    inputs = [arguments.config, *([arguments.script] if arguments.script else [])]
    check_outputs([("--json", arguments.json), ("--out", arguments.out)], inputs=inputs)
    config = load(arguments)
    from hwmodel.config import servers_of
    from hwmodel.config_space.dump import dump_text
    from hwmodel.config_space.enumeration import configured, only_server
    from hwmodel.config_space.script import read_script, run_script

    script = read_script(_text_of(arguments.script), arguments.script) if arguments.script else []
    server = only_server({each.name: each for each in servers_of(config)}, arguments.server)
    adapter = configured(server, arguments.at, config)
    answers = list(run_script(adapter, script, arguments.script))
    text = dump_text(adapter, as_os=arguments.ids == AS_OS)

    def tell() -> None:
        for answer in answers:
            say(answer.text, arguments.json, arguments.out)
        if arguments.out is None and not arguments.script:
            say(text.removesuffix("\n"), arguments.json)

    def dump() -> None:
        if arguments.out is not None:
            write_text(text, arguments.out)

    write_all(tell, dump, lambda: write_json(_document(adapter, answers, arguments.ids), arguments.json))


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise InputError(f"{path}: cannot be read: {why}") from None


def _document(adapter: PciAdapter, answers: list[Answer], ids: str) -> dict[str, Any]:
    from hwmodel.config_space.dump import address_text, content_of

    functions = [
        {
            "name": name,
            "address": address_text(adapter.routing_id_of(name)),
            "bytes": content_of(adapter, name, as_os=ids == AS_OS).hex(),
        }
        for name in adapter.functions()
    ]
    told = [
        {
            "access": one.text,
            "value": one.value,
            "at_ns": ns_from_fs(one.at_fs),
            "took_ns": ns_from_fs(one.took_fs),
        }
        for one in answers
    ]
    return {"functions": functions, "answers": told}
