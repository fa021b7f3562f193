"""A function whose tensors keep their shapes, recorded once on a GPU and replayed: one launch in place of dozens."""

from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP_CALLS = 3


class Replayed:
    """`function(*inputs)` of tensors, as a CUDA graph on a GPU and as it is elsewhere.

    The first call records: shapes, and all else the function reads, stay as they are then. Nothing in the function may
    wait for the GPU. Inputs may lie anywhere; one that is the very tensor of the call before is not copied again.

    Args:
        device: where the function works.
        keeps: whether what is given is in memory of its own; without, it lies where the next call puts the next.

    Attributes:
        fault: why it is not recorded though it is on a GPU, "" where it is.
    """

    def __init__(self, function: Callable[..., tuple[Tensor, ...]], device: torch.device, keeps: bool = True) -> None:
        self._function, self._device, self._keeps = function, device, keeps
        self._inputs: list[Tensor] = []
        self._given: list[tuple[Tensor, int]] = []
        self._graph: torch.cuda.CUDAGraph | None = None
        self._joined = torch.empty(0)
        self._shapes: list[torch.Size] = []
        self._sizes: list[int] = []
        self._is_plain, self.fault = device.type == "cpu", ""

    @property
    def is_recorded(self) -> bool:
        return self._graph is not None

    @torch.no_grad()
    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What the function gives: tensors of one kind."""
        if self._graph is None and not self._is_plain:
            try:
                self._record([given.to(self._device) for given in inputs])
            except RuntimeError as error:  # whatever cannot be recorded still runs, launch by launch
                self._is_plain, self._graph, self.fault = True, None, str(error)
                torch.cuda.synchronize(self._device)
        if self._is_plain:
            return self._function(*(given.to(self._device) for given in inputs))
        self._take(inputs)
        self._graph.replay()
        joined = self._joined.clone() if self._keeps else self._joined
        if len(self._shapes) == 1:
            return (joined.view(self._shapes[0]),)
        parts = joined.split(self._sizes)
        return tuple(part.view(shape) for part, shape in zip(parts, self._shapes, strict=True))

    def _take(self, inputs: tuple[Tensor, ...]) -> None:
        kept, fresh = [], []
        for i, given in enumerate(inputs):
            before, version = self._given[i]
            if given is before and given._version == version:
                continue
            self._given[i] = given, given._version
            if given.device.type == "cpu":
                self._inputs[i].copy_(given, non_blocking=True)
            else:
                kept.append(self._inputs[i])
                fresh.append(given)
        if fresh:
            torch._foreach_copy_(kept, fresh)

    def _record(self, inputs: list[Tensor]) -> None:
        self._inputs = [given.clone() for given in inputs]
        self._given = [(given, -1) for given in inputs]
        beside = torch.cuda.Stream(self._device)  # where recording wants all libraries to have been used before
        beside.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP_CALLS):
                self._function(*self._inputs)
        torch.cuda.current_stream(self._device).wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads load avatars meanwhile
            outputs = self._function(*self._inputs)
            self._joined = torch.cat([output.flatten() for output in outputs])
        self._shapes, self._sizes = [output.shape for output in outputs], [output.numel() for output in outputs]
        self._graph = graph
