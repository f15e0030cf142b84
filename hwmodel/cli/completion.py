"""Completion for shells: a script made from the parser, with the shipped configurations and the keys of `--set`.

The script is self-contained: hwmodel does not run during completion.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hwmodel.cli.outputs import file_name

if TYPE_CHECKING:
    from hwmodel.config.schema import Schema

SHELLS = ("bash", "zsh", "fish")
_CONFIG, _KEY = "_hwmodel_config", "_hwmodel_key"


def completion_script(parser: argparse.ArgumentParser, shell: str, names: Sequence[str], keys: Sequence[str]) -> str:
    """Return the script for one of `SHELLS`; CONFIG completes to files and `names`, `--set` to `keys`."""
    import shtab

    for action in _actions(parser):
        if action.dest == "config":
            setattr(action, "complete", {"bash": _CONFIG, "zsh": _CONFIG, "fish": f"({_CONFIG})"})  # noqa: B010
        elif action.dest == "overrides":
            setattr(action, "complete", {"bash": _KEY, "zsh": _KEY, "fish": f"({_KEY})"})  # noqa: B010
        elif action.metavar == "DIR":
            setattr(action, "complete", shtab.DIRECTORY)  # noqa: B010
        elif action.type is file_name or "FILE" in str(action.metavar):
            setattr(action, "complete", shtab.FILE)  # noqa: B010
    return str(shtab.complete(parser, shell=shell, preamble=_preamble(names, keys)))  # type: ignore[arg-type]


def keys_of_schema(schema: Schema) -> list[str]:
    """Return the dotted keys of blocks in a configuration's JSON schema, without keys of list entries."""
    from hwmodel.config.schema import keys_in

    return [key for key, *_ in keys_in(schema) if "." in key]


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)


def _preamble(names: Sequence[str], keys: Sequence[str]) -> dict[str, str]:
    """Return, for each shell, the shell functions that completions call."""
    all_names, all_keys = " ".join(names), " ".join(f"{key}=" for key in keys)
    return {
        "bash": f'{_CONFIG}() {{ compgen -W "{all_names}" -- "$1"; compgen -f -- "$1"; }}\n'
        f'{_KEY}() {{ compgen -W "{all_keys}" -- "$1"; }}\n',
        "zsh": f"{_CONFIG}() {{ compadd {all_names}; _files }}\n{_KEY}() {{ compadd -S '' -- {all_keys} }}\n",
        "fish": f"function {_CONFIG}; string split ' ' -- '{all_names}'; __fish_complete_path (commandline -ct); end\n"
        f"function {_KEY}; string split ' ' -- '{all_keys}'; end\n",
    }
