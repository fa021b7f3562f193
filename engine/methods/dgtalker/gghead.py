"""The public GGHead FFHQ-512 checkpoint as a prior: a one-off conversion to safetensors.

    python -m engine.methods.dgtalker.gghead CHECKPOINT TEMPLATE.obj OUT.safetensors

The published file is a pickle of whole modules, whose classes live in two other programs. It is read without running
anything: every class of it becomes an inert record, only tensors are rebuilt. A file of plain tensors (a state dict
saved by PyTorch) is read with `weights_only`.
"""

import argparse
import io
import pickle
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.errors import ModelMissingError
from engine.methods.dgtalker.decoding import Decoding
from engine.methods.dgtalker.prior import Prior, generator_shapes, save_prior
from engine.methods.dgtalker.template import FLAME_TO_BFM, GRID, flame_template
from engine.parts.stylegan import SynthesisSize

MAX_BYTES = 4 << 30
UNIT_MM = 1000 / float((FLAME_TO_BFM[:, :3] ** 2).sum() / 3) ** 0.5  # FLAME is in metres
LAYERS = {"conv0": "up", "conv1": "conv", "torgb": "to_maps"}
CONSTANTS = {
    "position_range": "position_range", "scale_offset": "scale_start", "max_scale": "scale_most",
    "color_overshoot": "overshoot", "opacity_overshoot": "overshoot",
}  # fmt: skip
"""The stored configuration's names, and ours."""
MUST_BE = {
    "use_softplus_scale_activation": False, "no_exp_scale_activation": False, "clamp_opacity": False,
    "use_zero_conv_position": True, "use_gaussian_hierarchy": False, "use_background_cnn": False,
}  # fmt: skip


def read_gghead(checkpoint: Path, template: Path) -> Prior:
    """GGHead's generator as a prior.

    Args:
        checkpoint: the published pickle, or a state dict of its `G_ema` saved by PyTorch.
        template: GGHead's `flame_uv_no_back_close_mouth_no_subdivision.obj`.

    Raises:
        ModelMissingError: if a file is missing, damaged, or not what it should be.
    """
    state, config = _read(Path(checkpoint))
    try:
        weights = renamed(state)
        w_avg = state["backbone.mapping.w_avg"].float()
        size = _size(weights, len(w_avg))
        wrong = [n for n, shape in generator_shapes(size).items() if tuple(weights[n].shape) != shape]
        if wrong:
            raise ValueError(f"{wrong[0]} is {tuple(weights[wrong[0]].shape)}")
    except (KeyError, ValueError, IndexError) as error:
        raise ModelMissingError(
            f"{checkpoint}: is not GGHead's generator ({error}); fetch the FFHQ-512 checkpoint its README links to."
        ) from error
    decoding = _decoding(Path(checkpoint), config, size)
    surface = flame_template(template, size.resolution, int(config.get("n_uniform_flame_vertices", GRID)))
    return Prior("GGHead", UNIT_MM, size, decoding, surface, weights, w_avg)


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The published names of generator tensors as those of `network.Generator`."""
    weights = {}
    for name, value in state.items():
        found = re.fullmatch(r"backbone\.synthesis\.b(\d+)\.(?:(conv0|conv1|torgb)\.)?(.+)", name)
        if name.startswith("_zero_conv_position."):
            weights["position." + name.rsplit(".", 1)[1]] = value.float()
        elif found and not found[3].endswith("resample_filter"):
            block = int(found[1]).bit_length() - 3
            layer = f"{LAYERS[found[2]]}." if found[2] else ""
            tail = {"noise_const": "noise"}.get(found[3], found[3])
            weights[f"synthesis.blocks.{block}.{layer}{tail}"] = value.float()
    return weights


def _size(weights: dict[str, Tensor], n_style: int) -> SynthesisSize:
    last = max(int(name.split(".")[2]) for name in weights if name.startswith("synthesis."))
    widths = [len(weights[f"synthesis.blocks.{b}.conv.bias"]) for b in range(last + 1)]
    resolution = 4 << last
    n_maps = len(weights["synthesis.blocks.0.to_maps.bias"])
    return SynthesisSize(resolution, n_maps, n_style, widths[-1] * resolution, max(widths))


def _decoding(path: Path, config: dict[str, Any], size: SynthesisSize) -> Decoding:
    """The run's own constants where it stored them, else those of the published training script."""
    other = [name for name, wanted in MUST_BE.items() if config.get(name, wanted) != wanted]
    given = {ours: float(config[theirs]) for theirs, ours in CONSTANTS.items() if theirs in config}
    degree = {13: 0, 22: 1}.get(size.n_maps)
    if other or degree is None:
        what = f"{other[0]} = {config[other[0]]!r}" if other else f"{size.n_maps} maps"
        raise ModelMissingError(f"{path}: was trained with {what}, which is not decoded here; use the FFHQ-512 model.")
    return Decoding(**given, sh_degree=degree)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by their published names, and the generator's stored configuration."""
    if not path.is_file():
        raise ModelMissingError(f"{path}: the checkpoint is not there; GGHead's README says where to fetch it.")
    if path.stat().st_size > MAX_BYTES:
        raise ModelMissingError(f"{path}: is over {MAX_BYTES >> 30} GB, the published checkpoint is not that large.")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, ValueError, EOFError, KeyError, AttributeError, TypeError):
        loaded = _inert(path)
    model = loaded
    for name in ("G_ema", "G", "state_dict"):
        if isinstance(loaded, dict) and name in loaded:
            model = loaded[name]
            break
    if isinstance(model, _Record):
        config = _fields(_fields(model).get("_config"))
        return dict(_tensors(model)), {k: v for k, v in config.items() if not isinstance(v, _Record)}
    if isinstance(model, dict) and all(isinstance(v, Tensor) for v in model.values()):
        return dict(model), {}
    raise ModelMissingError(f"{path}: holds no generator; fetch the FFHQ-512 checkpoint GGHead's README links to.")


