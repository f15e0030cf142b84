"""What each command does: read the input, call the library, pass the result to the outputs.

Each function imports what it needs when it is called: `check` must not wait for numba, nor `run` for matplotlib.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from hwmodel.cli.config_space_command import config_space as write_config_space
from hwmodel.cli.cosim_command import cosim
from hwmodel.cli.outputs import (
    STDOUT,
    check_out_folder,
    check_outputs,
    note,
    progress_bar,
    run_label,
    say,
    text_output,
    write_all,
    write_finding,
    write_json,
    writing_stdout,
)
from hwmodel.cli.study_commands import check_page_outputs, report, require_report_packages, size, sweep
from hwmodel.errors import InputError, Interrupted
from hwmodel.processes.processors import usable_processors
from hwmodel.units import FS_PER_NS

if TYPE_CHECKING:
    from hwmodel.config import Config, Server
    from hwmodel.results import Result
    from hwmodel.results.comparison import Comparison
    from hwmodel.results.control_comparison import ControlComparison
    from hwmodel.simulation import LoneTime


_INDENT = "  "
_NO_END = "no end"
Found = TypeVar("Found")


def run(arguments: Namespace) -> None:
    """Simulate one configuration."""
    _require_trace(arguments)
    check_outputs(_output_files(arguments), inputs=[arguments.config])
    hops = arguments.pcap_hops
    if arguments.report is not None:
        require_report_packages()
    if arguments.seeds is not None and (arguments.pcap or arguments.trace or hops):
        raise InputError("--seeds: several runs do not fit into one --pcap, --pcap-hop or --trace")
    if len(dict(hops)) < len(hops):
        raise InputError("--pcap-hop: a wire is named twice; one file for each")
    keeps_figures = arguments.report is not None or arguments.json is not None
    if arguments.seed is not None:
        arguments.overrides.append(f"run.seed={arguments.seed}")
    config = _load(arguments)
    from hwmodel import simulation

    simulation.announce_compilation(simulation.entries_of(config), note)
    stopped: Interrupted | None = None
    with progress_bar() as progress, _placing_errors(arguments):
        try:
            if arguments.seeds is None:
                result = simulation.simulate(
                    config,
                    progress=progress,
                    pcap_path=arguments.pcap,
                    trace_path=arguments.trace,
                    pcap_hops=dict(arguments.pcap_hops),
                    trace_start_fs=arguments.trace_start,
                    trace_length_fs=arguments.trace_length,
                    with_next_steps=keeps_figures,
                    counters=arguments.counters,
                    note=note,
                    threads=arguments.threads,
                )
            else:
                result = simulation.simulate_seeds(
                    config,
                    arguments.seeds,
                    progress,
                    with_next_steps=keeps_figures,
                    counters=arguments.counters,
                    threads=arguments.threads,
                )
        except Interrupted as error:
            if error.result is None:
                raise Interrupted(said="no result was written: nothing had been measured") from None
            result, stopped = error.result, Interrupted(said=error.said or _of_part(arguments))
    _write_result(arguments, result, partial(_print_summary, result, arguments))
    if stopped is not None:
        raise stopped


def _of_part(arguments: Namespace) -> str:
    """Say what the figures of a window that was cut short are, and which files were not written."""
    files = [*filter(None, (arguments.trace, arguments.pcap)), *dict(arguments.pcap_hops).values()]
    unwritten = f"; not written: {', '.join(files)}" if files else ""
    return f"the figures are those of the part that was measured{unwritten}"


def _print_summary(result: Result, arguments: Namespace) -> None:
    from hwmodel.results.counters_text import counters_text
    from hwmodel.results.summary import print_summary

    with writing_stdout():
        print_summary(result, verbose=arguments.verbose)
    if arguments.counters:
        say(counters_text(result))


def _write_result(arguments: Namespace, result: Result, print_text: Callable[[], object]) -> None:
    """Print the text and write the files of a run, as many of them as possible."""

    def draw() -> str:
        from hwmodel.config import defaults_beside
        from hwmodel.report import render_page

        label = run_label(arguments.config, arguments.overrides)
        return render_page([result], [label], defaults=[defaults_beside(result.config)])

    def write_flows() -> None:
        if flows is not None:
            from hwmodel.atomic_file import write_atomically

            write_atomically(flows, result.flow_archive())

    flows = getattr(arguments, "flows", None)
    stored = result if flows is None else replace(result, flows=())
    write_all(lambda: write_finding(stored, draw, arguments, print_text), write_flows)


def check(arguments: Namespace) -> None:
    """Validate a configuration and show it with every default written out."""
    check_outputs([("--json", arguments.json)], inputs=[arguments.config])
    config = _load(arguments)
    _check_events(config)
    if _depends_on_more(config):
        _check_room(config, arguments)
    resolved = config.resolved()
    write_json(resolved, arguments.json)
    import yaml

    say(yaml.safe_dump(resolved, sort_keys=False, width=120, allow_unicode=True), arguments.json)


def _depends_on_more(config: Config) -> bool:
    """Tell whether what a run has room for depends on more than keys: a capture, a share of the ceiling, a limit."""
    from hwmodel.processes.addresses import allowed_bytes

    loads_change = config.may_set_load
    workload = config.workload
    is_known = workload.pcap is None and workload.load.kind != "ceiling" and not loads_change
    return not is_known or allowed_bytes() is not None


def _check_room(config: Config, arguments: Namespace) -> None:
    """Raise InputError, or MemoryError, where a run would have no room, by what it begins with and what changes."""
    from hwmodel.simulation.run.machine import check_room
    from hwmodel.simulation.run.offered import with_workloads, workload_of
    from hwmodel.simulation.run.scenario import scene_of

    with _placing_errors(arguments):
        check_room(config, workload_of(config))
    if config.scenario:
        scene = scene_of(config)
        with _placing_errors(arguments):
            check_room(scene.first, *with_workloads(scene.first, scene.changes))


def _check_events(config: Config) -> None:
    """Raise InputError where what PF drivers grant contradicts other settings, known once events are followed."""
    from hwmodel.functions.mailbox_events import PfDrivers

    config.steps(PfDrivers(config))


def limits(arguments: Namespace) -> None:
    """Show the closed form of a configuration, or of the published model on its link; then run one frame alone."""
    for option in ("without_defect", "server"):
        if getattr(arguments, option) and arguments.published is None:
            raise InputError(f"--{option.replace('_', '-')}: only with --published simple, kernel or dpdk")
    check_outputs([("--json", arguments.json)], inputs=[arguments.config])
    config = _load(arguments)
    _check_events(config)
    from hwmodel import analytic
    from hwmodel.config import only_server

    if arguments.published is None:
        found = analytic.limits(config)
    else:
        own = only_server(config, arguments.server).config
        found = analytic.published(own, arguments.published, emulate_defect=not arguments.without_defect)
    say(analytic.limits_text(found), arguments.json)
    document = found.to_dict()
    if not arguments.no_run:
        if found.as_offered is not None:
            document |= _run_beside(config, arguments)
        document |= {"latency_parts_ns": {}, "latency_to_guest_ns": None}
        if found.lone_frame is not None:
            document |= _run_alone(config, arguments)
    write_json(document, arguments.json)


_SHORT_RUN = "10ms"  # takes some seconds
_SHORT = {"run.warmup": "auto", "run.duration": _SHORT_RUN, "run.frames": None, "run.precision": None}


def _run_beside(config: Config, arguments: Namespace) -> dict[str, object]:
    """Run the load for a short time, without events and agents, and show what it carries; return the JSON form."""
    from hwmodel import simulation
    from hwmodel.config import config_from_mapping
    from hwmodel.words.limits import run_beside

    unchanging = {key: block for key, block in config.resolved().items() if key not in ("scenario", "agents")}
    short = config_from_mapping(unchanging, _SHORT)
    with writing_stdout():
        sys.stdout.flush()  # show first what needs no run
    simulation.announce_compilation(simulation.entries_of(short), note)
    result = simulation.simulate(short)
    name, gbps = result.throughput()
    interval = result.intervals.get(name)
    limited_by = result.bottleneck.resource if result.bottleneck.is_limit else ""
    say(f"\n{run_beside(_SHORT_RUN, gbps, interval, limited_by)}", arguments.json)
    return {"run": {"gbps": gbps, "interval": interval and [*interval], "limited_by": limited_by or None}}


def _run_alone(config: Config, arguments: Namespace) -> dict[str, object]:
    """Run one frame alone, and show where its time goes; return the JSON form."""
    from hwmodel import simulation

    with writing_stdout():
        sys.stdout.flush()  # show first what needs no run
    simulation.announce_compilation(simulation.entries_of(config), note)
    lone = simulation.lone_frame(config)
    if lone is None:
        return {}
    say(f"\n{lone_table(lone)}", arguments.json)
    return lone.to_dict()


def explain(arguments: Namespace) -> None:
    """Simulate one configuration, then each of its relaxations (one resource made larger)."""
    check_page_outputs(arguments, arguments.config)
    config = _load(arguments)
    from hwmodel import explore
    from hwmodel.results.search_text import relaxed_text

    result = _explored(explore.explain, config, arguments)
    _write_result(arguments, result, lambda: say(relaxed_text(result)))


def compare(arguments: Namespace) -> None:
    """Simulate one configuration with each way in which VMs may reach each other, optionally at several values."""
    check_page_outputs(arguments, arguments.config)
    config = _load(arguments)
    from hwmodel import explore
    from hwmodel.config import defaults_beside
    from hwmodel.report import render_curves_page, render_page

    if arguments.over is not None and arguments.control:
        raise InputError(["--over: not with --control"])
    if arguments.over is not None:
        name, values = arguments.over
        curves = _explored(explore.compare_over, config, arguments, name=name, values=values)
        label = run_label(arguments.config, arguments.overrides)
        write_finding(curves, partial(render_curves_page, curves, label), arguments)
        return
    found: ControlComparison | Comparison
    if arguments.control:
        found = _explored(explore.compare_control, config, arguments)
    else:
        found = _explored(explore.compare, config, arguments)
    results = [*found.results.values()]
    defaults = [defaults_beside(result.config) for result in results]
    draw = partial(render_page, results, [*found.results], defaults=defaults, ways=found)
    write_finding(found, draw, arguments)


def search(arguments: Namespace) -> None:
    """Search over the load of a configuration."""
    from hwmodel.explore.search.load_search import misplaced

    wrong = misplaced(arguments.kind, vars(arguments))
    problems = [f"--{name.replace('_', '-')}: only with --kind {kinds}" for name, kinds in wrong.items()]
    if problems:
        raise InputError(problems)
    check_page_outputs(arguments, arguments.config)
    config = _load(arguments)
    from hwmodel import explore
    from hwmodel.report import render_search_page

    given = {"loss": arguments.loss, "precision": arguments.precision, "loads": arguments.loads,
             "arrivals": arguments.arrivals, "burst_rate_bps": arguments.burst_rate}  # fmt: skip
    said = {name: value for name, value in given.items() if value is not None}
    found = _explored(explore.search_loads, config, arguments, kind=arguments.kind, **said)
    label = run_label(arguments.config, arguments.overrides)
    write_finding(found, partial(render_search_page, found, label), arguments)


def _explored(find: Callable[..., Found], config: Config, arguments: Namespace, **options: Any) -> Found:
    """Call `find`, which makes many runs of a configuration, `--jobs` of them at once."""
    from hwmodel import simulation

    simulation.announce_compilation(simulation.entries_of(config), note)
    with progress_bar() as progress, _placing_errors(arguments):
        return find(config, jobs=arguments.jobs or usable_processors(), progress=progress, **options)


def dma(arguments: Namespace) -> None:
    """Measure the link alone, by transfer size."""
    sizes = None if arguments.sizes is None else parse_sizes(arguments.sizes)
    if arguments.order is not None and arguments.window is None:
        raise InputError("--order: only with --window, like --window 16MiB")
    check_outputs([("--json", arguments.json)], inputs=[arguments.config])
    config = _load(arguments)
    from hwmodel import simulation
    from hwmodel.analytic.dma import DEFAULT_SIZES
    from hwmodel.config import only_server

    if arguments.peer is not None:
        _write_to_peers(config, arguments, sizes or DEFAULT_SIZES)
        return
    if arguments.others:
        raise InputError("--others: goes with --peer FROM=TO")
    server = only_server(config, arguments.server)
    simulation.announce_compilation(simulation.DMA_ENTRIES, note)
    window = None
    if arguments.window is not None:
        window = simulation.Window(_window_bytes(arguments.window), arguments.order != "cyclic")
    rows = simulation.dma(server.config, sizes or DEFAULT_SIZES, window)
    whose = {"server": server.name} if server.name else {}
    write_json([whose | row for row in rows], arguments.json)
    said = [*_whose_link(config, server, dma_table(rows)), *_unheeded(server.config, arguments)]
    say("\n\n".join([*said, *filter(None, [server.config.host.unmeasured])]), arguments.json)


def _unheeded(config: Config, arguments: Namespace) -> Iterator[str]:
    """Give what of a window plays no part with an adapter's host."""
    from hwmodel.words.link_alone import window_notes

    if arguments.window is not None:
        has_cache, has_iotlb = config.host.cache is not None, config.host.iotlb is not None
        order_is_said = arguments.order is not None
        yield from window_notes(has_cache=has_cache, has_iotlb=has_iotlb, order_is_said=order_is_said)


