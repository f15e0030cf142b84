"""What events of a scenario and agents wait for: when a figure is above or below a number, for the first time or each.

A command sets a watch; it is tested after each instant, when all of that has happened. A machine without watches tests
nothing; one with any goes from instant to instant (`commanded.advance_through`). What a watch looks at are words of the
server's record, which it adds up: it has no kinds (`rules/figures.py` has them).
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.far_tables import far, lengthened
from hwmodel.compiled.records import I64, NEVER, ints, record
from hwmodel.machine.counts.ledger_state import CAME_TRUE, HEARD
from hwmodel.machine.pcie.link import catch_up
from hwmodel.machine.pcie.links import link_at
from hwmodel.machine.time.clock import ADAPTER_LINKS
from hwmodel.rules.capacities import MOST_EVENTS

MAX_WATCHES = MOST_EVENTS
WORDS_A_PAGE = 512  # of memory
MOST_TERMS = 64 * MAX_WATCHES
# Of the growth in a time the counts are kept from which it grew: so many, each by a part of the number that it is
# compared with above the one before, or more. A count that grows by less each time is known to that part.
MOST_STEPS = 4096
MOST_HEARD = 1 << 20  # frames that are heard until the run stops, each as often as it is listened for

# Words to add up, `factor` times each: `n` of them, the first at `word` of all servers' records, `stride` words apart.
TERM = record(*ints("word", "n", "stride", "factor"))
TERM_WORDS = 4
# What the figure was from an instant on.
STEP = record(*ints("at_fs", "count"))
# `number`: the watch's among those of all servers. `first_term`, `n_terms`: what it adds up. It is true where that is
# above `target`, or below it with `is_below`; with `within_fs`, where its growth in the last so much time is. `again`:
# ONCE, or each time that it has become true (UNTIL_FALSE: it is, and looks for when it is not), or, if positive, as a
# count has grown by so much more. With `within_fs` `part` is by how much it grows, at least, from one step to the next,
# and its steps are a ring of `mask` + 1 places from `first_step` on.
WATCH = record(
    *ints("number", "first_term", "n_terms", "is_below", "target", "within_fs", "part", "first_step", "mask"),
    *ints("head", "tail", "is_received", "again"),
)
# Who listens for frames to a function: what their headers have to say, `heard.ANY_VALUE` for whatever they do.
LISTENER = record(*ints("number", "function", "ethertype", "sender", "destination"))
# A frame that was heard. `index`: of its journey.
HEARD_FRAME = record(*ints("at_fs", "number", "copy_kind", "n_bytes", "index"))
# `came`: the numbers of those that have come true, `n_true` of them, at `true_fs`. `due_fs`: when one is true at last
# if nothing happens, NEVER if none is. Padded to whole pages, so that the next server in the array starts in a page as
# it would without watches.
WATCHES = record(
    *ints("n", "true_fs", "n_true", "due_fs", "n_terms", "n_steps", "of_links", "n_listeners", "n_heard"),
    ("watch", far(WATCH, MAX_WATCHES)),
    ("term", far(TERM, MOST_TERMS)),
    ("step", far(STEP, MOST_STEPS * MAX_WATCHES)),
    ("came", far(I64, MAX_WATCHES)),
    ("listener", far(LISTENER, MAX_WATCHES)),
    ("heard", far(HEARD_FRAME, MOST_HEARD)),
    ("apart", I64, (-(9 + 6 * 3) % WORDS_A_PAGE,)),
)
# Values of a command before those of its terms: number, target, is_below, within_fs, part, places, whether it is of a
# count (`IS_COUNT`), of what a link's record says (`IS_OF_LINKS`), whose idle time is counted when asked for, or of
# what VMs have received (`IS_RECEIVED`), which changes with deliveries alone; and again.
N_SAID = 8
IS_COUNT, IS_OF_LINKS, IS_RECEIVED = 1, 2, 4
ONCE, AS_IT_BECOMES, UNTIL_FALSE = 0, -1, -2


@kernel
def has_room(table, n):
    """Make a table so long, in large steps; say whether it is."""
    while len(table) < n:
        if not lengthened(table):
            return False
    return True


@kernel
def begin_watch(nic, words, commands, command):
    """Watch what a command says from this instant on; of a count, what is counted from now."""
    watches, value, first = nic.watches, commands.value, command.first_value
    n_terms, places = (command.n - N_SAID) // TERM_WORDS, value[first + 5]
    has_all = has_room(watches.watch, watches.n + 1) and has_room(watches.term, watches.n_terms + n_terms)
    if not (has_all and has_room(watches.step, watches.n_steps + places)):
        nic.ledger.overflow = 1
        return
    watch = watches.watch[watches.n]
    watch.number, watch.target, watch.is_below = value[first], value[first + 1], value[first + 2]
    watch.within_fs, watch.part, watch.mask = value[first + 3], value[first + 4], places - 1
    watch.first_term, watch.n_terms, watch.first_step = watches.n_terms, n_terms, watches.n_steps
    for at in range(n_terms):
        term, said = watches.term[watches.n_terms + at], first + N_SAID + TERM_WORDS * at
        term.word, term.n, term.stride, term.factor = value[said], value[said + 1], value[said + 2], value[said + 3]
    watches.n += 1
    watches.n_terms += n_terms
    watches.n_steps += places
    watches.due_fs = nic.clock.now_fs  # to be looked at behind this instant, whatever happens then
    watches.of_links |= value[first + 6] & IS_OF_LINKS
    watch.is_received, watch.again = value[first + 6] & IS_RECEIVED, value[first + 7]
    catch_up_links(nic, nic.clock.now_fs)
    now = figure_of(watches, watch, words)
    if value[first + 6] & IS_COUNT and watch.within_fs == 0:
        watch.target += now
    elif watch.within_fs > 0:
        watch.head = watch.tail = 0
        enter_step(watches, watch, nic.clock.now_fs, now)


@kernel
def begin_to_listen(nic, commands, command):
    """Listen for the frames to a function that a command says, from this instant on."""
    watches, value, first = nic.watches, commands.value, command.first_value
    if not has_room(watches.listener, watches.n_listeners + 1):
        nic.ledger.overflow = 1
        return
    listener = watches.listener[watches.n_listeners]
    listener.number, listener.function, listener.ethertype = value[first], command.part, value[first + 1]
    listener.sender, listener.destination = value[first + 2], value[first + 3]
    watches.n_listeners += 1
    nic.ledger.log.enabled |= HEARD


@kernel
def catch_up_links(nic, now_fs):
    """Let the links' records be those of an instant, if anybody looks at them."""
    for number in range(ADAPTER_LINKS if nic.watches.of_links else 0):
        catch_up(nic.clock, link_at(nic, number), now_fs)


