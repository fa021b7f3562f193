"""One budget of threads for everything that computes, and which device torch should use."""

import os

import llvmlite.binding as llvm
import numba
import torch

from engine.errors import BackendError

THREADS_VARIABLE = "MOUTHPIECE_THREADS"


def thread_budget() -> int:
    """Threads for computing: the environment's `MOUTHPIECE_THREADS`, else the cores this process may use.

    Raises:
        BackendError: if the variable is not a positive number.
    """
    wanted = os.environ.get(THREADS_VARIABLE)
    if wanted is None:
        return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if not wanted.isdigit() or int(wanted) < 1:
        raise BackendError(f"{THREADS_VARIABLE}={wanted!r}: give a number of threads, 1 or more.")
    return int(wanted)


def set_thread_budget(n_threads: int | None = None) -> int:
    """Lets torch and numba use `n_threads` each (None: `thread_budget()`); returns how many that is.

    They take turns in the live line and in training, so each may have all of them. numba cannot go beyond the cores
    it found when it was loaded.
    """
    n_threads = thread_budget() if n_threads is None else max(1, n_threads)
    torch.set_num_threads(n_threads)
    numba.set_num_threads(min(n_threads, numba.config.NUMBA_NUM_THREADS))
    return n_threads


def pick_device(name: str | None = None) -> torch.device:
    """`cuda` or `cpu` as asked; None takes CUDA where a usable GPU is.

    Raises:
        BackendError: if CUDA is asked for and not there, or the name is unknown.
    """
    if name not in (None, "auto", "cpu", "cuda"):
        raise BackendError(f"{name}: no such device; use cpu, cuda or auto.")
    if name == "cpu" or (name in (None, "auto") and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise BackendError(
            "cuda: torch finds no usable NVIDIA GPU; install a CUDA build of torch and a driver, or use cpu."
        )
    return torch.device("cuda")


def has_half_products(device: torch.device) -> bool:
    """Whether products in bfloat16 pay on a processor: twice as fast with AVX-512 BF16, slow without."""
    return device.type == "cpu" and getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()


def has_byte_products(device: torch.device) -> bool:
    """Whether compiled loops may multiply bytes by fours: AVX-512 with VNNI (Intel since 2019, AMD since 2022)."""
    features = llvm.get_host_cpu_features() if device.type == "cpu" and numba.config.CPU_NAME is None else {}
    return all(features.get(name, False) for name in ("avx512f", "avx512bw", "avx512vnni"))
