"""What can be typed: the commands, their arguments and their help. Imports nothing that is slow to import."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, NoReturn

from hwmodel.cli.completion import SHELLS
from hwmodel.cli.outputs import file_name, writing_stdout
from hwmodel.units import UnitError, parse_rate_bps, parse_time_fs
from hwmodel.version import __version__

MOST_SEEDS, MOST_JOBS, MOST_THREADS = 1000, 1000, 64
SEARCHES = ("zero_loss", "partial_drop", "back_to_back", "loss_curve", "latency_at_load")
AS_OS = "os"
DEFAULT_OUT = "cosim_out"
COMPARED_OVER = ("frame_bytes", "vms", "east_west_share", "lanes", "cores")
EXAMPLES = """\
examples:
  hwmodel run configs/sriov_10g_gen2x4.yaml --report out/demo.html
  hwmodel run configs/sriov_10g_gen2x4.yaml --set pcie.lanes=8 --json - | jq .totals
  hwmodel limits configs/sriov_10g_gen2x4.yaml --set workload.frame_bytes=64
  hwmodel switch configs/switch_vn_tag.yaml --in configs/example.pcap --in-port auto --out out/switched
"""


class _OneLineParser(argparse.ArgumentParser):
    """A parser that complains in one line, like all other complaints about input, and names the command."""

    def parse_known_args(self, *given: Any, **named: Any) -> Any:
        """Parse arguments, those of a command too; refuse unknown ones here, where the help lists those there are."""
        found, unknown = super().parse_known_args(*given, **named)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is not sys.stdout:
            super()._print_message(message, file)
            return
        with writing_stdout():  # argparse swallows a failure, and ends before `main` would flush
            print(message, end="", flush=True)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; `command` in its result names the command, or is None where none was given."""
    parser = _OneLineParser(
        prog="hwmodel",
        description="Model a PCIe network adapter that virtual machines share.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"hwmodel {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_OneLineParser)

    _add_run(commands)
    _takes_config(_command(commands, "check", "validate, and print the resolved configuration"))
    _add_limits(commands)
    _add_explain(commands)
    _add_compare(commands)
    _add_sweep(commands)
    _add_size(commands)
    _add_search(commands)
    _add_dma(commands)
    _add_switch(commands)
    _add_config_space(commands)
    _add_cosim(commands)

    report = _command(commands, "report", "make a page from stored results")
    report.add_argument(
        "results",
        type=file_name,
        nargs="+",
        metavar="RESULT",
        help="a file that `run --json` wrote, or the folder of a sweep",
    )
    report.add_argument("--out", type=file_name, required=True, metavar="FILE.html", help="the page to write")

    _command(commands, "configs", "the configurations and studies that come with hwmodel, to be named")
    completion = _command(commands, "completion", "a script that completes hwmodel's words in a shell")
    what = (
        f'{", ".join(SHELLS)}: eval "$(hwmodel completion bash)" in ~/.bashrc sets it up; zsh: alike, after compinit; '
        "fish: hwmodel completion fish | source"
    )
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help=what)
    schema = _command(commands, "schema", "the JSON schema of configurations, sweeps or sizings, for editors")
    schema.add_argument(
        "kind", nargs="?", choices=("configuration", "sweep", "sizing"), default="configuration", metavar="KIND",
        help="which files it is for: configuration (the default); sweep or sizing, whose schemas refer to the "
        "configuration's as schema.json in the same folder",
    )  # fmt: skip
    return parser


def _add_limits(commands: argparse._SubParsersAction[_OneLineParser]) -> None:
    limits = _command(commands, "limits", "the closed form: bytes, ceiling, unloaded latency; and one frame alone")
    _takes_config(limits)
    limits.add_argument(
        "--published",
        choices=("simple", "kernel", "dpdk"),
        help="the figures of the published pcie-bench model of this link and frame size instead",
    )
    limits.add_argument(
        "--without-defect",
        action="store_true",
        help="with --published: leave out the defect of the published model",
    )
    _takes_server(limits, "with --published: whose link, where there are several servers or adapters")
    limits.add_argument(
        "--no-run", action="store_true", help="leave out the runs: one frame alone; a load that the machine shares out"
    )


