"""A second model of the switch core: plain Python, cycle by cycle and beat by beat, slow and direct.

Written from the cycle rules of docs/switch_core.md; it shares nothing with the kernels. Decisions come from the second
implementation of the forwarding decision. In each cycle every part looks at the state before the clock edge; what it
changes holds from the next cycle on, except where the rules say what precedes within a cycle.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from tests.oracles.core_output_cycles import Copy, Output
from tests.oracles.forwarding_oracle import ForwardingOracle, Frame

OUTER_TYPE = {"vn_tag": 0x8926, "e_tag": 0x893F}


@dataclass
class Shape:
    """Parameters, under the names of the page in lower case."""

    ports: int
    bus_w: int
    priorities: int
    ingress_bytes: int
    queue_bytes: int
    max_frame_bytes: int

    def __post_init__(self):
        self.wb = self.bus_w // 8
        self.lanes = self.bus_w // 64
        self.ingress_words = self.ingress_bytes // self.wb
        self.queue_words = self.queue_bytes // self.wb
        self.store_bytes = self.max_frame_bytes + 12
        self.swallow_words = -(-self.max_frame_bytes // self.wb)
        self.h = -(-26 // self.wb) - 1

    def words(self, n_bytes):
        return max(1, -(-n_bytes // self.wb))


@dataclass
class Sent:
    """A frame at a port, beat by beat, and what was seen of it."""

    number: int
    port: int
    data: bytes
    not_before: int = 0
    lead_cycles: int = 0
    is_bad: bool = False
    ends_empty: bool = False
    first_beat: int | None = None
    last_beat: int | None = None
    grant: int | None = None
    decided: int | None = None
    reason: str | None = None
    ports: set = field(default_factory=set)
    full: set = field(default_factory=set)
    copies: dict = field(default_factory=dict)
    n_words: int = 0
    priority: int = 0

    def beats(self):
        """Give (number of bytes, is last) of each beat."""
        lengths = [len(self.data[i : i + 8]) for i in range(0, len(self.data), 8)] + [0] * self.ends_empty
        return [(n_bytes, i == len(lengths) - 1) for i, n_bytes in enumerate(lengths)]


class Source:
    """Offer a port's frames a beat a cycle; once offered, a beat stays."""

    def __init__(self, frames, may_offer):
        self.frames, self.may_offer = deque(frames), may_offer
        self.beat = 0
        self.offering = False
        self.idle_until = 0

    def offer(self, t):
        if not self.frames or self.offering:
            return self.offering
        frame = self.frames[0]
        waits = self.beat == 0 and t < max(frame.not_before, self.idle_until + frame.lead_cycles)
        self.offering = not waits and self.may_offer(t)
        return self.offering

    def accepted(self, t):
        """Go on to the next beat; give the frame and the beat that was accepted."""
        frame = self.frames[0]
        if self.beat == 0:
            frame.first_beat = t
            self.beats = frame.beats()
        n_bytes, is_last = self.beats[self.beat]
        self.beat += 1
        self.offering = False
        if is_last:
            frame.last_beat = t
            self.frames.popleft()
            self.beat = 0
            self.idle_until = t + 1
        return frame, n_bytes, is_last


class IngressFifo:
    def __init__(self, shape):
        self.shape = shape
        self.occupied = 0
        self.beats = self.bytes = self.words = 0  # of the frame that comes in
        self.swallowing = False
        self.given_back = (0, 0)  # number of words, and the cycle from which on they are free
        self.whole = deque()  # (first cycle in which it can be granted, frame)

    def ready(self, t):
        n_words, free_from = self.given_back
        if t >= free_from:
            self.occupied -= n_words
            self.given_back = (0, 0)
        starts_word = self.beats % self.shape.lanes == 0
        return not (starts_word and self.occupied == self.shape.ingress_words and not self.swallowing)

    def take(self, t, frame, n_bytes, is_last):
        """Store a beat accepted in cycle t; called when all have looked at this cycle's state."""
        starts_word = self.beats % self.shape.lanes == 0
        self.bytes += n_bytes
        self.beats += 1
        if starts_word and not self.swallowing:
            self.occupied += 1
            self.words += 1
        needed = self.words
        if self.bytes > self.shape.store_bytes and not self.swallowing:
            self.swallowing = True
            needed = self.shape.swallow_words
        elif starts_word and not self.swallowing and n_bytes == 0 and self.beats > 1:
            needed = self.words - 1
        if needed < self.words:
            self.given_back = (self.words - needed, t + 2)
            self.words = needed
        if is_last:
            frame.n_words = self.words
            self.whole.append((t + 4, frame))
            self.beats = self.bytes = self.words = 0
            self.swallowing = False


