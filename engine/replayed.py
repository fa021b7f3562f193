"""A function whose tensors keep their shapes, recorded once on a GPU and replayed: one launch in place of dozens."""

from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP_CALLS = 3


class Replayed:
    """`function(*inputs)` of tensors, as a CUDA graph where they are on a GPU and as it is elsewhere.

    The first call records: shapes, and all else the function reads, stay as they are then. What it gives, tensors of
    one kind, is in memory of its own. Nothing in the function may wait for the GPU. An input that is the very tensor of
    the call before is not copied again.

    Attributes:
        fault: why it is not recorded though it is on a GPU, "" where it is.
    """

    def __init__(self, function: Callable[..., tuple[Tensor, ...]]) -> None:
        self._function = function
        self._inputs: list[Tensor] = []
        self._given: list[tuple[Tensor, int]] = []
        self._graph: torch.cuda.CUDAGraph | None = None
        self._joined = torch.empty(0)
        self._shapes: list[torch.Size] = []
        self._sizes: list[int] = []
        self._is_plain, self.fault = False, ""

    @property
    def is_recorded(self) -> bool:
        return self._graph is not None

    @torch.no_grad()
    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        if inputs[0].device.type == "cpu" or self._is_plain:
            return self._function(*inputs)
        if self._graph is None:
            try:
                self._record(inputs)
            except RuntimeError as error:  # whatever cannot be recorded still runs, launch by launch
                self._is_plain, self._graph, self.fault = True, None, str(error)
                torch.cuda.synchronize(inputs[0].device)
                return self._function(*inputs)
        given = [(tensor, tensor._version) for tensor in inputs]
        fresh = [i for i, (new, old) in enumerate(zip(given, self._given, strict=True))
                 if new[0] is not old[0] or new[1] != old[1]]  # fmt: skip
        if fresh:
            torch._foreach_copy_([self._inputs[i] for i in fresh], [inputs[i] for i in fresh])
        self._given = given
        self._graph.replay()
        parts = self._joined.clone().split(self._sizes)
        return tuple(part.view(shape) for part, shape in zip(parts, self._shapes, strict=True))

    def _record(self, inputs: tuple[Tensor, ...]) -> None:
        self._inputs = [given.clone() for given in inputs]
        self._given = [(given, given._version) for given in inputs]
        beside = torch.cuda.Stream(inputs[0].device)  # where recording wants all libraries to have been used before
        beside.wait_stream(torch.cuda.current_stream(inputs[0].device))
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP_CALLS):
                self._function(*self._inputs)
        torch.cuda.current_stream(inputs[0].device).wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads load avatars meanwhile
            outputs = self._function(*self._inputs)
            self._joined = torch.cat([output.flatten() for output in outputs])
        self._shapes, self._sizes = [output.shape for output in outputs], [output.numel() for output in outputs]
        self._graph = graph
