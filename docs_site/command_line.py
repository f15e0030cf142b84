"""The tables of docs/command_line.md: every command with its arguments, from the parser itself."""

from __future__ import annotations

import argparse

from hwmodel.cli.arguments import EXAMPLES, build_parser


def tables() -> str:
    """Return the examples, the commands, and the arguments of each."""
    parser = build_parser()
    (commands,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    said = {choice.dest: choice.help or "" for choice in commands._choices_actions}
    overview = markdown_table(["command", "does"], [[f"[`{name}`](#{name})", said[name]] for name in commands.choices])
    examples = EXAMPLES.partition("\n")[2].rstrip().replace("\n  ", "\n")
    sections = (_section(name, one) for name, one in commands.choices.items())
    return "\n".join([f"```sh\n{examples.lstrip()}\n```\n", overview, *sections])


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    actions = [one for one in parser._actions if not isinstance(one, argparse._HelpAction)]
    actions.sort(key=lambda one: (bool(one.option_strings), not one.required))
    rows = [[f"`{_written(one)}`", (one.help or "") % {**vars(one), "prog": parser.prog}] for one in actions]
    needed = [_written(one) for one in actions if one.required]
    usage = " ".join([parser.prog, *needed, "[OPTION]..." if len(needed) < len(actions) else ""]).rstrip()
    return f"## {name}\n\n{parser.description}\n\n    {usage}\n\n{markdown_table(['argument', 'meaning'], rows)}"


def _written(action: argparse.Action) -> str:
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else None
    value = f"{action.metavar or choices or action.dest}{'...' if action.nargs in ('+', '*') else ''}"
    if not action.option_strings:
        return value
    return action.option_strings[-1] + ("" if action.nargs == 0 else f" {value}")


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