class _Record(dict):
    """What stands in for an object of a class that is not loaded: its arguments and its state, nothing that runs."""

    def __new__(cls, *args, **kwargs):
        made = super().__new__(cls)
        made.args, made.state = args, {}
        return made

    def __init__(self, *args, **kwargs) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *args) -> "_Record":
        return _Record(*args)

    def append(self, value: Any) -> None:
        """Items of list-like objects are of no use here."""


class _Unpickler(pickle.Unpickler):
    """Rebuilds tensors and ordered dictionaries; every other class and function becomes a `_Record`."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return torch._utils._rebuild_tensor_v2
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda data, requires_grad, hooks: data
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return lambda data: torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        return type(name, (_Record,), {})

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to data outside of it")


def _inert(path: Path) -> Any:
    try:
        with open(path, "rb") as file:
            return _Unpickler(file).load()
    except (pickle.UnpicklingError, EOFError, OSError, ValueError, TypeError, AttributeError, IndexError, KeyError,
            RuntimeError, MemoryError, UnicodeDecodeError) as error:  # fmt: skip
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelMissingError(f"{path}: cannot be read ({reason}); fetch it again.") from error


def _fields(record: Any) -> dict[str, Any]:
    """The attributes of a record: its state, or that of the persistent object it was made of."""
    if not isinstance(record, _Record):
        return {}
    if isinstance(record.state, dict) and record.state:
        return record.state
    if record.args and isinstance(record.args[0], dict):
        state = record.args[0].get("state")
        return state if isinstance(state, dict) else {}
    return {}


def _tensors(module: Any, prefix: str = ""):
    """Names and tensors of a module and those inside it."""
    fields = _fields(module)
    for kind in ("_parameters", "_buffers"):
        for name, value in (fields.get(kind) or {}).items():
            if isinstance(value, Tensor):
                yield prefix + name, value.detach()
    for name, inner in (fields.get("_modules") or {}).items():
        yield from _tensors(inner, f"{prefix}{name}.")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for argument in ("checkpoint", "template", "out"):
        options.add_argument(argument, type=Path)
    chosen = options.parse_args()
    save_prior(chosen.out, read_gghead(chosen.checkpoint, chosen.template))
