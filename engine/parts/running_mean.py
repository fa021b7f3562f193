"""The running mean of a network's weights over its steps: steadier than whatever its last step was."""

import torch
from torch import nn


class RunningMean(nn.Module):
    """The running mean of a module's weights: buffers, which nobody trains and a checkpoint keeps (the library's
    averaged model holds parameters, which would count as trained).

    Args:
        decay: of what was before, at each step; the plain mean until as many steps were seen as that remembers.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        super().__init__()
        self._decay = decay
        self.register_buffer("n_seen", torch.zeros((), dtype=torch.long))
        for name, value in module.named_parameters():
            self.register_buffer(name.replace(".", "-"), value.detach().clone())

    @torch.no_grad()
    def see(self, module: nn.Module) -> None:
        """Takes the module's weights of this step in."""
        self.n_seen += 1
        share = max(1 - self._decay, 1 / int(self.n_seen))
        for name, value in module.named_parameters():
            getattr(self, name.replace(".", "-")).lerp_(value, share)

    @torch.no_grad()
    def put_into(self, module: nn.Module) -> None:
        """Gives the mean to the module, which keeps its own weights where nothing was seen."""
        if self.n_seen:
            for name, value in module.named_parameters():
                value.copy_(getattr(self, name.replace(".", "-")))