@kernel
def are_received(watches):
    """Tell whether all that is watched changes with deliveries alone."""
    for at in range(watches.n):
        if not watches.watch[at].is_received:
            return False
    return watches.n > 0


@kernel
def step_of(watches, watch, number):
    """Return a step of a watch, by its number in the order of time."""
    return watches.step[watch.first_step + (number & watch.mask)]


@kernel
def enter_step(watches, watch, now_fs, count):
    """Note what a figure is from an instant on."""
    step = step_of(watches, watch, watch.tail)
    step.at_fs, step.count = now_fs, count
    watch.tail += 1


@kernel
def look(nic, words):
    """Let the run end behind this instant if watches are true now, and note which; those that come once are over."""
    watches = nic.watches
    catch_up_links(nic, nic.clock.now_fs + 1)
    watches.due_fs = NEVER
    kept = 0
    for at in range(watches.n):
        watch = watches.watch[at]
        is_over = False
        is_there = is_true(watches, watch, words, nic.clock.now_fs)
        if is_there and watch.again == UNTIL_FALSE:
            turn(watches, watch, words, nic.clock.now_fs)
        elif is_there:
            if not has_room(watches.came, watches.n_true + 1):
                nic.ledger.overflow = 1
                return
            watches.came[watches.n_true] = watch.number
            watches.n_true += 1
            watches.true_fs = nic.clock.now_fs
            nic.ledger.is_stopping = CAME_TRUE
            is_over = comes_again(watches, watch, words, nic.clock.now_fs)
        if not is_over:
            if kept < at:
                watches.watch[kept] = watches.watch[at]
            kept += 1
    watches.n = kept


@kernel
def comes_again(watches, watch, words, now_fs):
    """Let a watch that has come true look for the next time; return whether there is none."""
    if watch.again > 0:
        beyond = figure_of(watches, watch, words) - watch.target - 1
        watch.target += watch.again * (1 + beyond // watch.again)
    elif watch.again == AS_IT_BECOMES:
        turn(watches, watch, words, now_fs)
    return watch.again == ONCE


@kernel
def turn(watches, watch, words, now_fs):
    """Look for the contrary of what a watch has looked for, and note when that will be if nothing happens."""
    watch.target += -1 if watch.is_below else 1
    watch.is_below = 1 - watch.is_below
    watch.again = UNTIL_FALSE if watch.again == AS_IT_BECOMES else AS_IT_BECOMES
    is_true(watches, watch, words, now_fs)


@kernel
def is_true(watches, watch, words, now_fs):
    """Tell whether what is waited for is there."""
    now = figure_of(watches, watch, words)
    if watch.within_fs > 0:
        return has_grown_so(watches, watch, now, now_fs)
    return now < watch.target if watch.is_below else now > watch.target


@kernel
def figure_of(watches, watch, words):
    """Return what the words of a watch are together."""
    found = 0
    for at in range(watch.first_term, watch.first_term + watch.n_terms):
        term = watches.term[at]
        n = 0
        for number in range(term.n):
            n += words[term.word + number * term.stride]
        found += n * term.factor
    return found


@kernel
def has_grown_so(watches, watch, count, now_fs):
    """Tell whether a count's growth in the time up to now is above the watch's target, or below; note when it will be.

    Above, the first step in the ring is the last from before that time, or from when the watch began. Below, it is the
    first from which the growth is less: once that is as long ago, it is true, if nothing is counted meanwhile.
    """
    if count - step_of(watches, watch, watch.tail - 1).count >= watch.part:
        enter_step(watches, watch, now_fs, count)
    if watch.is_below:
        while step_of(watches, watch, watch.head).count <= count - watch.target:
            watch.head += 1
        true_fs = step_of(watches, watch, watch.head).at_fs + watch.within_fs
        watches.due_fs = min(watches.due_fs, true_fs)
        return true_fs <= now_fs
    while watch.head + 1 < watch.tail and step_of(watches, watch, watch.head + 1).at_fs <= now_fs - watch.within_fs:
        watch.head += 1
    return count - step_of(watches, watch, watch.head).count > watch.target