def _add_dma(commands: argparse._SubParsersAction[_OneLineParser]) -> None:
    dma = _command(commands, "dma", "the link alone: bandwidth and latency by transfer size")
    _takes_config(dma)
    _takes_server(dma, "whose link, where there are several servers or adapters")
    dma.add_argument("--sizes", metavar="64,128,...", help="transfer sizes, in bytes or with a unit (4KiB)")
    dma.add_argument(
        "--window",
        metavar="16MiB",
        help="let transfers lie anywhere in a window of so many bytes",
    )
    dma.add_argument("--order", choices=("random", "cyclic"), help="in the window: drawn (default) or one by one")
    dma.add_argument(
        "--peer",
        action="append",
        metavar="FROM=TO",
        help="an adapter behind PCIe switches writes to another's memory: direct, and over the root (ACS); repeatable",
    )
    dma.add_argument("--others", action="store_true", help="with --peer: let adapters beside them write to the host")


def _add_switch(commands: argparse._SubParsersAction[_OneLineParser]) -> None:
    switch = _command(
        commands, "switch", "pass a capture through the forwarding decision: where each frame goes, or why not"
    )
    _takes_config(switch)
    switch.add_argument(
        "--in", type=file_name, required=True, dest="capture", metavar="FRAMES.pcap", help="the frames, without FCS"
    )
    switch.add_argument(
        "--in-port",
        required=True,
        metavar="NAME",
        help="the port where they come in: uplink (of several Ethernet ports p0.uplink, p1.uplink, ...), pf, vf0, ...; "
        "auto: the owner of the source address, else the uplink",
    )
    _takes_server(switch, "whose switch, where there are several servers or adapters")
    what = "write DIR/PORT.pcap for each port: what it gets, mirrored or not"
    switch.add_argument("--out", type=file_name, metavar="DIR", help=what)
    switch.add_argument("--summary", action="store_true", help="print the totals without a row for each frame")


def _add_config_space(commands: argparse._SubParsersAction[_OneLineParser]) -> None:
    space = _command(commands, "config-space", "PF and VFs as PCI functions: a dump for lspci, reads and writes")
    _takes_config(space)
    ids = "ids of VFs as an operating system reports them (default), or FFFFh as on the bus"
    space.add_argument("--as", choices=(AS_OS, "hardware"), default=AS_OS, dest="ids", help=ids)
    space.add_argument("--at", type=_time_fs, metavar="TIME", help="behind the scenario's events up to then, as in 2ms")
    space.add_argument(
        "--script", type=file_name, metavar="FILE", help="do these reads and writes, and print each answer"
    )
    what = "write what `lspci -F FILE` reads; else it goes to stdout"
    space.add_argument("--out", type=file_name, metavar="FILE", help=what)
    _takes_server(space, "whose adapter, or which tree, where there are several")


def _add_cosim(commands: argparse._SubParsersAction[_OneLineParser]) -> None:
    cosim = _command(commands, "cosim", "the co-verification of a switch core in Verilog, in a simulator")
    cosim.add_argument(
        "--dut", type=file_name, metavar="FILE", help="the core's file (YAML); default: hwmodel's own core"
    )
    simulators = "icarus (default), verilator; questa, xcelium, vcs, riviera, ... by cocotb's names, untested"
    cosim.add_argument("--sim", metavar="NAME", help=simulators)
    cosim.add_argument("--seed", type=_seed_number, metavar="N", help="of the random traffic (default: 1)")
    cosim.add_argument(
        "--fresh-seed", type=_seed_number, metavar="N", help="of what has a new seed each time, else drawn"
    )
    cosim.add_argument(
        "--frames", type=whole_number, metavar="N", help="of each run, in place of the core's file's number"
    )
    length = cosim.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_const", const="quick", dest="length", help="short runs alone")
    length.add_argument("--nightly", action="store_const", const="nightly", dest="length", help="longer runs")
    cosim.add_argument("--only", action="append", default=[], metavar="TEST", help="this test; may be given again")
    cosim.add_argument("--list", action="store_true", help="print the tests' names, and run none")
    cosim.add_argument("--waves", action="store_true", help="write waveforms of all runs, not just of a failure")
    counts = "with --sim verilator: count reached lines, branches and toggles of the Verilog"
    cosim.add_argument("--hdl-coverage", action="store_true", help=counts)
    cosim.add_argument(
        "--out", type=file_name, metavar="DIR", help=f"takes builds, runs, results (default: {DEFAULT_OUT})"
    )
    example = "write a core and its file to start from, and run nothing"
    cosim.add_argument("--example", type=file_name, metavar="DIR", help=example)
    for name, what in (("build", "the simulator's compiler"), ("run", "the simulation")):
        said = f"--{name}-arg=WORD: give {what} this as well; may be given again"
        cosim.add_argument(f"--{name}-arg", action="append", default=[], metavar="WORD", help=said)


def _hop(text: str) -> tuple[str, str]:
    name, has_file, path = text.partition("=")
    if not (name and has_file):
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is not NAME=FILE, like uplink=up.pcapng")
    return name, file_name(path)