def _whose_link(config: Config, server: Server, table: str) -> Iterator[str]:
    """Give a table of the link alone, under whose link it is where there are several, and what is not in it."""
    from hwmodel.config import servers_of, switches_of
    from hwmodel.words.link_alone import links_above_left_out

    yield f"{server.name}: {server.config.pcie.link_name}\n{table}" if server.name else table
    at = [each.name for each in servers_of(config)].index(server.name)
    above = [one.name for one in switches_of(config) if at in one.members and not one.has_turns]
    if above:
        yield links_above_left_out(server.name, above)


def _write_to_peers(config: Config, arguments: Namespace, sizes: Sequence[int]) -> None:
    """Measure writes of adapters to peers, by transfer size and way."""
    from hwmodel import simulation
    from hwmodel.words.link_alone import peer_table

    if arguments.window is not None:
        raise InputError("--window: says where transfers of the link alone lie; --peer has none")
    if arguments.server is not None:
        raise InputError("--server: says whose link is measured alone; --peer names the adapters itself (a.x=a.y)")
    pairs = [tuple(one.split("=")) for one in arguments.peer]
    wrong = [one for one, pair in zip(arguments.peer, pairs, strict=True) if len(pair) != 2 or not all(pair)]
    if wrong:
        raise InputError(f"--peer: {wrong[0]!r} is no pair of adapters (a.x=a.y)")
    peers = [(source, target) for source, target in pairs]
    simulation.announce_compilation(simulation.PEER_ENTRIES, note)
    rows = simulation.peer_writes(config, peers, sizes, with_others=arguments.others)
    write_json(rows, arguments.json)
    say(peer_table(rows, dict(peers)), arguments.json)


