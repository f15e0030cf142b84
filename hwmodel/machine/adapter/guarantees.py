"""Least rates of functions: who has less than that so far goes before all others."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel

NOBODY = -1


@kernel
def first_owed(nic, scheduler, now_fs):
    """Return the next function, round the ring, that may send and has had less than its guarantee, or `NOBODY`."""
    n = nic.params.n_functions
    number = scheduler.owed_pointer
    for _ in range(n):
        if number >= n:
            number = 0
        function = nic.function[number]
        owed = function.params.guarantee_den > 0 and function.owed_from_fs <= now_fs
        if owed and function.ready_queues > 0 and function.is_shaped == 0:
            scheduler.owed_pointer = number + 1
            return number
        number += 1
    return NOBODY


@kernel
def give_owed(nic, now_fs, number, n_bytes):
    """Count a frame that a function had for its guarantee; what it left unused lasts for the window alone."""
    function = nic.function[number]
    params = function.params
    if params.guarantee_den == 0:  # it has lost its guarantee since its frame was chosen
        return
    begins_fs = max(now_fs - nic.scheduler.params.guarantee_window_fs, function.owed_from_fs)
    function.owed_from_fs = begins_fs + n_bytes * params.guarantee_num // params.guarantee_den