def _time_fs(text: str) -> int:
    return _quantity(parse_time_fs, text)


def _quantity(parse: Callable[[object], int], text: str) -> int:
    try:
        return parse(text)
    except UnitError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def whole_number(text: str) -> int:
    """Return the whole number that a text is; of any size up to 40 digits."""
    if not re.fullmatch(r"[-+]?[0-9]{1,40}", text):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number")
    return int(text)


def _number_within(text: str, least: int, most: int) -> int:
    number = whole_number(text)
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text} is out of range; {least} to {most}")
    return number


def _seed_number(text: str) -> int:
    from hwmodel.config.run import MAX_SEED  # imported with the configuration, which a run needs anyway

    return _number_within(text, 0, MAX_SEED)


def _share(text: str) -> float:
    return float(_fraction(text, 1))


def _shares(text: str) -> list[Fraction]:
    return [_fraction(item, 16) for item in text.split(",")]


def _fraction(text: str, most: int) -> Fraction:
    match = re.fullmatch(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(%?)\s*", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a share, like 0.5%")
    share = Fraction(match[1]) / (100 if match[2] else 1)
    if not 0 < share < most:
        raise argparse.ArgumentTypeError(f"{text.strip()} is out of range; above 0% and below {100 * most}%")
    return share


def _over(text: str) -> tuple[str, list[float] | None]:
    """Return the setting that ways are compared over, and its values, None if none are given."""
    name, are_said, values = text.partition("=")
    if name not in COMPARED_OVER:
        raise argparse.ArgumentTypeError(f"{name[:40]!r} is none of {', '.join(COMPARED_OVER)}")
    if not are_said:
        return name, None
    found = []
    for item in map(str.strip, values.split(",")):
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?%?", item):
            is_long = re.fullmatch(r"[0-9]+(\.[0-9]+)?%?", item)
            why = "has more than six digits" if is_long else f"is not a number, like those of {name}=64,512,1518"
            raise argparse.ArgumentTypeError(f"{item[:40]!r} {why}")
        found.append(float(item.removesuffix("%")) / (100 if item.endswith("%") else 1))
    return name, found


def _rate_bps(text: str) -> int:
    rate_bps = _quantity(parse_rate_bps, text)
    if not rate_bps:
        raise argparse.ArgumentTypeError("a rate is above 0, like 10Gbps")
    return rate_bps


def _add_run(commands: argparse._SubParsersAction[_OneLineParser]) -> None:
    run = _command(commands, "run", "simulate, and print a summary")
    _takes_config(run)
    run.add_argument("--seed", type=_seed_number, metavar="N", help="seed of the random numbers: run.seed=N")
    run.add_argument(
        "--seeds",
        type=partial(_number_within, least=1, most=MOST_SEEDS),
        metavar="N",
        help="run with N seeds, and show their spread",
    )
    threads = (
        "run several servers, and the short runs behind the window, on up to N threads (default: one for each core, of "
        "servers no more than one for each 2); changes no result"
    )
    run.add_argument("--threads", type=partial(_number_within, least=1, most=MOST_THREADS), metavar="N", help=threads)
    run.add_argument("--report", type=file_name, metavar="FILE.html", help="write a page with figures")
    run.add_argument("--verbose", action="store_true", help="print all figures, not just the 15 lines that matter most")
    run.add_argument(
        "--counters",
        action="store_true",
        help="print what each function and ring counted, as `ethtool -S` and `ip -s link show` do; in --json and "
        "--report too (docs/counters.md)",
    )
    flows = "write the flows by column, for numpy.load; --json then leaves them out"
    run.add_argument("--flows", type=file_name, metavar="FILE.npz", help=flows)
    run.add_argument("--pcap", type=file_name, metavar="FILE", help="write the frames that are delivered")
    run.add_argument(
        "--pcap-hop",
        action="append",
        type=_hop,
        default=[],
        dest="pcap_hops",
        metavar="NAME=FILE",
        help="write what passes a wire, both ways, as pcapng: uplink=up.pcapng (p0.uplink=, p1.uplink= of "
        "several Ethernet ports), with a bridge adapter= (p0=, p1=), outside=, the server's or extender's name, "
        "between bridges left.trunk=; may be given again",
    )
    what = "write a time line of the window's begin, for trace viewers"
    run.add_argument("--trace", type=file_name, metavar="FILE", help=what)
    run.add_argument(
        "--trace-start",
        type=_time_fs,
        metavar="TIME",
        help="with --trace: begin so long after the window does, like 1ms",
    )
    run.add_argument("--trace-length", type=_time_fs, metavar="TIME", help="with --trace: go on for so long, like 50us")