def switch(arguments: Namespace) -> None:
    """Pass the frames of a capture through the forwarding decision."""
    inputs = [arguments.config, arguments.capture]
    check_outputs([("--json", arguments.json)], inputs)
    config, files = _read(arguments)
    from hwmodel import simulation, switch_frames
    from hwmodel.config import only_server
    from hwmodel.config.names import UPLINK
    from hwmodel.words.warnings import promiscuous_for_wire, unasked_lists, unseparated

    adapter = only_server(config, arguments.server).config
    own = adapter.switch
    if own.unasked_lists:
        note(f"Warning: {unasked_lists(own.unasked_lists, own.mode)}")
    if own.unseparated:
        note(f"Warning: {unseparated(own.unseparated, own.mode)}")
    for port in own.promiscuous_for_wire if arguments.in_port != UPLINK else ():
        note(f"Warning: {promiscuous_for_wire('switch.promiscuous', port.name, adapter.nic.preset)}")
    with _placing_errors(arguments):
        frame_switch = switch_frames.FrameSwitch(own, arguments.in_port, adapter.switched_ports)
    if arguments.out is not None:
        json_file = [] if arguments.json in (None, STDOUT) else [arguments.json]
        names = switch_frames.port_files(frame_switch, arguments.out).values()
        check_out_folder(arguments.out, names, inputs=[*inputs, *files, *json_file])
    blocks = switch_frames.open_capture(arguments.capture)
    simulation.announce_compilation(simulation.SWITCH_ENTRIES, note)
    with text_output(None if arguments.json == STDOUT else STDOUT) as table, text_output(arguments.json) as json_text:
        switch_frames.switch_capture(
            frame_switch,
            arguments.capture,
            blocks,
            out_folder=arguments.out,
            write_json=json_text,
            write_table=table,
            with_in_port=arguments.in_port == switch_frames.AUTO,
            totals_alone=arguments.summary,
        )


