"""The keys of the file that describes a core under test; docs/own_core.md explains them to their writer."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import model_validator

from hwmodel.config.kinds import Block, Kind, Listing, Truth, Whole, Word, key, shown, wrong


class VerilogName(Kind):
    """A name in Verilog."""

    def parse(self, value: object) -> str:
        """Return the name."""
        if not isinstance(value, str) or not value.isascii() or not value.replace("$", "_").isidentifier():
            raise wrong(f"{shown(value)} is not a name in Verilog")
        return value


class NameOfEachPort(VerilogName):
    """A name in Verilog that may hold a port's number in braces."""

    def parse(self, value: object) -> str:
        """Return the name as it was written."""
        if not isinstance(value, str):
            return super().parse(value)
        try:
            first = value.format(port=0)
        except (LookupError, ValueError, AttributeError):
            raise wrong(f"{shown(value)} has something else in braces than a port such as {{port:02}}") from None
        super().parse(first)
        return value


class Text(Kind):
    """A text; `example`: one that is right."""

    def __init__(self, example: str) -> None:
        self.example = example

    def parse(self, value: object) -> str:
        """Return the text."""
        if not isinstance(value, str) or not value:
            raise wrong(f"{shown(value)} is not a text; write it like {self.example}")
        return value


class MacroValue(Kind):
    """What a macro stands for: a number or a text."""

    def parse(self, value: object) -> str | int:
        """Return the value."""
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise wrong(f"{shown(value)} is neither a whole number nor a text")
        return value


Name = Annotated[str, VerilogName()]
StreamName = Annotated[str, NameOfEachPort()]
FileName = Annotated[str, Text("rtl/core.v")]
Level = Literal["high", "low"]
Timing = Literal["free", "twin"]
Losses = Literal["none", "counted"]
Parameters = dict[Name, Annotated[int, Whole(-(2**63))]]
MOST_FRAMES = 1_000_000_000  # of a run
RunLength = Annotated[int, Whole(200, MOST_FRAMES)]  # less than that says nothing


class Prefixed(Block):
    """Names of signals: each by itself, or a text from which all follow, such as s_axis."""

    kind: ClassVar[VerilogName] = VerilogName()

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        names = {name: cls.name_of(value, name) for name in cls.model_fields}
        cls.kind.parse(next(iter(names.values())))  # said once, and of the text that was written
        return names

    @classmethod
    def name_of(cls, prefix: str, name: str) -> str:
        """Return a signal's name from the prefix."""
        return f"{prefix}_{name}"


class Stream(Prefixed):
    """AXI4-Stream of all ports side by side, 64 bits a port, or with `{port}` in the names one of each port."""

    kind: ClassVar[VerilogName] = NameOfEachPort()

    data: StreamName
    keep: StreamName
    valid: StreamName
    ready: StreamName
    last: StreamName
    user: StreamName | None = key(None, "on the last beat: the frame is bad")

    @classmethod
    def name_of(cls, prefix: str, name: str) -> str:
        """Return a signal's name from the prefix: s_axis_tdata."""
        return f"{prefix}_t{name}"


class Streams(Block):
    """The frames' way in and out."""

    into: Stream = key(..., "into the core", alias="in")
    out: Stream = key(..., "out of the core")
    empty_last_beat: Annotated[bool, Truth()] = key(
        True, "whether the core takes a last beat without bytes, which makes the frame bad"
    )


class Reset(Block):
    """The reset, synchronous or not: it is high or low for three cycles."""

    name: Name = "reset"
    active: Annotated[Level, Word(Level)] = "high"


class AxiLite(Prefixed):
    """AXI4-Lite; all its signals but awprot and arprot."""

    awaddr: Name
    awvalid: Name
    awready: Name
    wdata: Name
    wstrb: Name
    wvalid: Name
    wready: Name
    bresp: Name
    bvalid: Name
    bready: Name
    araddr: Name
    arvalid: Name
    arready: Name
    rdata: Name
    rresp: Name
    rvalid: Name
    rready: Name


class StrobeBus(Prefixed):
    """A bus on which `strobe` stays high, with the access beside it, until `done`; what is read comes with `done`."""

    strobe: Name
    write: Name
    address: Name
    write_data: Name
    read_data: Name | None = key(None, "where the core has something to read")
    done: Name | None = key(None, "without it, every access is done in its first cycle")


class Registers(Block):
    """The way to the registers: one of the two."""

    axi4_lite: AxiLite | None = None
    strobe_bus: StrobeBus | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Registers:
        if (self.axi4_lite is None) == (self.strobe_bus is None):
            raise wrong("one of axi4_lite and strobe_bus is needed")
        return self


class EventRecord(Prefixed):
    """What the core says of each frame in the cycle in which it decides it, as docs/switch_core.md describes."""

    valid: Name
    port: Name
    reason: Name
    ports: Name
    full: Name


class WriteRecord(Prefixed):
    """What the core says of each register write when it takes effect."""

    valid: Name
    address: Name
    data: Name


class Records(Block):
    """What the core tells beside its frames."""

    events: EventRecord | None = None
    writes: WriteRecord | None = None

    @model_validator(mode="after")
    def _go_together(self) -> Records:
        if self.writes is not None and self.events is None:
            raise wrong("writes without events say nothing: no frame has a time of decision")
        return self


class RunLengths(Block):
    """Frames of a run, where the test's own number is too much for the core's simulation."""

    short: RunLength | None = None
    long: RunLength | None = None


class DutKeys(Block):
    """A core under test, as its file says."""

    name: Annotated[str, Text("my switch")] | None = key(None, "by default the top module's")
    sources: Annotated[tuple[FileName, ...], Listing("[core.v, lib/*.v]", least=1)] = key(
        ..., "Verilog files, patterns such as *.v among them"
    )
    include_folders: Annotated[tuple[FileName, ...], Listing("[include]")] = key((), "where `include looks")
    defines: dict[Name, Annotated[str | int, MacroValue()]] = key({}, "macros")
    top: Name
    parameters: Parameters = key({}, "of the top module, in every shape")
    shapes: dict[Annotated[str, Text("small")], Parameters] = key(
        {}, "more sets of parameters; the first is that of most tests"
    )
    backend: Annotated[str, Text("backend.py:MyBackend")] = key(..., "FILE.py:CLASS or MODULE:CLASS")
    clock: Name = "clk"
    reset: Reset = Reset()
    streams: Streams
    registers: Registers
    records: Records = Records()
    timing: Annotated[Timing, Word(Timing)] = "free"
    losses: Annotated[Losses, Word(Losses)] = "none"
    quiet_cycles: Annotated[int, Whole(64, 1_000_000)] = key(1000, "no beat for so long: all copies have left")
    chosen_ahead: Annotated[int, Whole(0, 32)] = key(3, "copies of an output that are chosen before they can leave")
    frames: RunLengths = RunLengths()
