"""How fast this machine is right now, to print beside every measured figure."""

import time

import numpy as np


def matrix_product_ms(repeats: int = 15) -> float:
    """Median milliseconds of a 1024x1024 float32 matrix product."""
    a = np.random.default_rng(0).normal(size=(1024, 1024)).astype(np.float32)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3