def configs(arguments: Namespace) -> None:
    """List the configurations and studies that come with hwmodel."""
    check_outputs([("--json", arguments.json)])
    from hwmodel.config import shipped_configs, shipped_studies

    found = [*shipped_configs(), *shipped_studies()]
    write_json([one.to_mapping() for one in found], arguments.json)
    width = max((len(one.name) for one in found), default=0)
    say("\n".join(f"{one.name:<{width}}  {one.kind:<13}  {one.about}" for one in found), arguments.json)


def completion(arguments: Namespace) -> None:
    """Print a script that completes commands, options, configurations and keys in a shell."""
    check_outputs([("--json", arguments.json)])
    from hwmodel.cli.arguments import build_parser
    from hwmodel.cli.completion import completion_script, keys_of_schema
    from hwmodel.config import json_schema, shipped_configs

    names = [one.name for one in shipped_configs()]
    script = completion_script(build_parser(), arguments.shell, names, keys_of_schema(json_schema()))
    write_json({"shell": arguments.shell, "script": script}, arguments.json)
    say(script, arguments.json)


def schema(arguments: Namespace) -> None:
    """Show the JSON schema of configurations, of sweep files or of sizing files."""
    check_outputs([("--json", arguments.json)])
    if arguments.kind == "configuration":
        from hwmodel.config.schema import schema_text

        text = schema_text()
    else:
        from hwmodel.explore.study_schema import study_schema_text

        text = study_schema_text(arguments.kind)
    write_json(text, STDOUT if arguments.json is None else arguments.json)


