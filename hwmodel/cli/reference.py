"""Write docs/command_line.md: every command with its arguments, from the parser itself."""

from __future__ import annotations

import argparse

from hwmodel.cli.arguments import EXAMPLES, build_parser

_INTRODUCTION = """\
# Command line

<!-- Written by hwmodel.cli.reference; a test keeps it current. -->

`hwmodel COMMAND --help` says the same in the terminal. The exit status is 0 when done, 1 when the run failed, 2 for bad
input, 130 after Ctrl-C, SIGTERM or SIGHUP. `python -m hwmodel` is `hwmodel` where the script is not on the path.

`eval "$(hwmodel completion bash)"` in `~/.bashrc` completes commands, options, configurations and keys (zsh and fish
have theirs). `HWMODEL_CACHE_DIR` names the folder of the compiled kernels in place of `~/.cache/hwmodel`; with
`HWMODEL_NUMBA=plain` numba compiles them by its documented parts alone, to the same results more slowly; with
`HWMODEL_DEBUG=1` a failure shows where in the code it happened.
"""


def reference_text() -> str:
    """Return the text of docs/command_line.md."""
    parser = build_parser()
    (commands,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    said = {choice.dest: choice.help or "" for choice in commands._choices_actions}
    overview = markdown_table(["command", "does"], [[f"[`{name}`](#{name})", said[name]] for name in commands.choices])
    examples = EXAMPLES.partition("\n")[2].rstrip().replace("\n  ", "\n")
    parts = [_INTRODUCTION, f"```sh\n{examples.lstrip()}\n```\n", overview]
    parts += [_section(name, one) for name, one in commands.choices.items()]
    return "\n".join(parts)


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
