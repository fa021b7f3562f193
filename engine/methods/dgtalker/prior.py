"""What a DGTalker starts from: a generator trained before, its template and constants; as one safetensors file."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.avatar import read_tensors
from engine.errors import AvatarError, ModelMissingError
from engine.manifest import read_header
from engine.methods.dgtalker.config import HOUSE
from engine.methods.dgtalker.decoding import Decoding
from engine.methods.dgtalker.template import Template, shell_template
from engine.parts.avatar_tensors import MAX_GAUSSIANS, AvatarTensors
from engine.parts.stylegan import Synthesis, SynthesisSize
from engine.paths import atomic_file

FORMAT, VERSION = "mouthpiece-prior", 1
SCALE_MOST = -2.5  # of generators that are not GGHead's


@dataclass(frozen=True)
class Prior:
    """A generator of heads, or the size of one that is yet to learn.

    Attributes:
        name: of whom it knows; unit_mm: millimetres in one unit of its frame.
        weights: of `network.Generator`; None: starts from nothing.
        w_avg: the mean latent `[n_style]`.
        shapes: directions of W that the 52 ARKit shapes have in it, `[52, n_style]`; None where they are not known.
    """

    name: str
    unit_mm: float
    synthesis: SynthesisSize
    decoding: Decoding
    template: Template
    weights: dict[str, Tensor] | None
    w_avg: Tensor
    shapes: Tensor | None = None

    def without_torso(self) -> "Prior":
        """Of a head over a picture of its torso."""
        return replace(self, template=self.template.kept(np.flatnonzero(~self.template.is_torso)))


def save_prior(path: Path, prior: Prior) -> None:
    """Writes a prior, weights in half precision. Raises OutputError if the place cannot be written."""
    from safetensors.torch import save_file

    t = prior.template
    row = {"format": FORMAT, "version": VERSION, "name": prior.name, "unit_mm": prior.unit_mm, "n_gaussians": len(t),
           "synthesis": asdict(prior.synthesis), "decoding": asdict(prior.decoding)}  # fmt: skip
    tensors = {f"generator.{name}": value.half() for name, value in (prior.weights or {}).items()}
    tensors |= {"w_avg": prior.w_avg.float(), "template.points": torch.from_numpy(t.points),
                "template.grid": torch.from_numpy(t.grid), "template.anchors": torch.from_numpy(t.anchors),
                "template.torso": torch.from_numpy(np.flatnonzero(t.is_torso).astype(np.int32))}  # fmt: skip
    if prior.shapes is not None:
        tensors["shapes"] = prior.shapes.half()
    whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    with atomic_file(Path(path)) as temporary:
        save_file(whole, temporary, {"prior": json.dumps(row)})


def load_prior(name: str) -> Prior:
    """The shipped prior (`house`), or one from a file.

    Raises:
        ModelMissingError: if there is none, or it does not fit together; says what to do.
    """
    path = HOUSE if name == "house" else Path(name)
    if not path.is_file():
        raise ModelMissingError(
            f"{path}: the prior is not there; train one with packaging/dgtalker_prior.py, convert GGHead's, or set "
            "prior=none to do without (other views than the filmed ones will be poor)."
        )
    try:
        return _read(path)
    except (AvatarError, KeyError, TypeError, ValueError, RuntimeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelMissingError(f"{path}: is no prior that can be read ({first}); copy or convert it again.") from error


def no_prior(points: np.ndarray, resolution: int, channel_base: int, n_grid: int, unit_mm: float) -> Prior:
    """A generator that knows nobody, on a shell round a clip's own points `[P, 3]`."""
    template = shell_template(points.astype(np.float64), n_grid)
    spacing = float(np.linalg.norm(np.ptp(template.points, axis=0)) / np.sqrt(len(template)))
    decoding = spaced(Decoding(sh_degree=0, rolls_quaternions=False), spacing)
    size = SynthesisSize(resolution, decoding.n_maps, channel_base=channel_base)
    w = torch.randn(size.n_style, generator=torch.Generator().manual_seed(0))  # at 0 no style would get a gradient
    return Prior("nobody", unit_mm, size, decoding, template, None, w)


def spaced(decoding: Decoding, spacing: float) -> Decoding:
    """With scales that are `0.7 * spacing` at raw = 0, for Gaussians so far apart."""
    start = np.log(np.expm1(SCALE_MOST - np.log(0.7 * spacing)))
    return replace(decoding, scale_most=SCALE_MOST, scale_start=float(SCALE_MOST - start))


def _read(path: Path) -> Prior:
    header, _ = read_header(path)
    row = json.loads(header.get("__metadata__", {})["prior"])
    if (row["format"], row["version"]) != (FORMAT, VERSION):
        raise ValueError(f"it is of version {row['version']!r}")
    size, decoding, n = SynthesisSize(**row["synthesis"]), Decoding(**row["decoding"]), int(row["n_gaussians"])
    check_sizes(size, decoding, n)
    file = AvatarTensors(read_tensors(path), path)
    is_torso = np.zeros(n, bool)
    is_torso[file.indices("template.torso", below=n)] = True
    n_anchors = len(file.group("template.anchors")["template.anchors"])
    template = Template(file.array("template.points", (n, 3)), file.array("template.grid", (n, 2)), is_torso,
                        file.array("template.anchors", (n_anchors, 3)))  # fmt: skip
    weights = None
    if file.group("generator."):
        weights = {name: torch.from_numpy(file.array(f"generator.{name}", shape))
                   for name, shape in generator_shapes(size).items()}  # fmt: skip
    shapes = torch.from_numpy(file.array("shapes", (52, size.n_style))) if file.group("shapes") else None
    w_avg = torch.from_numpy(file.array("w_avg", (size.n_style,)))
    return Prior(str(row["name"]), float(row["unit_mm"]), size, decoding, template, weights, w_avg, shapes)


def generator_shapes(size: SynthesisSize) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a generator's tensors."""
    with torch.device("meta"):
        state = Synthesis(size).state_dict()
    shapes = {f"synthesis.{name}": tuple(value.shape) for name, value in state.items()}
    return shapes | {"position.weight": (3, 3, 1, 1), "position.bias": (3,)}


def check_sizes(size: SynthesisSize, decoding: Decoding, n: int) -> None:
    """Raises ValueError for sizes nobody means."""
    whole = all(isinstance(v, int) for v in asdict(size).values()) and decoding.sh_degree in (0, 1)
    side = size.resolution
    whole = whole and 8 <= side <= 1024 and side & (side - 1) == 0 and 1 <= size.n_style <= 4096
    whole = whole and 1 <= size.channel_base <= 1 << 20 and 1 <= size.channel_max <= 2048
    numbers = (decoding.position_range, decoding.scale_start, decoding.scale_most, decoding.overshoot)
    if not whole or size.n_maps != decoding.n_maps or not 1 <= n <= MAX_GAUSSIANS or not np.isfinite(numbers).all():
        raise ValueError("its generator's sizes make no sense")