def config_space(arguments: Namespace) -> None:
    """Write the configuration spaces of an adapter's functions, or do what a script says with them."""
    with _placing_errors(arguments):
        write_config_space(arguments, _load)


_EACH = (
    run, check, limits, explain, compare, sweep, size, search, dma, switch, config_space, cosim, report, configs,
    completion, schema,
)  # fmt: skip
COMMANDS: Mapping[str, Callable[[Namespace], int | None]] = {each.__name__.replace("_", "-"): each for each in _EACH}


def _load(arguments: Namespace) -> Config:
    return _read(arguments)[0]


def _read(arguments: Namespace) -> tuple[Config, list[str]]:
    """Load the configuration, and name its files; InputError too where an output would overwrite one of them."""
    from hwmodel.config import read_base

    base = read_base(arguments.config)
    config, files = base.with_overrides(arguments.overrides), base.files(arguments.overrides)
    check_outputs(_output_files(arguments), inputs=files)
    return config, files


def _output_files(arguments: Namespace) -> list[tuple[str, str | None]]:
    """Return options that name a file that the command writes, each with that file."""
    names = ("json", "report", "flows", "pcap", "trace", *(("out",) if arguments.command == "config-space" else ()))
    hops = [(f"--pcap-hop {name}", path) for name, path in getattr(arguments, "pcap_hops", ())]
    return [*((f"--{name}", getattr(arguments, name, None)) for name in names), *hops]


