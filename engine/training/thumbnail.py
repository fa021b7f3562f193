"""The little picture of itself that an avatar file carries."""

import base64
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engine.camera import Camera
from engine.controls import Controls
from engine.manifest import Manifest
from engine.methods import method_module
from engine.methods.base import Avatar
from engine.parts.avatar_tensors import AvatarTensors
from engine.raster import rasterization_for
from engine.raster.base import Rendered

SIDE_PX = 256


def thumbnail(method: str, manifest: Manifest, tensors: dict[str, Tensor]) -> str:
    """The avatar at rest from its own camera, as a PNG in base64, at most 256 pixels a side."""
    arrays = AvatarTensors({name: value.detach().cpu().numpy() for name, value in tensors.items()}, Path(manifest.name))
    avatar = method_module(method).load(manifest, arrays, torch.device("cpu"))
    picture = portrait(avatar, manifest.orbit.camera(SIDE_PX, SIDE_PX), avatar.schema.rest())
    buffer = io.BytesIO()
    Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8), "RGBA").save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def portrait(avatar: Avatar, camera: Camera, controls: Controls, background: np.ndarray | None = None) -> np.ndarray:
    """One finished picture `[H, W, 4]` of an avatar on the CPU, through the whole line a render goes."""
    rendered = rendered_layers(avatar.deform(avatar.animate(controls), camera), camera)
    return avatar.compose(rendered, controls, camera, 0.0, background)


def rendered_layers(layers, camera: Camera) -> Rendered:
    """Layers of Gaussians drawn back to front with the rasterizer training uses."""
    color = np.zeros((camera.height, camera.width, 3), np.float32)
    alpha = np.zeros((camera.height, camera.width), np.float32)
    viewmat, k = (torch.tensor(m, dtype=torch.float32)[None] for m in (camera.viewmat, camera.k))
    for layer in layers:
        rasterization = rasterization_for(layer.means.device)
        with torch.no_grad():
            colors, alphas, _ = rasterization(
                layer.means, layer.quats, layer.scales, layer.opacities, layer.colors, viewmat.to(layer.means.device),
                k.to(layer.means.device), camera.width, camera.height, sh_degree=layer.sh_degree, packed=False,
            )  # fmt: skip
        over = alphas[0, ..., 0].cpu().numpy()
        color = colors[0].cpu().numpy() + (1 - over[..., None]) * color
        alpha = over + (1 - over) * alpha
    return Rendered(color, alpha)
