"""Which traffic class is next in a plane: link-strict classes first, then by the credits of groups and of classes."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel, out_of_line

NOBODY = -1  # in place of the number of a class, a ring or a function


@kernel
def strict_on_link(params, plane):
    """Return the highest link-strict class that wants to go, or `NOBODY`."""
    found = NOBODY
    for number in range(params.n_classes):
        if plane.of_class[number].wants and params.of_class[number].is_link_strict:
            found = number
    return found


@kernel
def strict_in_group(params, plane, group):
    """Return the highest group-strict class of a group that wants to go, or `NOBODY`."""
    found = NOBODY
    for number in range(params.n_classes):
        own = params.of_class[number]
        if own.group == group and own.is_group_strict and plane.of_class[number].wants:
            found = number
    return found


@kernel
def may_go(params, plane, number):
    """Say whether a class wants to go and may.

    Its group must have credits, and it must be the group's strict class or, if no strict one wants to go, have credits.
    """
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
    """Refill the classes of each group that has credits and a class that wants to go, until one of them may."""
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
    """Give each group that is configured with credits those of one round."""
    for group in range(len(plane.of_class)):
        own, state = params.group[group], plane.of_class[group]
        if own.most_bytes > 0:
            state.group_credits_bytes = min(state.group_credits_bytes + own.refill_bytes, own.most_bytes)


@kernel
def next_class(params, plane, by_order):
    """Return the class that goes next in a plane, of those with `wants`, and move the pointer; `NOBODY` if none has."""
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
    """Take what a class has sent from its group's credits, and its own unless group-strict; none if link-strict."""
    own = params.of_class[number]
    if own.is_link_strict:
        return
    plane.of_class[own.group].group_credits_bytes -= n_bytes
    if own.is_group_strict == 0:
        plane.of_class[number].credits_bytes -= n_bytes
