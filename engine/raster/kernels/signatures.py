"""The exact types every compiled loop is called with, so that all of it can be compiled before the first picture."""

from engine.raster.kernels import blend, projection, spherical, tiles

F1, F2, F3, F0 = "float32[::1]", "float32[:,::1]", "float32[:,:,::1]", "float32"
I1, L1, L2, U1, D2 = "int32[::1]", "int64[::1]", "int64[:,::1]", "uint32[::1]", "float64[:,::1]"
I2, L0, B0 = "int32[:,::1]", "int64", "boolean"

_FORWARD = f"({L1}, {I1}, {I1}, {F2}, {F2}, {L0}, {L0}, {L0}, {L1}, {L0}, {B0}, {F3}, {F2}, {F2}, {L1})"
_BACKWARD = f"({L1}, {L1}, {I1}, {I1}, {F2}, {F2}, {L0}, {L0}, {L0}, {L1}, {L0}, {F2}, {F2}, {F3}, {F2}, {F2})"

DISPLAY = (
    (
        projection.project_splats,
        f"({F2}, {F2}, {F2}, {F1}, {F2}, {F1}, {L0}, {L0}, {F0}, {B0}, {B0}, {F2}, {U1}, {I1}, {L1})",
    ),
    (spherical.shade_splats, f"({L0}, {F3}, {F2}, {F1}, {U1}, {F2}, {L1})"),
    (tiles.sort_by_depth, f"({U1}, {L0}, {I1}, {I1}, {L1})"),
    (tiles.next_batch, f"({I1}, {L0}, {L0}, {I1}, {L0}, {L1})"),
    (
        tiles.bin_splats,
        f"({I1}, {L0}, {L0}, {F2}, {L0}, {L0}, {L0}, {L1}, {L1}, {L2}, {I1}, {I1}, {I1}, {L1}, {I1}, {L1})",
    ),
    (tiles.place_tiles, f"({L2}, {L1})"),
    (tiles.fill_tiles, f"({L1}, {L1}, {I1}, {I1}, {I1}, {L2}, {I1}, {I1}, {I1})"),
    (blend.forward_rgb, _FORWARD),
    (blend.forward_any, _FORWARD),
)
"""What pictures without gradients need."""

TRAINING = (
    (
        projection.project,
        f"({F2}, {F2}, {F2}, {F1}, {F1}, {F0}, {F0}, {F0}, {F0}, {B0}, {F2}, {F1}, {F2}, {F1}, {I2})",
    ),
    (
        projection.project_backward,
        f"({F2}, {F2}, {F2}, {F1}, {F0}, {B0}, {I2}, {F2}, {F1}, {F2}, {F1}, {F2}, {F2}, {F2}, {D2})",
    ),
    (spherical.shade, f"({L0}, {F3}, {F2}, {F1}, {I2}, {F2})"),
    (spherical.shade_backward, f"({L0}, {F3}, {F2}, {F1}, {I2}, {F2}, {F2}, {F3}, {F2}, {D2})"),
    (tiles.pack, f"({F2}, {F2}, {F1}, {F1}, {F2}, {I2}, {L0}, {L0}, {F2}, {U1}, {I1})"),
    (blend.forward_rgb_traced, _FORWARD),
    (blend.forward_any_traced, _FORWARD),
    (blend.backward_rgb, _BACKWARD),
    (blend.backward_any, _BACKWARD),
    (blend.backward_rgb_absolute, _BACKWARD),
    (blend.backward_any_absolute, _BACKWARD),
    (
        blend.gather_gradients,
        f"({I1}, {L0}, {L1}, {I1}, {I1}, {F2}, {F1}, {F2}, {F2}, {F2}, {F1}, {F2})",
    ),
)
"""What training needs besides."""
