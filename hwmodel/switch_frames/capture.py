"""A capture through the switch: a table, JSON, and a capture for each port, all of them streamed."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from hwmodel.errors import InputError
from hwmodel.switch_frames.decide import DecidedBlock, FrameSwitch
from hwmodel.switch_frames.outcomes import BLOCK_BYTES, in_capture, json_line, outcomes
from hwmodel.switch_frames.text import FrameTable, Totals
from hwmodel.wire.pcap import PcapBlock, PcapWriter, read_blocks

Write = Callable[[str], object]


def open_capture(path: str) -> Iterator[PcapBlock]:
    """Read the first block of a capture, so that a file that is not one is refused at once; return all its blocks."""
    blocks = read_blocks(path, BLOCK_BYTES)
    first = list(itertools.islice(blocks, 1))
    return itertools.chain(first, blocks)


def port_files(switch: FrameSwitch, folder: str) -> dict[int, str]:
    """Name the capture of each port, by its place among all: FOLDER/uplink.pcap, FOLDER/vf0.pcap and so on."""
    return {place: os.path.join(folder, f"{name}.pcap") for place, name in enumerate(switch.names)}


def switch_capture(
    switch: FrameSwitch,
    path: str,
    blocks: Iterable[PcapBlock],
    *,
    out_folder: str | None = None,
    write_json: Write | None = None,
    write_table: Write | None = None,
    with_in_port: bool = False,
    totals_alone: bool = False,
) -> None:
    """Pass the blocks of the capture at `path` through the switch, and write what becomes of the frames.

    `out_folder`, made if it is not there, gets a capture for every port, empty for one without copies; they appear when
    all frames have passed, or not at all. `write_json` takes JSON, `write_table` the table (with `totals_alone` its
    last lines only), piece by piece. Raises InputError for a capture that is damaged or cuts a header short, and for
    files that cannot be made; RunError where writing fails.
    """
    table, totals = FrameTable(switch), Totals(switch)
    with contextlib.ExitStack() as stack:
        take_json = _JsonList(write_json, with_in_port) if write_json is not None else None
        captures = stack.enter_context(PortCaptures(switch, out_folder)) if out_folder is not None else None
        if write_table is not None and not totals_alone:
            write_table(f"{table.titles}\n")
        try:
            for block in blocks:
                decided = switch.decide(block)
                totals.add(decided)
                if take_json is not None:
                    take_json.add(switch, decided)
                if captures is not None:
                    captures.add(decided)
                if write_table is not None and not totals_alone:
                    write_table("".join(f"{row}\n" for row in table.rows(decided)))
        except InputError as error:
            raise InputError(in_capture(path, error.lines)) from None
        if take_json is not None:
            take_json.end()
        if captures is not None:
            captures.flush()
    if write_table is not None:
        write_table(f"{'' if totals_alone else chr(10)}{totals.text()}\n")


class _JsonList:
    """Write a JSON list, an entry a line, as its entries come."""

    def __init__(self, write: Write, with_in_port: bool) -> None:
        self._write = write
        self._with_in_port = with_in_port
        self._before = "["

    def add(self, switch: FrameSwitch, decided: DecidedBlock) -> None:
        for frame in outcomes(switch, decided):
            self._write(f"{self._before}\n{json_line(frame, self._with_in_port)}")
            self._before = ","

    def end(self) -> None:
        self._write("[]\n" if self._before == "[" else "\n]\n")


class PortCaptures:
    """Write a capture for each port of a switch into a folder; all appear when the `with` block ends well.

    On any exception before that the folder is as it was, and gone if it was made here.
    """

    def __init__(self, switch: FrameSwitch, folder: str) -> None:
        self._folder = folder
        self._paths = port_files(switch, folder)
        self._writers: dict[int, PcapWriter] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> PortCaptures:
        """Make the folder if it is not there, and begin all files."""
        with contextlib.ExitStack() as stack:
            if not os.path.isdir(self._folder):
                try:
                    os.mkdir(self._folder)
                except OSError as error:
                    raise InputError(f"{self._folder}: cannot be made: {error.strerror}") from None
                stack.push(self._remove_folder_after_a_failure)
            for place, path in self._paths.items():
                self._writers[place] = stack.enter_context(PcapWriter(path))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure: object) -> None:
        """Let all files appear, or remove them where an exception passes."""
        self._stack.__exit__(*failure)  # type: ignore[arg-type]

    def flush(self) -> None:
        """Write out what is still in memory: a full disk shows before the first file appears."""
        for writer in self._writers.values():
            writer.flush()

    def _remove_folder_after_a_failure(self, kind: object, *_: object) -> None:
        if kind is not None:
            with contextlib.suppress(OSError):
                os.rmdir(self._folder)

    def add(self, decided: DecidedBlock) -> None:
        """Append the copies of a block, mirrored ones among them, with the timestamps of their frames."""
        copies, out = decided.copies, decided.out
        for place, writer in self._writers.items():
            of_port = copies[decided.left_by == place]
            if not len(of_port):
                continue
            ends = of_port["first_byte"] + of_port["captured_bytes"]
            spans = zip(of_port["first_byte"].tolist(), ends.tolist(), strict=True)
            writer.write_block(
                decided.at_ns[of_port["arrival"]],
                [out[start:end] for start, end in spans],
                np.ascontiguousarray(of_port["original_bytes"]),
            )
