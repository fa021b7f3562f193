"""Who goes first: sound before whatever else the machine does, window and face before threads that can wait."""

import contextlib
import os
import sys

PRIORITY = 5
"""Of 1 to 99: before all ordinary processes, behind the sound server's own threads (5 by default, first come)."""

SWITCH_S = 0.0005
"""Python's own 5 ms, spent at every call into Qt or torch that lets go of the interpreter, would add up to pictures."""


def share_interpreter() -> None:
    """Threads that compute in Python hand the interpreter over at once to the one that window or face waits for."""
    sys.setswitchinterval(SWITCH_S)


def ask_for_real_time(pid: int = 0) -> bool:
    """Puts a process before all ordinary ones where the system lets us (Linux, with the `rtprio` limit or as root).

    Threads it starts later inherit it, so ask first; so do processes, which are to `leave_real_time`. The kernel leaves
    the others 5 % of the time at least.

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


def leave_real_time(pid: int, niceness: int = 0) -> None:
    """Makes a process that a real-time one has started an ordinary one, so that it never holds up window or face.

    Args:
        pid: of a child that has just been started and has no threads yet.
        niceness: how far it stands behind other ordinary processes, 0 to 19.
    """
    with contextlib.suppress(OSError, AttributeError):  # it has ended, or the system knows no such scheduling
        os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, pid, max(niceness, os.getpriority(os.PRIO_PROCESS, pid)))
