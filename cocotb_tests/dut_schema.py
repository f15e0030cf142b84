"""The keys of the file that describes a core under test; docs/own_core.md explains them to their writer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from hwmodel.config.kinds import Block, key


def _verilog_name(name: str) -> str:
    if not name.isascii() or not name.replace("$", "_").isidentifier():
        raise ValueError(f"{name!r} is not a name in Verilog")
    return name


def _name_of_each_port(name: str) -> str:
    try:
        first = name.format(port=0)
    except (LookupError, ValueError, AttributeError):
        raise ValueError(f"{name!r} has something else in braces than a port such as {{port:02}}") from None
    _verilog_name(first)
    return name


Name = Annotated[str, AfterValidator(_verilog_name)]
StreamName = Annotated[str, AfterValidator(_name_of_each_port)]
Parameters = dict[Name, int]
FEWEST_FRAMES = 200  # of a run that says something


class Prefixed(Block):
    """Names of signals: each by itself, or a text from which all follow, such as s_axis."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return {name: cls.name_of(value, name) for name in cls.model_fields}

    @classmethod
    def name_of(cls, prefix: str, name: str) -> str:
        """Return a signal's name from the prefix."""
        return f"{prefix}_{name}"


class Stream(Prefixed):
    """AXI4-Stream of all ports side by side, 64 bits a port, or with `{port}` in the names one of each port."""

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
    empty_last_beat: bool = key(True, "whether the core takes a last beat without bytes, which makes the frame bad")


class Reset(Block):
    """The reset, synchronous or not: it is high or low for three cycles."""

    name: Name = "reset"
    active: Literal["high", "low"] = "high"


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
            raise ValueError("one of axi4_lite and strobe_bus is needed")
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
            raise ValueError("writes without events say nothing: no frame has a time of decision")
        return self


class RunLengths(Block):
    """Frames of a run, where the test's own number is too much for the core's simulation."""

    short: Annotated[int, Field(ge=FEWEST_FRAMES)] | None = None
    long: Annotated[int, Field(ge=FEWEST_FRAMES)] | None = None


class DutKeys(Block):
    """A core under test, as its file says."""

    name: str | None = key(None, "by default the top module's")
    sources: Annotated[list[str], Field(min_length=1)] = key(..., "Verilog files, patterns such as *.v among them")
    include_folders: list[str] = key([], "where `include looks")
    defines: dict[Name, str | int] = key({}, "macros")
    top: Name
    parameters: Parameters = key({}, "of the top module, in every shape")
    shapes: dict[str, Parameters] = key({}, "more sets of parameters; the first is that of most tests")
    backend: str = key(..., "FILE.py:CLASS or MODULE:CLASS")
    clock: Name = "clk"
    reset: Reset = Reset()
    streams: Streams
    registers: Registers
    records: Records = Records()
    timing: Literal["free", "twin"] = "free"
    losses: Literal["none", "counted"] = "none"
    quiet_cycles: Annotated[int, Field(ge=64, le=1_000_000)] = key(1000, "no beat for so long: all copies have left")
    chosen_ahead: Annotated[int, Field(ge=0, le=32)] = key(
        3, "copies of an output that are chosen before they can leave"
    )
    frames: RunLengths = RunLengths()

    @model_validator(mode="after")
    def _twin_needs_records(self) -> DutKeys:
        if self.timing == "twin" and self.records.writes is None:
            raise ValueError("timing: twin needs the records of events and writes")
        return self
