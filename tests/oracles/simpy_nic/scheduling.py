"""Whose frame is read next: the scheduler's turns, and the functions' rate limits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import simpy

from .classes import ClassTurns, Planes, PoolTurns
from .parameters import NicParameters
from .posts import Post
from .timing import Phase, fs_of_bytes, later, place
from .writeback import HeldDescriptors


class TxRing:
    """What the adapter knows of one Tx ring."""

    def __init__(self, port: int, queue: int) -> None:
        """Begin empty."""
        self.port = port
        self.queue = queue
        self.name = "Tx ring", port, queue
        self.posts: deque[Post] = deque()
        """Told by doorbells and not yet picked to the last frame, in ring order."""
        self.not_picked: deque[Post] = deque()
        """In slots of the driver's and not yet picked to the last frame, in ring order."""
        self.known = 0
        self.requested = 0
        self.cached = 0
        self.fetch_position = 0
        self.next_picked = 0
        """The place in the ring of the frame that is picked next."""
        self.is_paused = False
        """It is ahead of its pace by as much as it may be."""
        self.pace_fs = 0
        """When its frames would have been picked, one after the other."""
        self.done: HeldDescriptors
        self.descriptors_entered: Callable[[int], None]
        """Told as a write-back enters P, and as the host has it: how many descriptors are in it."""
        self.descriptors_landed: Callable[[int], None]

    def forget(self) -> None:
        """Forget all descriptors, and begin at the first of the ring; its pace stays."""
        self.posts.clear()
        self.not_picked.clear()
        self.known = self.requested = self.cached = 0
        self.fetch_position = self.next_picked = 0
        self.done.forget()

    @property
    def is_ready(self) -> bool:
        """Whether it has a frame that can be picked."""
        return self.cached > 0 and self.cached >= self.posts[0].n_descriptors and not self.is_paused


class Shapers:
    """When each function that has a rate limit may send again."""

    def __init__(self, env: simpy.Environment, parameters: NicParameters, look: Callable[[], None]) -> None:
        """Begin as after a long pause; `look` is called when a function that waits may send."""
        self._env = env
        self._parameters = parameters
        self._look = look
        self._eligible_fs: dict[int, int] = {}
        """Of functions that have sent under their limit."""
        self._wakes_fs: dict[int, int] = {}
        """Of functions that wait: when they are looked at again."""

    def let(self, port: int) -> bool:
        """Tell whether a function may send now."""
        return self._eligible_fs.get(port, 0) <= self._env.now

    def let_all(self) -> bool:
        """Tell whether no function has been held up, as where none has a limit."""
        return not self._eligible_fs

    def charge(self, port: int, frame_bytes: int) -> None:
        """Charge a function for a frame."""
        limit = self._parameters.rate_limits.get(port)
        if limit is None:
            return
        window_fs = fs_of_bytes(self._parameters.rate_limit_window_bytes, limit)
        if self._parameters.virtual_switch is not None:
            window_fs = max(window_fs, self._parameters.guarantee_window_fs)
        earliest_fs = self._env.now - window_fs
        before_fs = max(earliest_fs, self._eligible_fs.get(port, earliest_fs))
        self._eligible_fs[port] = before_fs + fs_of_bytes(frame_bytes, limit)

    def wake(self, port: int) -> None:
        """Look again when a function may send; once, however often it is asked for."""
        if self._wakes_fs.get(port) == self._eligible_fs[port]:
            return
        self._wakes_fs[port] = self._eligible_fs[port]
        later(self._env, self._eligible_fs[port] - self._env.now, place(Phase.TX_TIMERS, port), self._look)

    def limits_changed(self) -> None:
        """Let go what is no longer limited; what a function has been charged stays as long as it has a limit."""
        limits = self._parameters.rate_limits
        self._eligible_fs = {port: at_fs for port, at_fs in self._eligible_fs.items() if port in limits}


