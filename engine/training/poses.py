"""Small corrections of tracked cameras, learnt with the head: a free rigid motion for each training frame.

Held-out frames have their tracked camera only, so the corrections may not drift together: their mean is kept at zero,
and only what differs from frame to frame (the tracker's jitter) is taken out.
"""

import torch
from torch import Tensor, nn

LIMIT = 0.05  # radians and head heights; a correction is never larger


class PoseCorrections(nn.Module):
    """Six numbers a frame: a rotation vector about the camera's axes through the head, and a translation."""

    def __init__(self, n_frames: int) -> None:
        super().__init__()
        self.twists = nn.Parameter(torch.zeros(n_frames, 6))

    def forward(self, index: int, viewmat: Tensor) -> Tensor:
        """The corrected world-to-camera matrix `[4, 4]` of a training frame."""
        twist = self.twists[index]
        rotation = _exponential(twist[:3]) @ viewmat[:3, :3]
        translation = viewmat[:3, 3] + twist[3:]
        bottom = viewmat.new_tensor([[0.0, 0.0, 0.0, 1.0]])
        return torch.cat([torch.cat([rotation, translation[:, None]], dim=1), bottom])

    @torch.no_grad()
    def settle(self) -> None:
        """Takes the common part out of the corrections and limits them; call after a step."""
        self.twists -= self.twists.mean(dim=0)
        self.twists.clamp_(-LIMIT, LIMIT)

    @torch.no_grad()
    def corrected(self, viewmats: Tensor) -> Tensor:
        """All training cameras, corrected: `[T, 4, 4]` -> `[T, 4, 4]`."""
        return torch.stack([self(i, viewmats[i]) for i in range(len(viewmats))])


def _exponential(vector: Tensor) -> Tensor:
    """Rotation matrix of a small rotation vector `[3]`; the series keeps the gradient finite at zero."""
    x, y, z = vector.unbind()
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3)
    angle2 = vector.square().sum()
    sine = 1 - angle2 / 6 + angle2.square() / 120
    cosine = 0.5 - angle2 / 24 + angle2.square() / 720
    return torch.eye(3, dtype=vector.dtype, device=vector.device) + sine * cross + cosine * cross @ cross
