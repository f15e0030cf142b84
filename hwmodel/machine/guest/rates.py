"""What a function may send: its rate limit, and what is guaranteed to it, charged frame by frame."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.machine.time.clock import SHAPER_TIMER
from hwmodel.machine.time.events import set_timer


@kernel
def shape(nic, now_fs, number, n_bytes):
    """Hold a rate-limited function back until its rate allows the next frame.

    Unused rate is banked for at most one window.
    """
    function = nic.function[number]
    if function.params.shaper_den == 0:
        return
    start_fs = max(now_fs - function.params.shaper_window_fs, function.eligible_at_fs)
    function.eligible_at_fs = start_fs + n_bytes * function.params.shaper_num // function.params.shaper_den
    if function.eligible_at_fs > now_fs:
        function.is_shaped = 1
        if function.ready_queues > 0:
            nic.scheduler.n_ready -= 1
            nic.scheduler.n_shaped_waiting += 1
        set_timer(nic.clock, function.eligible_at_fs, SHAPER_TIMER, number)


@kernel
def is_owed(function, now_fs):
    """Say whether a function has had less than its guarantee."""
    return function.params.guarantee_den > 0 and function.owed_from_fs <= now_fs


@out_of_line
def give_owed(nic, now_fs, number, n_bytes):
    """Charge a frame to a function's guarantee; what of that was unused is banked for at most one window."""
    function = nic.function[number]
    params = function.params
    if params.guarantee_den == 0:  # it has lost its guarantee since its frame was chosen
        return
    begins_fs = max(now_fs - nic.scheduler.params.guarantee_window_fs, function.owed_from_fs)
    function.owed_from_fs = begins_fs + n_bytes * params.guarantee_num // params.guarantee_den