class Guarantees:
    """Who has had less than what is guaranteed to it, and whose turn it is among those."""

    def __init__(self, env: simpy.Environment, parameters: NicParameters) -> None:
        """Begin with nobody ahead of its guarantee."""
        self._env = env
        self._parameters = parameters
        self._next = 0
        self._kept_until_fs = dict.fromkeys(parameters.ports, 0)
        """Up to when each function has had what it is guaranteed."""
        self.is_kept_by_last = False

    def choose(self, may_send: Callable[[int], bool]) -> int | None:
        """Return the next function that may send and is owed something, if there is one."""
        n_functions = len(self._parameters.ports)
        for step in range(n_functions) if self._parameters.guarantees else ():
            function = (self._next + step) % n_functions
            port = self._parameters.ports[function]
            if self.owes(port) and may_send(function):
                self._next = (function + 1) % n_functions
                self.is_kept_by_last = True
                return function
        self.is_kept_by_last = False
        return None

    def owes(self, port: int) -> bool:
        """Tell whether a function has had less than its guarantee."""
        return port in self._parameters.guarantees and self._kept_until_fs[port] <= self._env.now

    def charge(self, port: int, frame_bytes: int) -> None:
        """Count the frame that was picked, if it was for a guarantee."""
        if self.is_kept_by_last:
            self.charge_owed(port, frame_bytes)

    def charge_owed(self, port: int, frame_bytes: int) -> None:
        """Count a frame that a function has had for its guarantee."""
        if port in self._parameters.guarantees:
            unused_since_fs = max(self._env.now - self._parameters.guarantee_window_fs, self._kept_until_fs[port])
            self._kept_until_fs[port] = unused_since_fs + fs_of_bytes(frame_bytes, self._parameters.guarantees[port])


class Turns:
    """The order in which functions that have a frame are asked; one of them has the turn."""

    def __init__(self, parameters: NicParameters) -> None:
        """Begin at the first function."""
        self._parameters = parameters
        self._next = 0
        self._turn_of: int | None = None
        self._left = 0
        """Frames that it may still send in its turn, where weights count frames."""
        self._deficits: dict[int, int] = {}
        """In bytes, of functions that are ready, where weights count bytes."""

    def became_ready(self, function: int) -> None:
        """Let a function begin that had no frame."""
        self._deficits[function] = self._quantum(function)

    def _weight(self, function: int) -> int:
        return self._parameters.weights.get(self._parameters.ports[function], 1)

    def _quantum(self, function: int) -> int:
        return (self._parameters.max_frame_bytes - 4) * self._weight(function)

    def choose(self, may_send: Callable[[int], bool], head_bytes: Callable[[int], int]) -> int | None:
        """Give the turn to a function that may send; `head_bytes`: of its next frame."""
        n_functions = len(self._parameters.ports)
        first = 0 if self._parameters.scheduler == "strict" else self._next
        ready = filter(may_send, (*range(first, n_functions), *range(first)))
        chosen = next(ready, None)
        if chosen is None:
            return None
        if self._parameters.scheduler == "deficit":
            return self._by_deficit([chosen, *ready], head_bytes)
        stays = self._parameters.scheduler == "weighted" and self._count(chosen)
        self._next = chosen if stays else (chosen + 1) % n_functions
        return chosen

    def _count(self, function: int) -> bool:
        """Count a frame of a turn; tell whether the turn goes on."""
        if self._turn_of != function or not self._left:
            self._turn_of, self._left = function, self._weight(function)
        self._left -= 1
        return self._left > 0

    def _by_deficit(self, ready: list[int], head_bytes: Callable[[int], int]) -> int:
        while head_bytes(ready[0]) > self._deficits[ready[0]]:
            self._deficits[ready[0]] += self._quantum(ready[0])
            ready.append(ready.pop(0))
        self._deficits[ready[0]] -= head_bytes(ready[0])
        self._next = ready[0]
        return ready[0]


