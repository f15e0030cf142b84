"""Find what limits a run: from the busy shares of its window if these are clear, else by short what-if runs.

A busy share does not show what a ring or buffer costs that is never full: two resources that wait for each other are
both partly idle. So unless exactly one resource is full, each suspect is doubled in a short run of its own, and the one
that raises the throughput most is named. If none does alone, suspects are enlarged together until throughput rises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from hwmodel.config import Config
from hwmodel.relaxations import Relaxation, listed_relaxations, relaxations_of, shared, together
from hwmodel.resources import BY_NAME, OFFERED_LOAD
from hwmodel.results import Bottleneck, Sighting, Suspect, by_shares
from hwmodel.results.bottleneck import AS_FULL, FULL, NEARLY_FULL, with_beside
from hwmodel.results.bottleneck_text import (
    NOTHING_IS_FULL,
    is_rate_limit,
    with_gain_together,
    with_gains,
    with_nothing_gained,
)

RISES = 0.02  # a smaller gain counts as none
UNSURE = (0.01, 0.04)  # gains near RISES, which a short run may get on the wrong side: longer runs decide
ALIKE = 0.005  # gains that differ by less are equal: then the fuller resource is named
KEY_MATTERS = 0.25  # keys that give less than this share of the best key's gain are not named
SURER, MOST_SURER = 4, 3  # how many times as long the deciding runs are, and for how many of the best suspects
MOST_TOGETHER, MOST_TOLD = 4, 3
MOST_DROPPED = 8  # of so many together each is left out in turn
MOST_ALONE = 6  # of parts that are alike, so many of the fullest are made larger alone

_VM, _OF = re.compile(r"\bdriver\.vms\.([^.]+)"), ", "

Measure = Callable[["Config", int], float | None]
Each = Callable[[Callable[[int], float], Iterable[int]], Iterable[float]]  # as `map`


@dataclass(frozen=True)
class Option:
    """Hold a suspect and the relaxations that enlarge it alone: one, or for a core one for each part of its work.

    `alike`: what it has in common with the same resource of servers that are alike; empty if there is none.
    """

    suspect: Suspect
    relaxations: tuple[Relaxation, ...]
    alike: tuple[str, ...] = ()


def judged(config: Config, seen: Sighting, measure: Measure, each: Each = map) -> Bottleneck:
    """Return what sets the throughput of a run; `seen`: what its window shows.

    `measure` makes a short run of a configuration, with a window a given number of times as long, and returns the
    throughput in Gb/s, or None if it cannot be run. It is not called if the whole load gets through, if rings refuse
    frames, or if exactly one resource is full. `each`: `map`, or what calls a function for several items at once.
    """
    guess = by_shares(seen)
    if seen.refusal is not None or seen.is_load_enough or not seen.suspects:
        return guess
    told = [suspect.bottleneck for suspect in told_by_shares(seen, guess)]
    # Whether a larger configuration is valid takes 2 ms to find out, and matters only where several are listed.
    for listing in (listed_relaxations, relaxations_of) if told else ():
        options = options_of(seen.suspects, listing(config, told))
        if is_plain(seen, options):
            return _with_known_keys(guess, options)
    relaxations = relaxations_of(config, [seen.load, *(suspect.bottleneck for suspect in seen.suspects)])
    options = options_of(seen.suspects, relaxations)
    comparison = Comparison(config, seen, options, measure, each)
    found = comparison.find(relaxations)
    if found is not None:
        return with_beside(found, seen.suspects)
    is_known = guess.is_limit or not comparison.base(1)
    return guess if is_known else replace(guess, why=with_nothing_gained(guess.why))


def told_by_shares(seen: Sighting, guess: Bottleneck) -> Sequence[Suspect]:
    """Return the suspects that decide whether a case is clear: up to the first full one and the one that shares name.

    Empty if nothing is full: then the case is not clear.
    """
    full = next((at for at, one in enumerate(seen.suspects) if one.use >= FULL), None)
    if full is None:
        return ()
    named = next((at for at, one in enumerate(seen.suspects) if one.resource == guess.resource), full)
    return seen.suspects[: max(full, named) + 1]


def options_of(suspects: Sequence[Suspect], relaxations: Sequence[Relaxation]) -> list[Option]:
    """Return the suspects that can be enlarged, in their order; of those with the same keys one, if any a full one."""
    found: dict[tuple[str, ...], Option] = {}
    for suspect in suspects:
        rows = tuple(each for each in relaxations if each.is_of(suspect.bottleneck))
        larger = tuple(part for row in rows for part in row.alone if part.is_of(suspect.bottleneck))
        texts = tuple(each.text for each in larger)
        if larger and (texts not in found or (_is_as_full(suspect) and not _is_as_full(found[texts].suspect))):
            has_parts = any(row.parts for row in rows)
            found[texts] = Option(suspect, larger, tuple(row.text for row in rows) if has_parts else ())
    return list(found.values())


def _is_as_full(suspect: Suspect) -> bool:
    return max(suspect.share, suspect.use) >= AS_FULL


def is_plain(seen: Sighting, options: Sequence[Option]) -> bool:
    """Tell whether one resource is full and no other nearly so, and at most one relaxation enlarges it."""
    full = [one for one in seen.suspects if one.use >= FULL]
    if not full or seen.loses_late or seen.polices:
        return False
    own = next((option for option in options if option.suspect == full[0]), None)
    if own is None:
        return len(full) == 1 and not any(one.use >= NEARLY_FULL for one in seen.suspects if one not in full)
    beside = [one for one in seen.suspects if one.use >= NEARLY_FULL and not _is_of(own, one)]
    return len(own.relaxations) == 1 and not beside


def _is_of(option: Option, suspect: Suspect) -> bool:
    return any(each.is_of(suspect.bottleneck) for each in option.relaxations)


def _with_known_keys(found: Bottleneck, options: Sequence[Option]) -> Bottleneck:
    """Return a bottleneck; if it is a core, with only the keys that its relaxations change."""
    named = (found.resource, found.keys)
    own = next((option for option in options if (option.suspect.resource, option.suspect.keys) == named), None)
    if own is None or not own.suspect.is_core:
        return found
    return replace(found, keys=tuple(key for each in own.relaxations for key in each.keys))


def _classes(options: Sequence[Option]) -> list[list[Option]]:
    """Group options that are alike: the same resource of alike servers."""
    found: dict[object, list[Option]] = {}
    for number, option in enumerate(options):
        found.setdefault(option.alike or number, []).append(option)
    return list(found.values())


def _texts(options: Sequence[Option]) -> list[str]:
    """Return what changes with some options, once for all that are alike."""
    return [
        shared([option.relaxations[at] for option in members])
        for members in _classes(options)
        for at in range(len(members[0].relaxations))
    ]


def _emptiness(option: Option) -> tuple[float, float]:
    """Order options by fullness, the fullest first."""
    return -option.suspect.use, -option.suspect.share


def _all(groups: Iterable[Sequence[Option]]) -> list[Option]:
    return [option for members in groups for option in members]


class Comparison:
    """Compare short runs with resources enlarged against a short run of the unchanged configuration."""

    def __init__(self, config: Config, seen: Sighting, options: Sequence[Option], measure: Measure, each: Each) -> None:
        self.config, self.seen, self.options = config, seen, options
        self._measure, self._each = measure, each
        self.classes = _classes(options)
        self._base: dict[int, float | None] = {}
        self._gains: dict[tuple[tuple[str, ...], int], float] = {}

    def find(self, relaxations: Sequence[Relaxation]) -> Bottleneck | None:
        """Return what raises the throughput most; None where nothing does, or nothing can be measured."""
        if not self.base(1):
            return None
        found = self.alone()
        if found is not None:
            return found
        load = next((each for each in relaxations if OFFERED_LOAD in each.resources), None)
        # What only moments fill, such as a ring in a host's stall, has a full share and little use: it limits nobody.
        is_free = not any(one.use >= AS_FULL for one in self.seen.suspects)
        rises = load is not None and is_free and self.gain([load]) >= RISES
        if rises and not self.seen.loses_much:
            return self.seen.load
        return self.joint(load) or self.other() or (self.seen.load if rises else None)

    def base(self, times: int) -> float | None:
        """Return the throughput of the configuration as it is."""
        if times not in self._base:
            self._base[times] = self._measure(self.config, times)
        return self._base[times]

    def gain(self, relaxations: Sequence[Relaxation], times: int = 1) -> float:
        """Return the relative throughput gain with all these relaxations applied; -1 if that cannot be run."""
        key = (tuple(sorted(each.text for each in relaxations)), times)
        if key not in self._gains:
            is_built = len(relaxations) == 1 and relaxations[0].config is not self.config
            one = relaxations[0] if is_built else together(self.config, relaxations)
            before, after = self.base(times), None if one is None else self._measure(one.config, times)
            self._gains[key] = after / before - 1 if before and after is not None else -1.0
        return self._gains[key]

    def alone(self) -> Bottleneck | None:
        """Return the suspect with the largest gain by itself; None if no gain reaches RISES.

        Of those that are alike, only the fullest are made larger, and only where all of them together bring anything.
        """
        class_gains = self._each(lambda number: self._joint_gain(self.classes[number]), range(len(self.classes)))
        helping = [
            option
            for members, gain in zip(self.classes, class_gains, strict=True)
            if len(members) == 1 or gain > UNSURE[0]
            for option in sorted(members, key=_emptiness)[:MOST_ALONE]
        ]
        numbers = sorted(self.options.index(option) for option in helping)
        gains = dict(zip(numbers, self._each(self._gain_of, numbers), strict=True))
        ranked = sorted(gains, key=lambda number: -gains[number])[:MOST_SURER]
        if ranked and UNSURE[0] < gains[ranked[0]] < UNSURE[1]:
            gains |= {number: self.gain(self.options[number].relaxations, SURER) for number in ranked}
            ranked = sorted(ranked, key=lambda number: -gains[number])
        if not ranked or gains[ranked[0]] < RISES:
            return None
        most = gains[ranked[0]]
        best = self.options[min(number for number in ranked if gains[number] >= most - ALIKE)]
        told = [(self.options[number], gains[number]) for number in ranked]
        told.sort(key=lambda each: (each[0] is not best, -each[1]))
        keys = self.keys_of(best)
        raising = [option for option, gain in told[1:] if gain >= RISES]
        others = [name for one in raising for name in (one.suspect.resource, *self._same_elsewhere(one))]
        others = [name for name in others if name != best.suspect.resource]
        changes = [(self._words(option), gain) for option, gain in told[:MOST_TOLD]]
        # A configured rate limit counts as full: its busy share never shows it.
        is_full = max(best.suspect.use, best.suspect.share) >= FULL or is_rate_limit(best.suspect.resource)
        return replace(
            best.suspect.bottleneck,
            why=with_gains(best.suspect.why, changes, is_full=is_full, loses=self.seen.loses_late),
            keys=keys,
            also=tuple(dict.fromkeys((*self._same_elsewhere(best), *others))),
            gain=told[0][1],
        )

    def _gain_of(self, number: int) -> float:
        return self.gain(self.options[number].relaxations)

    def keys_of(self, option: Option) -> tuple[str, ...]:
        """Return the keys that enlarge an option; for a core, only those that matter, best first."""
        if not option.suspect.is_core:
            return option.suspect.keys
        if len(option.relaxations) == 1:
            return option.relaxations[0].keys
        gains = {each.keys: self.gain([each]) for each in option.relaxations}
        ranked = sorted(gains, key=lambda keys: -gains[keys])
        most = gains[ranked[0]]
        kept = [keys for keys in ranked if most < RISES or gains[keys] >= KEY_MATTERS * most]
        return tuple(key for keys in kept for key in keys)

    def _same_elsewhere(self, option: Option) -> tuple[str, ...]:
        """Name the same resource at identical servers and adapters, where it is about as busy."""
        own = option.suspect
        name = next((one for one in BY_NAME if own.resource.endswith(f".{one}")), own.resource.partition(".")[2])
        return tuple(
            one.resource
            for one in self.seen.suspects
            if one.resource != own.resource
            and one.resource.endswith(f".{name}")
            and one.share >= NEARLY_FULL * own.share
            and _is_of(option, one)
        )

    def joint(self, load: Relaxation | None) -> Bottleneck | None:
        """Return suspects that raise the throughput only together, including the load if it must grow with them."""
        pool = sorted(self.classes, key=lambda members: min(map(_emptiness, members)))
        if load is not None:
            of_load = Suspect(resource=OFFERED_LOAD, share=0.0, use=0.0, why="", keys=self.seen.load.keys)
            pool.append([Option(of_load, (load,))])
        raising = [members for members in self.classes if len(members) > 1 and self._joint_gain(members) >= RISES]
        if raising:
            best = max(raising, key=self._joint_gain)
            return self._of_several(self._needed(best), [members for members in raising if members is not best])
        if len(pool) < 2:
            return None
        chosen: list[list[Option]] = []
        while len(chosen) < min(MOST_TOGETHER, len(pool)):
            rest = [one for one in pool if one not in chosen]
            # Start with the fullest: no suspect has a gain alone, so ranking by these gains would rank noise.
            chosen.append(max(rest, key=lambda one: self._joint_gain(_all([*chosen, one]))) if chosen else rest[0])
            if len(chosen) > 1 and self._joint_gain(_all(chosen)) >= RISES:
                return self._of_several(self._needed(_all(chosen)))
        return None

    def _joint_gain(self, chosen: Sequence[Option]) -> float:
        return self.gain([each for option in chosen for each in option.relaxations])

    def _needed(self, chosen: list[Option]) -> list[Option]:
        """Drop suspects without which the others still give a gain that matters; of very many none is dropped."""
        for one in sorted(chosen, key=_emptiness, reverse=True) if len(chosen) <= MOST_DROPPED else ():
            rest = [other for other in chosen if other is not one]
            if len(rest) > 1 and self._joint_gain(rest) >= max(RISES, KEY_MATTERS * self._joint_gain(chosen)):
                chosen = rest
        return chosen

    def _of_several(self, chosen: Sequence[Option], raising: Sequence[Sequence[Option]] = ()) -> Bottleneck:
        """Return what helps only together as a bottleneck; `raising`: others that are alike, which do so too."""
        larger = [option for option in chosen if option.suspect.resource != OFFERED_LOAD]
        first = larger[0].suspect
        others = [option.suspect.resource for option in (*chosen, *_all(raising)) if option.suspect is not first]
        gain = self._joint_gain(chosen)
        too = [(" and ".join(_texts(members)), self._joint_gain(members)) for members in raising[: MOST_TOLD - 1]]
        return replace(
            first.bottleneck,
            why=with_gain_together(first.why, _texts(chosen), gain, too),
            keys=tuple(dict.fromkeys(key for option in larger for key in option.suspect.keys)),
            also=tuple(dict.fromkeys(others)),
            gain=gain,
        )

    def other(self) -> Bottleneck | None:
        """Return the parameter with the largest gain that has no busy share: a latency, a batch, a payload size."""
        known = {each.text for option in self.options for each in option.relaxations}
        rest = [
            each
            for each in relaxations_of(self.config)
            if not known.issuperset(one.text for one in each.alone) and OFFERED_LOAD not in each.resources
        ]
        best = self._best_half(rest)
        if best is None:
            return None
        # Of several that are alike the one that helps by itself is named, else all.
        among = [*best.parts[:MOST_ALONE], best]
        gains = [self.gain([one], SURER) for one in among]
        at = max(range(len(gains) - 1), key=lambda at: gains[at], default=-1)
        at = at if gains[at] >= RISES else -1
        if gains[at] < RISES:
            return None
        one = among[at]
        return Bottleneck(
            resource=one.resources[0],
            utilization=0.0,
            why=with_gains(NOTHING_IS_FULL, [(one.text, gains[at])], is_full=False),
            keys=one.keys,
            also=tuple(each.resources[0] for each in one.parts[1:]),
            gain=gains[at],
        )

    def _best_half(self, relaxations: Sequence[Relaxation]) -> Relaxation | None:
        """Find one relaxation by bisection, keeping the half with more gain; None if all together gain nothing."""
        if not relaxations or self.gain(relaxations) < RISES:
            return None
        while len(relaxations) > 1:
            middle = len(relaxations) // 2
            relaxations = max(relaxations[:middle], relaxations[middle:], key=self.gain)
        return relaxations[0]

    def _words(self, option: Option) -> str:
        if len(option.relaxations) == 1:
            return option.relaxations[0].text
        own = dict.fromkeys(vm for each in option.relaxations for key in each.keys for vm in _VM.findall(key))
        return f"{option.suspect.resource} twice as fast{f' ({_OF.join(own)})' * bool(own)}"
