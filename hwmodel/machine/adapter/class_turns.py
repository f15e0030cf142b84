"""Which class of traffic is next in a plane: those that are strict, groups by their credits, classes by theirs."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel, out_of_line

NOBODY = -1  # in place of the number of a class, a ring or a function


@kernel
def strict_on_link(params, plane):
    """Return the highest class that wants to go and goes before all, or `NOBODY`."""
    found = NOBODY
    for number in range(params.n_classes):
        if plane.of_class[number].wants and params.of_class[number].is_link_strict:
            found = number
    return found


@kernel
def strict_in_group(params, plane, group):
    """Return the highest class of a group that wants to go and goes before the group's others, or `NOBODY`."""
    found = NOBODY
    for number in range(params.n_classes):
        own = params.of_class[number]
        if own.group == group and own.is_group_strict and plane.of_class[number].wants:
            found = number
    return found


@kernel
def may_go(params, plane, number):
    """Say whether a class wants to go and has the credits: its group's, and its own unless it is strict there."""
    group = params.of_class[number].group
    if plane.of_class[number].wants == 0 or plane.of_class[group].group_credits_bytes <= 0:
        return False
    first = strict_in_group(params, plane, group)
    return number == first or (first == NOBODY and plane.of_class[number].credits_bytes > 0)


@kernel
def may_one_go(params, plane, group):
    """Say whether any class of a group may go."""
    for number in range(params.n_classes):
        if params.of_class[number].group == group and may_go(params, plane, number):
            return True
    return False


@kernel
def give_to_classes(params, plane):
    """Let a class of each group that has credits, and one that wants to go, have some of its own."""
    for number in range(params.n_classes):
        group = params.of_class[number].group
        if plane.of_class[number].wants == 0 or plane.of_class[group].group_credits_bytes <= 0:
            continue
        while not may_one_go(params, plane, group):
            for other in range(params.n_classes):
                own, state = params.of_class[other], plane.of_class[other]
                if own.group == group and own.is_link_strict == 0:
                    state.credits_bytes = min(state.credits_bytes + own.refill_bytes, own.most_bytes)


@kernel
def give_to_groups(params, plane):
    """Give each group that has classes with credits those of a round."""
    for group in range(len(plane.of_class)):
        own, state = params.group[group], plane.of_class[group]
        if own.most_bytes > 0:
            state.group_credits_bytes = min(state.group_credits_bytes + own.refill_bytes, own.most_bytes)


@kernel
def next_class(params, plane, by_order):
    """Return the class that goes next in a plane, whose `wants` are set, and move the pointer; `NOBODY` if none may."""
    number = strict_on_link(params, plane)
    if number != NOBODY:
        return number
    n, n_wanting = params.n_classes, 0
    for each in range(n):
        n_wanting += plane.of_class[each].wants
    if n_wanting == 0:
        return NOBODY
    while True:
        give_to_classes(params, plane)
        for step in range(n):
            number = n - 1 - step if by_order else (plane.pointer + step) % n
            if may_go(params, plane, number):
                plane.pointer = number + 1
                return number
        give_to_groups(params, plane)


@out_of_line
def charge_class(params, plane, number, n_bytes):
    """Take what a class has sent from its credits and its group's; one that goes before all needs none."""
    own = params.of_class[number]
    if own.is_link_strict:
        return
    plane.of_class[own.group].group_credits_bytes -= n_bytes
    if own.is_group_strict == 0:
        plane.of_class[number].credits_bytes -= n_bytes