class Scheduler:
    """Picks the ring whose frame is read next."""

    def __init__(
        self, env: simpy.Environment, parameters: NicParameters, rings: list[TxRing], look: Callable[[], None]
    ) -> None:
        """Begin with the first function; `look` is called when a rate limit lets one go."""
        self._parameters = parameters
        self._rings = rings
        self._turns = Turns(parameters)
        self._has_one_each = parameters.queues_per_vf == 1
        self._next_queue = [0] * len(parameters.ports)
        self.shapers = Shapers(env, parameters, look)
        self.guarantees = Guarantees(env, parameters)
        self._planes = planes = parameters.planes
        if planes is not None:
            self._class_turns = ClassTurns(planes.classes, planes.reads_highest_first)
            self._pool_turns = PoolTurns(parameters.ports, planes)
            self.held_bytes = dict.fromkeys(range(len(planes.classes)), 0)
            """Of the Tx buffer, by class."""

    def planes_changed(self) -> None:
        """Go by the classes and pools of now."""
        planes = self._parameters.planes
        if planes is not None:
            self._planes = planes
            self._class_turns.change(planes.classes, planes.reads_highest_first)
            self._pool_turns.change(planes)

    def class_of(self, ring: TxRing) -> int:
        """Return a ring's class of traffic."""
        return 0 if self._planes is None else self._planes.class_of_ring[ring.port, ring.queue]

    def hold(self, ring: TxRing, n_bytes: int) -> None:
        """Count what a class takes of the Tx buffer."""
        if self._planes is not None:
            self.held_bytes[self.class_of(ring)] += n_bytes

    def release(self, tx_class: int, n_bytes: int) -> None:
        """Count what a class gives back of the Tx buffer."""
        if self._planes is not None:
            self.held_bytes[tx_class] -= n_bytes

    def charge(self, ring: TxRing, frame_bytes: int) -> None:
        """Charge the function that was picked."""
        self.shapers.charge(ring.port, frame_bytes)
        self.guarantees.charge(ring.port, frame_bytes)
        if self._planes is not None:
            tx_class = self.class_of(ring)
            self._class_turns.charge(tx_class, frame_bytes)
            if not self.guarantees.is_kept_by_last:
                self._pool_turns.charge(ring.port, tx_class, frame_bytes)

    def _pick_by_classes(self, planes: Planes) -> TxRing | None:
        """Return the ring whose turn it is by class, station, queue."""

        def next_ring(function: int, tx_class: int) -> TxRing | None:
            rings = self._rings_of(function) if self.shapers.let(self._parameters.ports[function]) else []
            return next((ring for ring in rings if ring.is_ready and self.class_of(ring) == tx_class), None)

        functions = range(len(self._parameters.ports))
        most = planes.room_bytes - (self._parameters.max_frame_bytes - 4)
        with_frames = [
            tx_class
            for tx_class in range(len(planes.classes))
            if any(next_ring(function, tx_class) for function in functions)
        ]
        tx_class = self._class_turns.choose([each for each in with_frames if self.held_bytes[each] <= most])
        if tx_class is None:  # no frames, or no room for those there are
            self._wait()
            return None

        def may_send(function: int) -> bool:
            return next_ring(function, tx_class) is not None

        function = self.guarantees.choose(may_send)
        if function is None:
            function = self._pool_turns.choose(tx_class, may_send)
        ring = next_ring(function, tx_class)
        self._next_queue[function] = (ring.queue + 1) % self._parameters.queues_per_vf
        return ring

    def _rings_of(self, function: int) -> list[TxRing]:
        n_queues = self._parameters.queues_per_vf
        rings = self._rings[function * n_queues : (function + 1) * n_queues]
        first = self._next_queue[function]
        return rings[first:] + rings[:first]

    def _next_ring(self, function: int) -> TxRing | None:
        if self._has_one_each:
            ring = self._rings[function]
            return ring if ring.is_ready else None
        return next((ring for ring in self._rings_of(function) if ring.is_ready), None)

    def descriptors_in(self, ring: TxRing, descriptors: int) -> None:
        """Learn of descriptors that are on the chip now."""
        was_ready = self._has_ready_ring(ring)
        ring.cached += descriptors
        self._look_for_first(ring, was_ready)

    def pause_over(self, ring: TxRing) -> None:
        """Learn that a ring is no longer ahead of its pace."""
        was_ready = self._has_ready_ring(ring)
        ring.is_paused = False
        self._look_for_first(ring, was_ready)

    def _has_ready_ring(self, ring: TxRing) -> bool:
        return self._next_ring(self._parameters.ports.index(ring.port)) is not None

    def _look_for_first(self, ring: TxRing, was_ready: bool) -> None:
        if not was_ready and ring.is_ready:
            self._turns.became_ready(self._parameters.ports.index(ring.port))

    def pick(self) -> TxRing | None:
        """Return the ring whose turn it is; look again when a limit lets one go, if there is none now."""
        if self._planes is not None:
            return self._pick_by_classes(self._planes)

        function = self.guarantees.choose(self._may_send)
        if function is None:
            function = self._turns.choose(self._may_send, self._head_bytes)
        if function is None:
            self._wait()
            return None
        ring = self._next_ring(function)
        self._next_queue[function] = (ring.queue + 1) % self._parameters.queues_per_vf
        return ring

    def _may_send(self, function: int) -> bool:
        ring = self._next_ring(function)
        return ring is not None and self.shapers.let(ring.port)

    def _head_bytes(self, function: int) -> int:
        post = self._next_ring(function).posts[0]
        return post.next_cut(self._parameters.buffer_offset_bytes, self._parameters.max_read_request_bytes).data_bytes

    def _wait(self) -> None:
        if self.shapers.let_all():
            return
        for function, port in enumerate(self._parameters.ports):
            if self._next_ring(function) is not None and not self.shapers.let(port):
                self.shapers.wake(port)
