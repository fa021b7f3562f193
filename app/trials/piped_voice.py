"""A process that is a microphone: it writes a sound into a pipe in real time and says when each block was written."""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import soundfile

from app.real_time import ask_for_real_time

BLOCK_S = 0.01
LATEST_S = 0.03
_F_SETPIPE_SZ = 1031


def main(argv: list[str]) -> int:
    """`mouthpiece _microphone FIFO SOUND TIMES`: mono s16 at the sound's own rate, round and round, until stdin closes.

    TIMES receives a float64 of `perf_counter` seconds (one clock for all processes) for each block of 10 ms.
    """
    parser = argparse.ArgumentParser(prog="mouthpiece _microphone")
    for name in ("fifo", "sound", "times"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args(argv)
    ask_for_real_time()  # it stands for hardware, which no busy machine holds up
    samples, rate_hz = soundfile.read(arguments.sound, dtype="int16")
    n_block = round(BLOCK_S * rate_hz)
    whole = samples[: len(samples) // n_block * n_block].reshape(-1, n_block)
    blocks = [np.ascontiguousarray(block).tobytes() for block in whole]
    pipe = os.open(arguments.fifo, os.O_WRONLY)
    if sys.platform == "linux":
        import fcntl

        fcntl.fcntl(pipe, _F_SETPIPE_SZ, 4096)  # the smallest pipe, so that no sound queues up unseen
    os.set_blocking(sys.stdin.fileno(), False)
    with open(arguments.times, "wb", buffering=0) as times:
        due, number = time.perf_counter(), 0
        while not _is_closed():
            due = max(due, time.perf_counter() - LATEST_S) + BLOCK_S  # a device that stood still does not rush after it
            time.sleep(max(0.0, due - time.perf_counter()))
            now = time.perf_counter()
            try:
                os.write(pipe, blocks[number % len(blocks)])
            except OSError:
                break  # the server has gone
            times.write(np.float64(now).tobytes())
            number += 1
    os.close(pipe)
    return 0


def _is_closed() -> bool:
    try:
        return os.read(sys.stdin.fileno(), 1) == b""
    except BlockingIOError:
        return False