def _add_explain(commands: argparse._SubParsersAction[_OneLineParser]) -> None:
    explain = _command(commands, "explain", "make each resource larger in turn: what throughput and latency gain")
    _takes_config(explain)
    explain.add_argument("--report", type=file_name, metavar="FILE.html", help="write a page with figures")
    _takes_jobs(explain)


def _add_sweep(commands: argparse._SubParsersAction[_OneLineParser]) -> None:
    sweep = _command(commands, "sweep", "run a grid or list of points, in parallel; a sweep that was stopped goes on")
    what = "a file that says what varies around which configuration, or a name that `hwmodel configs` lists"
    sweep.add_argument("sweep", type=file_name, metavar="SWEEP", help=what)
    _takes_overrides(sweep)
    what = "the folder of its ledger and tables"
    sweep.add_argument("--out", type=file_name, required=True, metavar="DIR", help=what)
    _takes_jobs(sweep)
    sweep.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask scheduler, like tcp://host:8786, to use instead"
    )
    sweep.add_argument("--report", type=file_name, metavar="FILE.html", help="write a page with figures")
    sweep.add_argument("--retry-failed", action="store_true", help="make the runs that failed once more")
    sweep.add_argument("--yes", action="store_true", help="begin even with more than 100,000 runs")


def _add_size(commands: argparse._SubParsersAction[_OneLineParser]) -> None:
    size = _command(commands, "size", "the cheapest lanes, queues, rings that meet a target")
    what = "a sizing file (YAML): base, target, knobs with their costs; or a name that `hwmodel configs` lists"
    size.add_argument("sizing", type=file_name, metavar="SIZING", help=what)
    _takes_overrides(size)
    size.add_argument("--report", type=file_name, metavar="FILE.html", help="write a page with figures")
    _takes_jobs(size)


def _add_compare(commands: argparse._SubParsersAction[_OneLineParser]) -> None:
    compare = _command(commands, "compare", "the same VMs and load through each way in which VMs reach each other")
    _takes_config(compare)
    what = f"at several values of {', '.join(COMPARED_OVER[:-1])} or {COMPARED_OVER[-1]}, and where the order turns"
    compare.add_argument("--over", type=_over, metavar="NAME[=64,512,1518]", help=what)
    compare.add_argument(
        "--control", action="store_true", help="in place of that: each way of telling the network that VMs start"
    )
    compare.add_argument(
        "--report", type=file_name, metavar="FILE.html", help="write a page with all ways side by side"
    )
    _takes_jobs(compare)


def _add_search(commands: argparse._SubParsersAction[_OneLineParser]) -> None:
    search = _command(
        commands, "search", "the highest load without loss, the loss above it, bursts, latencies at loads"
    )
    _takes_config(search)
    search.add_argument(
        "--kind",
        choices=SEARCHES,
        default=SEARCHES[0],
        help="what to look for (default: zero_loss)",
    )
    search.add_argument("--loss", type=_share, metavar="0.5%", help="with partial_drop: the share that may be lost")
    search.add_argument("--precision", type=_share, metavar="0.4%", help="the width of the answer's interval")
    search.add_argument(
        "--loads",
        type=_shares,
        metavar="10%,50%,90%",
        help="of latency_at_load: of the rate without loss; of loss_curve: of the closed form's ceiling",
    )
    search.add_argument("--arrivals", choices=("periodic", "poisson"), help="when frames come, at these loads")
    search.add_argument("--report", type=file_name, metavar="FILE.html", help="write a page with figures")
    search.add_argument(
        "--burst-rate",
        type=_rate_bps,
        metavar="10Gbps",
        help="of back_to_back: all senders together, with 20 B of preamble and gap a frame; default: the port's rate",
    )
    _takes_jobs(search)


def _command(commands: argparse._SubParsersAction[_OneLineParser], name: str, summary: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + ".", allow_abbrev=False
    )
    what = "write the result as JSON; - writes it, alone, to stdout"
    parser.add_argument("--json", type=file_name, metavar="FILE", help=what)
    return parser


def _takes_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config",
        type=file_name,
        metavar="CONFIG",
        help="a configuration file (YAML), or a name that `hwmodel configs` lists",
    )
    _takes_overrides(parser)


def _takes_overrides(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="overrides",
        metavar="KEY=VALUE",
        help="change a key, as in pcie.lanes=8; may be given again",
    )


def _takes_server(parser: argparse.ArgumentParser, whose: str) -> None:
    parser.add_argument("--server", metavar="NAME", help=whose)


def _takes_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs",
        type=partial(_number_within, least=1, most=MOST_JOBS),
        metavar="N",
        help="simulations at once (default: one for each core)",
    )
