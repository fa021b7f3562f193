"""Real-time scheduling, as every sound program wants it: sound must not wait behind whatever else the machine does."""

import os

PRIORITY = 5
"""Of 1 to 99: before all ordinary processes, behind the sound server's own threads (5 by default, first come)."""


def ask_for_real_time(pid: int = 0) -> bool:
    """Puts a process before all ordinary ones where the system lets us (Linux, with the `rtprio` limit or as root).

    Threads it starts later inherit it, so ask first. The kernel leaves the others 5 % of the time at least.

    Args:
        pid: whose main thread; 0 is the caller.

    Returns:
        Whether it was granted; where it is not, everything works as before, only less surely on a busy machine.
    """
    if not hasattr(os, "sched_setscheduler"):
        return False
    try:
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(PRIORITY))
    except OSError:
        return False
    return True