class Deciding:
    """Decide by the tables of the cycle in which they are looked at."""

    def __init__(self, shape, switches):
        self.shape = shape
        self.versions = [(cycle, switch, ForwardingOracle(switch)) for cycle, switch in switches]

    def decide(self, t, frame):
        """Give reason, copies by port, priority."""
        _, switch, oracle = [each for i, each in enumerate(self.versions) if i == 0 or each[0] <= t][-1]
        names = {0: "uplink", 1: "pf"} | {k + 2: f"vf{k}" for k in range(15)}
        known = {"uplink"} | {port.name for port in switch.ports}
        name = names[frame.port]
        if name not in known:
            return "PORT_DISABLED", {}, 0
        outcome = oracle.forward(name, frame.data, frame.is_bad or frame.ends_empty)
        if outcome.drop not in ("PORT_DISABLED", "BAD_FRAME", "RUNT") and self.is_oversize(oracle, switch, name, frame):
            return "OVERSIZE", {}, 0
        number = {text: number for number, text in names.items()}
        return outcome.drop, {number[to]: data for to, data in outcome.deliver.items()}, outcome.priority

    def is_oversize(self, oracle, switch, name, frame):
        outer = OUTER_TYPE.get(switch.mode) if name == "uplink" else None
        return len(frame.data) - oracle.parse(Frame(frame.data), outer) > self.shape.max_frame_bytes


class SwitchCore:
    """Run frames through the core.

    `may_offer` and `is_ready` are called with port and cycle; `settings_at` gives (kind, quanta, paused
    priorities) of a port in a cycle.
    """

    def __init__(self, shape, switches, may_offer, is_ready, settings_at):
        self.shape = shape
        self.deciding = Deciding(shape, switches)
        self.may_offer = may_offer
        ports = range(shape.ports)
        self.fifos = [IngressFifo(shape) for _ in ports]
        self.outputs = [
            Output(shape, p, lambda t, p=p: settings_at(p, t), lambda t, p=p: is_ready(p, t)) for p in ports
        ]
        self.pointer = 0
        self.bus_free = 0
        self.reads = []  # (port, first cycle, number of words)
        self.lookups = {}  # frames by the cycle in which the tables are looked at
        self.writes = {}  # frames by cycle w
        self.looked_up = {}
        self.accepted = {}  # by number of the frame, (output, copy) of those that found room
        self.granted = []

    def run(self, frames):
        self.sources = [
            Source([frame for frame in frames if frame.port == p], lambda t, p=p: self.may_offer(p, t))
            for p in range(self.shape.ports)
        ]
        t = 0
        while not self.is_over():
            self.cycle(t)
            t += 1
        return t

    def is_over(self):
        return (
            not any(source.frames for source in self.sources)
            and not any(fifo.whole for fifo in self.fifos)
            and not self.writes
            and all(output.is_idle() for output in self.outputs)
        )

    def cycle(self, t):
        accepted = [
            (fifo, source.accepted(t))
            for fifo, source in zip(self.fifos, self.sources, strict=True)
            if source.offer(t) and fifo.ready(t)
        ]
        self.arbitrate(t)
        if t in self.lookups:
            frame = self.lookups.pop(t)
            self.looked_up[frame.number] = self.deciding.decide(t, frame)
        written = self.write(t) if t in self.writes else []
        if t + 1 in self.writes:
            self.offer(self.writes[t + 1])
        for output in self.outputs:
            output.cycle(t)
        for output, copy in written:
            output.scheduler.enter(t, copy)
        for output in self.outputs:
            output.clock()
        for port, first, n_words in self.reads:
            if first <= t < first + n_words:
                self.fifos[port].occupied -= 1
        self.reads = [each for each in self.reads if t < each[1] + each[2] - 1]
        for fifo, (frame, n_bytes, is_last) in accepted:
            fifo.take(t, frame, n_bytes, is_last)

    def arbitrate(self, t):
        if t < self.bus_free:
            return
        for i in range(self.shape.ports):
            port = (self.pointer + i) % self.shape.ports
            whole = self.fifos[port].whole
            if not whole or whole[0][0] > t:
                continue
            frame = whole.popleft()[1]
            frame.grant = t
            self.granted.append(frame.number)
            self.pointer = (port + 1) % self.shape.ports
            self.bus_free = t + frame.n_words
            self.reads.append((port, t + 1, frame.n_words))
            self.lookups[t + 5 + self.shape.h] = frame
            self.writes[t + 11 + self.shape.h] = frame
            return

    def write(self, t):
        """Show the event of the frame of this cycle; give the copies that found room a cycle ago."""
        frame = self.writes.pop(t)
        frame.decided = t
        return self.accepted.pop(frame.number)

    def offer(self, frame):
        """Offer a frame to its queues; what is accepted has its room at once."""
        frame.reason, copies, priority = self.looked_up.pop(frame.number)
        frame.ports = set(copies)
        queue = priority * self.shape.priorities // 8
        written = []
        for port, data in copies.items():
            output = self.outputs[port]
            if output.occupied[queue] + frame.n_words > self.shape.queue_words:
                frame.full.add(port)
                continue
            frame.copies[port] = {"data": data, "queue": queue}
            output.occupied[queue] += frame.n_words
            written.append((output, Copy(frame, data, queue)))
        if frame.ports and frame.full == frame.ports:
            frame.reason = "QUEUE_FULL"
        self.accepted[frame.number] = written