@contextmanager
def _placing_errors(arguments: Namespace) -> Iterator[None]:
    """Add file, line and column to problems with a key that are found after the validation."""
    try:
        yield
    except InputError as error:
        from hwmodel.config import read_base

        raise InputError(read_base(arguments.config).place_lines(arguments.overrides, error.lines)) from None


def _require_trace(arguments: Namespace) -> None:
    given = {"--trace-start": arguments.trace_start, "--trace-length": arguments.trace_length}
    problems = [f"{name}: only with --trace FILE" for name, value in given.items() if value is not None]
    if problems and arguments.trace is None:
        raise InputError(problems)
    if arguments.trace_length == 0:
        raise InputError("--trace-length: nothing happens in 0 s; a time like 50us")


def parse_sizes(text: str, option: str = "--sizes") -> tuple[int, ...]:
    """Return the byte counts in `64,1500,4KiB`; raises InputError with all problems."""
    from hwmodel.units import UnitError, parse_bytes

    sizes, problems = [], []
    for item in text.split(","):
        item_text = item.strip()
        try:
            size_bytes = parse_bytes(f"{item_text}B" if item_text.isascii() and item_text.isdigit() else item_text)
            if size_bytes == 0:
                raise UnitError(f"a {'window' if option == '--window' else 'transfer'} has at least 1 B")
            sizes.append(size_bytes)
        except UnitError as error:
            problems.append(f"{option} {text}: {error}")
    if problems:
        raise InputError(problems)
    return tuple(sizes)


def _window_bytes(text: str) -> int:
    found = parse_sizes(text, "--window")
    if len(found) > 1:
        raise InputError(f"--window {text}: one window is enough; write it like 16MiB")
    return found[0]


def dma_table(rows: list[dict[str, object]]) -> str:
    """Lay out bandwidth and latency by transfer size."""
    rates = f"{'bytes':>7} {'read Gb/s':>10} {'write Gb/s':>10} {'both Gb/s':>10}"
    lines = [f"{rates} {'read p50 ns':>12} {'p99 ns':>9} {'write, read':>12}"]
    for row in rows:
        latency, both = row["read_latency_ns"], row["write_read_latency_ns"]
        assert isinstance(latency, Mapping) and isinstance(both, Mapping)
        rates = " ".join(_figure(row[key], 10, 3) for key in ("read_gbps", "write_gbps", "both_gbps"))
        latencies = (_figure(latency["p50"], 12, 1), _figure(latency["p99"], 9, 1), _figure(both["p50"], 12, 1))
        lines.append(f"{row['bytes']:>7} {rates} {' '.join(latencies)}")
    return "\n".join(lines)


def _figure(value: object, width: int, decimals: int) -> str:
    return f"{value:>{width}.{decimals}f}" if isinstance(value, int | float) else f"{'-':>{width}}"


def lone_table(lone: LoneTime) -> str:
    """List the parts that take time, up to the first that never ends."""
    from hwmodel.results import PART_WORDS

    frame, way = lone.frame, lone.frame.way
    heading = f"one frame of {frame.frame_bytes} B alone, as configured"
    if not lone.parts_fs:
        return f"{heading}: from {frame.source} to {frame.target} it is dropped on its way"
    outward = "until it is sent on the wire" if way.back_bytes is None else "until it is outside"
    until = "until the receiver's core has taken it" if way.copies else outward
    rows = [(heading, "ns", f"from {frame.source} to {frame.target}, {until}")]
    for part, part_fs in lone.parts_fs.items():
        if part_fs != 0:
            without = "" if part_fs is not None else ", which only later frames would end"
            rows.append((_INDENT + part, _ns(part_fs), f"{PART_WORDS[part]}{without}"))
        if part_fs is None:
            break
    whole_ns = lone.whole_ns
    rows.append((f"{_INDENT}sum", _NO_END if whole_ns is None else f"{whole_ns:.3f}", ""))
    first, second, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    return "\n".join(f"{name:<{first}}  {ns:>{second}}  {words}".rstrip() for name, ns, words in rows)


def _ns(duration_fs: int | None) -> str:
    return _NO_END if duration_fs is None else f"{duration_fs / FS_PER_NS:.3f}"
