"""The body inpainter: exact outside the rim, the plain composite at its start, and it learns to fill."""

import numpy as np
import torch

from engine.methods.ggtalker.inpainter import Inpainter, cut, filled


def disc(side: int, radius: float, at: tuple[float, float] | None = None) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    cy, cx = at or (side / 2, side / 2)
    return (y - cy) ** 2 + (x - cx) ** 2 <= radius**2


def inputs(mask: np.ndarray, seed: int = 0, n: int = 1):
    torch.manual_seed(seed)
    made, side = cut(mask), len(mask)
    hole, rim = (torch.from_numpy(m).expand(n, 1, side, side) for m in (made.hole, made.rim))
    alpha = torch.from_numpy(mask).float().expand(n, 1, side, side) * 0.9
    return torch.rand(n, 3, side, side) * alpha, alpha, torch.rand(n, 3, side, side), hole, rim


def loud(net: Inpainter) -> Inpainter:
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return net


def test_the_mask_is_widened_in_pixels_of_a_frame_512_high():
    made = cut(disc(512, 60))
    assert abs(made.hole.sum() / (np.pi * 75**2) - 1) < 0.02
    assert abs(made.rim.sum() / (np.pi * 91**2) - 1) < 0.02
    small = cut(disc(128, 15))
    assert abs(small.rim.sum() * 16 / made.rim.sum() - 1) < 0.06
    assert (made.hole | disc(512, 60) == made.hole).all()


def test_outside_the_rim_every_pixel_is_the_frames_bit_for_bit():
    net = loud(Inpainter(4))
    given = inputs(disc(96, 14, (30, 60)), n=2)
    picture, frame, rim = net(*given), given[2], given[4].expand(-1, 3, -1, -1)
    assert torch.equal(picture[~rim], frame[~rim])
    assert not torch.allclose(picture[rim], frame[rim], atol=1e-2)


def test_without_a_mask_the_frame_comes_back():
    given = inputs(np.zeros((64, 64), bool))
    assert torch.equal(loud(Inpainter(4))(*given), given[2])


def test_it_starts_as_the_head_laid_over_the_frame():
    rendered, alpha, frame, hole, rim = inputs(disc(64, 12))
    frame = torch.tensor([0.2, 0.5, 0.9])[None, :, None, None].expand_as(frame)
    picture = Inpainter(4)(rendered, alpha, frame, hole, rim)
    wanted = rendered + (1 - alpha) * frame
    assert (picture - torch.where(rim, wanted, frame)).abs().max() < 0.03


def test_a_frame_of_any_size_and_a_mask_at_its_border_are_taken():
    net = loud(Inpainter(4))
    mask = np.zeros((51, 51), bool)
    mask[:20, :9] = True
    picture = net(*inputs(mask))
    assert picture.shape == (1, 3, 51, 51) and torch.isfinite(picture).all()


def test_what_is_cut_out_has_no_say_in_the_picture():
    net, (rendered, alpha, frame, hole, rim) = loud(Inpainter(4)), inputs(disc(64, 12))
    other = torch.where(hole, torch.rand_like(frame), frame)
    one, two = net(rendered, alpha, frame, hole, rim), net(rendered, alpha, other, hole, rim)
    assert torch.equal(one, two)


def test_a_hole_is_filled_with_what_surrounds_it():
    hole = torch.from_numpy(disc(40, 9))[None, None]
    frame = torch.where(hole, torch.tensor(9.0), torch.tensor(0.7)).expand(1, 3, 40, 40)
    assert torch.allclose(filled(frame, hole), torch.full((1, 3, 40, 40), 0.7), atol=1e-5)
    across = torch.linspace(0, 1, 40).expand(1, 1, 40, 40)
    closed = filled(across, hole)
    assert torch.equal(closed[~hole], across[~hole])
    assert (closed - across)[hole].abs().mean() < 0.08
    assert (filled(across, torch.ones_like(hole)) == 0).all()


def test_it_learns_the_shadow_of_the_head_on_the_body():
    torch.manual_seed(0)
    net, mask = Inpainter(8, n_levels=3), disc(32, 7)
    made = cut(mask, 40, 30)
    hole, rim = (torch.from_numpy(m).expand(8, 1, 32, 32) for m in (made.hole, made.rim))
    alpha = torch.from_numpy(mask).float().expand(8, 1, 32, 32)
    adam = torch.optim.Adam(net.parameters(), 3e-3)

    def error(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        body, face = (torch.rand(8, 3, 1, 1, generator=generator).expand(8, 3, 32, 32) for _ in range(2))
        wanted = torch.where(alpha > 0, face, torch.where(rim, 0.6 * body, body))
        return (net(face * alpha, alpha, body, hole, rim) - wanted).abs().mean()

    with torch.no_grad():
        before = sum(error(1000 + s) for s in range(5))
    for step in range(150):
        adam.zero_grad()
        error(step).backward()
        adam.step()
    assert all(p.grad.abs().sum() > 0 for p in net.parameters())
    with torch.no_grad():
        assert sum(error(1000 + s) for s in range(5)) < 0.4 * before
