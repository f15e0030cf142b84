"""The ingress FIFO of a port of the switch core: in which cycles a frame's beats are accepted.

A frame's words wait only for room that earlier frames take up. All of these have their grants by the time this frame is
the port's first; so a frame is taken in whole, as soon as the one before it has its grant.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.switch_core.pattern import cycle_at, first_from, rank_of
from hwmodel.switch_core.state import BEAT_BYTES, MAX_INGRESS_WORDS, NOBODY

READ_MASK = MAX_INGRESS_WORDS - 1


@kernel
def words_of(core, n_bytes):
    """Return the words that a frame takes in a queue and on the bus."""
    return max(1, (n_bytes + core.word_bytes - 1) // core.word_bytes)


@kernel
def room_at(ingress, word):
    """Return the first cycle in which a word may be accepted in the place of an earlier one, given by its number."""
    if word < 0:
        return 0
    at = ingress.oldest_read
    read = ingress.read_frame[at & READ_MASK]
    while read.words_before + read.n_words <= word:
        at += 1
        read = ingress.read_frame[at & READ_MASK]
    return read.grant + 2 + word - read.words_before


@kernel
def forget_reads(ingress, word):
    """Forget the frames read that lie before a word wholly: no word waits for them any more."""
    while ingress.oldest_read < ingress.n_read:
        read = ingress.read_frame[ingress.oldest_read & READ_MASK]
        if read.words_before + read.n_words > word:
            return
        ingress.oldest_read += 1


@kernel
def waits_for_words_given_back(ingress, oldest, offered):
    """Say whether a frame's first beat has to wait a cycle, for words that the frame before gave back at its end.

    They are free a cycle late, so only a beat right behind that frame has to.
    """
    if ingress.n_given_back == 0 or offered > ingress.free_at:
        return False
    return room_at(ingress, oldest + ingress.n_given_back) > offered


@kernel
def given_back(frame, n_waiting_words, n_stored_beats):
    """Return the words that a frame gives back with its last beat: if that is empty, or is one more than are stored."""
    return n_waiting_words - frame.n_words if n_stored_beats == frame.n_beats else 0


@kernel
def accept_words(core, ingress, n_beats, n_waiting_words, offered):
    """Accept a frame of which the first words have to wait for room; return the cycles of its first and last beat.

    `offered` is the cycle in which its first beat is offered first.
    """
    pattern = ingress.allowed
    oldest = ingress.words_before - core.ingress_words
    first = last = 0
    n_left = n_beats
    for i in range(n_waiting_words):
        accepted = max(offered, room_at(ingress, oldest + i))
        if i == 0:
            first = accepted
        n_more = min(core.word_beats, n_left) - 1 if i < n_waiting_words - 1 else n_left - 1
        last = accepted
        if n_more > 0:
            last = cycle_at(pattern, rank_of(pattern, accepted + 1) + n_more - 1)
        n_left -= n_more + 1
        offered = first_from(pattern, last + 1)
    return first, last


@kernel
def accept_frame(core, ingress, frame):
    """Take in the next frame of a port; set its cycles, its words, and when the bus may be granted to it."""
    n_stored_beats = frame.n_beats
    frame.n_words = words_of(core, frame.n_bytes)
    if frame.n_bytes > core.longest_stored_bytes:
        # Tready does not see a beat before it is accepted: the beat with which swallowing begins waits as any other.
        n_stored_beats = core.longest_stored_bytes // BEAT_BYTES + 1
        frame.n_words = core.swallowed_words
    n_waiting_words = (n_stored_beats + core.word_beats - 1) // core.word_beats
    pattern = ingress.allowed
    oldest = ingress.words_before - core.ingress_words
    offered = first_from(pattern, max(frame.not_before, ingress.free_at + frame.lead_cycles))
    is_held = waits_for_words_given_back(ingress, oldest, offered)
    if not is_held and room_at(ingress, oldest + n_waiting_words - 1) <= offered:
        frame.first_beat = offered
        frame.last_beat = cycle_at(pattern, rank_of(pattern, offered) + frame.n_beats - 1)
    else:
        offered += 1 if is_held else 0
        frame.first_beat, frame.last_beat = accept_words(core, ingress, frame.n_beats, n_waiting_words, offered)
    ingress.free_at = frame.last_beat + 1
    ingress.ready_at = frame.last_beat + core.ready_delay
    ingress.n_given_back = given_back(frame, n_waiting_words, n_stored_beats)
    forget_reads(ingress, oldest)


@kernel
def read_out(ingress, frame, grant):
    """Note that the bus reads the port's first frame."""
    read = ingress.read_frame[ingress.n_read & READ_MASK]
    read.words_before = ingress.words_before
    read.n_words = frame.n_words
    read.grant = grant
    ingress.n_read += 1
    ingress.words_before += frame.n_words
    ingress.head = NOBODY
