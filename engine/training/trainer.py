"""Trains an avatar of any method from a dataset; knows Gaussians, pictures and time, but no method."""

import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.audio.encoders import make_encoder
from engine.avatar import save_avatar
from engine.capture.dataset import Dataset
from engine.errors import OutputError, TrainingError
from engine.methods import method_module
from engine.parts.head_pose import pose_numbers
from engine.paths import training_folder
from engine.progress import Progress
from engine.raster import rasterization_for
from engine.training.checkpoint import Checkpoint
from engine.training.clip import Clip, Sample
from engine.training.clip_head import fit_if_missing
from engine.training.densify import DensityControl
from engine.training.memory import keep_freed_memory
from engine.training.mesh_motion import PointMotion
from engine.training.poses import PoseCorrections
from engine.training.record import TrainingRecord
from engine.training.thumbnail import thumbnail
from engine.training.trainable import Trainable

REPORT_EVERY_S = 0.5
CHECKPOINT_EVERY_S = 90.0
PREVIEW_EVERY_S = 45.0
LEAST_ITERATIONS_BETWEEN_REFINEMENTS = 40
MOST_SKIPPED_IN_A_ROW = 20


def train(
    dataset: Path, method: str, out: Path, *, iterations: int | None = None, max_seconds: float | None = None,
    device: str | None = None, resume: bool = True, preset: str | None = None, config: dict[str, Any] | None = None,
    seed: int = 0,
) -> Iterator[Progress]:  # fmt: skip
    """Trains and writes `out`; stopping is not asking for the next step, and asking again later goes on from there.

    Beside `out`, in `NAME.training/`, stand the checkpoint, `preview.png` (target | render), `loss.csv` and `loss.png`.

    Args:
        iterations: length of the run; the method's schedules shrink with it. Without it and without `max_seconds` the
            method's own.
        max_seconds: the run ends after so long, its schedules fitted to the time.
        preset: a named set of the method's settings (`cpu` trains in half an hour on two cores); None is the paper's.
        config: settings of the method by name, on top of the preset; numbers may be strings.

    Raises:
        DatasetError, TrainingError, OutputError: one sentence each, before anything is written.
    """
    out = Path(out)
    if not out.parent.is_dir():
        raise OutputError(f"{out.parent}: there is no such folder; make it first or choose another place.")
    module = method_module(method)
    settings = configured(module.Config(), preset_of(module, method, preset) | (config or {}))
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    keep_freed_memory()
    source = Dataset(dataset)
    for need in getattr(module, "needs", lambda config: ())(settings):
        if need.kind == "fit" and not (need.spares_studio and PointMotion.filmed(source.tracks)):
            yield from fit_if_missing(source.path, need.head)
    yield Progress("Listening to the voice", 0, len(source))
    clip = Clip(source, make_encoder({"name": settings.encoder}), settings.sound_variants, seed)
    for done in clip.load():
        yield Progress("Reading the pictures", done, clip.n_train)
    run = TrainingRun(clip, module.begin(clip, settings, place, seed), out, method, place, seed)
    if iterations is None and max_seconds is None:
        iterations = settings.iterations
    yield from run.go(iterations, max_seconds, resume)
    yield Progress("Writing the avatar")
    yield run.finish()


def preset_of(module: Any, method: str, name: str | None) -> dict[str, Any]:
    """The settings of a method's preset. Raises TrainingError if it has none of that name."""
    presets = {"paper": {}} | getattr(module, "PRESETS", {})
    if name is not None and name not in presets:
        raise TrainingError(f"{name!r}: {method} has no such preset; choose one of {', '.join(presets)}.")
    return presets[name or "paper"]


def configured(defaults: Any, given: dict[str, Any]) -> Any:
    """A method's config with some settings changed; text is read as the kind of number the setting is.

    Raises:
        TrainingError: if there is no such setting or the value does not fit it.
    """
    known = {f.name: getattr(defaults, f.name) for f in fields(defaults)}
    changes = {}
    for name, value in given.items():
        if name not in known:
            raise TrainingError(f"{name!r}: the method has no such setting; it has {', '.join(known)}.")
        try:
            changes[name] = _as(known[name], value)
        except (TypeError, ValueError) as error:
            raise TrainingError(f"{name} cannot be {value!r}; give a value like {known[name]!r}.") from error
    return replace(defaults, **changes)


class TrainingRun:
    """One training: parameters, optimizers and what has been done so far."""

    def __init__(
        self, clip: Clip, model: Trainable, out: Path, method: str, device: torch.device, seed: int = 0
    ) -> None:
        self.clip, self.model, self.out, self.method, self.device = clip, model, Path(out), method, device
        self.folder = training_folder(self.out)
        self.rasterization = rasterization_for(device)
        self.poses = PoseCorrections(clip.tracks["viewmats"][: clip.n_train]).to(device)
        self.density = DensityControl(model.n_gaussians, device)
        self._fused = {"fused": True} if device.type in ("cpu", "cuda") else {}
        self.pose_optimizer = torch.optim.Adam(self.poses.parameters(), lr=1e-4, **self._fused)
        self.stage = model.stage(0.0)
        self._build_optimizers(0.0)
        self.generator = torch.Generator().manual_seed(seed)
        self.color_generator = np.random.default_rng(seed + 1)
        self.iteration, self.seconds = 0, 0.0
        self.record = TrainingRecord(self.folder)
        self._refined_at, self._refined_iteration = 0.0, 0
        self.n_skipped, self._skipped_in_a_row = 0, 0

    def go(self, iterations: int | None, max_seconds: float | None, resume: bool) -> Iterator[Progress]:
        """Iterates to the end of the run; a checkpoint is written every minute and a half, and when the run is left."""
        checkpoint = Checkpoint(self.folder, self.method)
        if resume and checkpoint.exists:
            checkpoint.restore(self)
            yield Progress("Training", self.iteration, iterations or 0, f"Goes on from iteration {self.iteration}.")
        elif not resume:
            checkpoint.remove()
            self.record.remove()
        self.folder.mkdir(parents=True, exist_ok=True)
        clock = time.monotonic
        last = saved = shown = clock()
        saved_iteration = self.iteration
        try:
            while (part := self._part(iterations, max_seconds)) < 1:
                at = part * self.model.iterations
                terms = self.step(at)
                now = clock()
                self.seconds += now - last
                last = now
                self.record.add(self.iteration, self.seconds, self.model.n_gaussians, terms)
                if now - saved > CHECKPOINT_EVERY_S:
                    checkpoint.save(self)
                    saved, saved_iteration = clock(), self.iteration
                if now - shown > PREVIEW_EVERY_S or self.iteration == 1:
                    self.preview()
                    shown = clock()
                if self.record.is_due(REPORT_EVERY_S):
                    yield self._progress(iterations, max_seconds)
                    last = clock()
        except TrainingError:
            saved_iteration = self.iteration  # the checkpoint before the fault stays
            raise
        finally:
            if self.iteration > saved_iteration:
                checkpoint.save(self)
                self.record.write()
        self.preview()

    def step(self, at: float) -> dict[str, float]:
        """One iteration at a place of the schedule, over one frame or the mean of several; gives the loss terms."""
        model = self.model
        if model.stage(at) != self.stage:
            self.enter(model.stage(at), at)
        rates = model.splat_rates(at)
        for name, optimizer in self.splat_optimizers.items():
            optimizer.param_groups[0]["lr"] = rates[name]
        for group, wanted in zip(self.network_optimizer.param_groups, model.network_groups(at), strict=True):
            group["lr"] = wanted["lr"]
        pose_rate, n_frames = model.pose_rate(at), model.batch(at)
        rows = [self._backward(at, pose_rate, n_frames) for _ in range(n_frames)]
        self._after_backward(at, pose_rate)
        self.iteration += 1
        return {name: float(np.mean([row[name] for row in rows if name in row])) for row in rows for name in row}

    def enter(self, stage: int, at: float) -> None:
        """Begins a stage of the method: its optimizers start afresh."""
        self.model.enter(stage)
        self.stage = stage
        self._build_optimizers(at)

    def _build_optimizers(self, at: float) -> None:
        model = self.model
        self.splat_optimizers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.Adam([value], lr=1e-3, eps=1e-15, **self._fused) for name, value in model.splats.items()
        }
        self.network_optimizer = torch.optim.Adam(model.network_groups(at), eps=1e-15, **self._fused)

    def _backward(self, at: float, pose_rate: float, n_frames: int) -> dict[str, float]:
        """Adds the gradients of a picked frame and of those its Gaussians are also seen in; gives its loss terms."""
        model = self.model
        if (terms := model.blind(at)) is not None:
            return self._told(terms, self._descend(terms, n_frames))
        sample = self._sample(*model.pick(at))
        splats = model.gaussians(sample, at)
        terms = {}
        seen, errors = [], []
        for frame in (sample, *(self._sample(*further) for further in model.also_seen(at))):
            image, meta = self.render(splats, frame, pose_rate > 0)
            for name, value in model.losses(image, replace(frame, alpha=meta["alpha"]), at).items():
                terms[name] = terms[name] + value if name in terms else value
            seen.append((meta, frame.size))
            errors.append((image.detach() - frame.target).square().mean())
        total = self._descend(terms, n_frames)
        if model.density(at):
            for meta, (height, width) in seen:
                self.density.observe(meta["means2d"], meta["radii"], width, height)
        mse = torch.stack(errors).mean()
        return self._told(terms, total) | {"psnr": float(-10 * torch.log10(mse.clamp(min=1e-10)))}

    def _descend(self, terms: dict[str, Tensor], n_frames: int) -> Tensor:
        """Adds the gradients of the sum of the terms, which it gives."""
        total = sum(terms.values())
        if not torch.isfinite(total):
            raise TrainingError(
                f"{self.out.name}: the loss of iteration {self.iteration} is not a number; use lower rates."
            )
        (total / n_frames if n_frames > 1 else total).backward()
        return total

    @staticmethod
    def _told(terms: dict[str, Tensor], total: Tensor) -> dict[str, float]:
        return {name: float(value.detach()) for name, value in (terms | {"total": total}).items()}

    def _sample(self, index: int, divisor: int) -> Sample:
        """A training frame; a whole person stands on another colour every time."""
        sample = self._on_device(self.clip.sample(index, divisor, self.device))
        if not self.clip.has_alpha:
            return sample
        return sample.over(torch.tensor(self.color_generator.random(3), dtype=torch.float32, device=self.device))

    def render(self, splats, sample: Sample, with_pose_gradient: bool = False) -> tuple[Tensor, dict[str, Any]]:
        """The composited picture `[H, W, 3]` of a frame through its corrected camera, and the rasterizer's notes."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and with_pose_gradient):
            viewmat = self.poses(sample.index, sample.viewmat)
        height, width = sample.size
        colors, alphas, meta = self.rasterization(
            splats.means, splats.quats, splats.scales, splats.opacities, splats.colors, viewmat[None], sample.k[None],
            width, height, sh_degree=splats.sh_degree, packed=False,
        )  # fmt: skip
        return colors[0] + (1 - alphas[0]) * sample.behind, meta | {"alpha": alphas[0, ..., 0]}

    @torch.no_grad()
    def _head_pose(self, index: int) -> np.ndarray:
        """As the avatar will have it, `[6]`: between the corrected cameras of a frame and of the one that stays."""
        front, own = (
            self.poses(i, torch.tensor(self.clip.tracks["viewmats"][i], dtype=torch.float32, device=self.device))
            for i in (self.model.reference, index)
        )
        return pose_numbers(np.linalg.inv(front.cpu().double().numpy()) @ own.cpu().double().numpy())

    def preview(self) -> None:
        """Draws target and render of a training frame side by side, and the curve of the loss."""
        index = self.clip.n_train // 3
        sample = self._on_device(self.clip.sample(index))
        with torch.no_grad():
            image, _ = self.render(self.model.shown(sample), sample)
        self.record.draw(sample.target.cpu().numpy(), image.clamp(0, 1).cpu().numpy())

    def finish(self) -> Progress:
        """Writes the avatar."""
        viewmats = torch.tensor(self.clip.tracks["viewmats"][: self.clip.n_train], dtype=torch.float32)
        finished = self.model.finish(self.poses.corrected(viewmats.to(self.device)))
        manifest = finished.manifest
        manifest.statistics |= {"psnr_training": round(self.record.recent("psnr"), 2)}
        manifest.provenance |= {
            "iterations": self.iteration,
            "seconds": round(self.seconds),
            "device": self.device.type,
        }
        if self.n_skipped:
            manifest.provenance["skipped_iterations"] = self.n_skipped
        manifest.thumbnail = thumbnail(self.method, manifest, finished.tensors)
        save_avatar(self.out, manifest, finished.tensors)
        values = {
            "avatar": str(self.out), "iterations": self.iteration, "seconds": round(self.seconds, 1),
            "splats": manifest.n_gaussians, "psnr_training": manifest.statistics["psnr_training"],
            "size_mb": round(self.out.stat().st_size / 1e6, 2),
        }  # fmt: skip
        return Progress("Done", 1, 1, values=values)

    def _after_backward(self, at: float, pose_rate: float) -> None:
        model = self.model
        plan = model.density(at)
        optimizers = (*self.splat_optimizers.values(), self.network_optimizer)
        is_sound = self._has_sound_gradients()
        for optimizer in optimizers:
            if is_sound:
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if pose_rate > 0:
            self.pose_optimizer.param_groups[0]["lr"] = pose_rate
            if is_sound:
                self.pose_optimizer.step()
            self.pose_optimizer.zero_grad(set_to_none=True)
            self.poses.settle()
        since = self.iteration - self._refined_iteration
        if plan and at - self._refined_at >= plan.every and since >= LEAST_ITERATIONS_BETWEEN_REFINEMENTS:
            self.density.refine(
                model.splats, self.splat_optimizers, model.tags, gradient=plan.gradient,
                prune_opacity=plan.prune_opacity, max_gaussians=plan.max_gaussians, grow=plan.grow,
                prune_scale=plan.prune_scale, prune_radius_px=plan.prune_radius_px, generator=self.generator,
            )  # fmt: skip
            self._refined_at, self._refined_iteration = at, self.iteration
        model.tidy(at)

    def _has_sound_gradients(self) -> bool:
        """Whether the networks' gradients are numbers; a step whose are not is left out, or all weights were lost.

        Raises:
            TrainingError: if it goes on so.
        """
        gradients = [p.grad for group in self.network_optimizer.param_groups for p in group["params"]]
        gradients = [gradient for gradient in gradients if gradient is not None]
        if not gradients or bool(torch.stack(torch._foreach_norm(gradients)).isfinite().all()):
            self._skipped_in_a_row = 0
            return True
        self.n_skipped += 1
        self._skipped_in_a_row += 1
        if self._skipped_in_a_row > MOST_SKIPPED_IN_A_ROW:
            raise TrainingError(
                f"{self.out.name}: the gradients of {self._skipped_in_a_row} iterations up to {self.iteration} are not "
                "numbers; use lower rates."
            )
        return False

    def _part(self, iterations: int | None, max_seconds: float | None) -> float:
        parts = [self.iteration / iterations if iterations else 0.0, self.seconds / max_seconds if max_seconds else 0.0]
        return max(parts)

    def _progress(self, iterations: int | None, max_seconds: float | None) -> Progress:
        """By seconds where these run out first, else by iterations."""
        values = {
            "iteration": self.iteration, "splats": self.model.n_gaussians,
            "ms": round(1e3 * self.record.seconds_each, 1), "preview": str(self.record.preview_path),
            "loss": round(self.record.recent("total"), 4),
            **{name: round(self.record.recent(name), 4) for name in ("l1", "psnr")},
        }  # fmt: skip
        if max_seconds and self.seconds / max_seconds >= self._part(iterations, max_seconds):
            return Progress("Training", int(self.seconds), int(max_seconds), values=values)
        return Progress("Training", self.iteration, iterations or 0, values=values)

    def _on_device(self, sample: Sample) -> Sample:
        if not self.clip.has_alpha:
            sample = replace(sample, head_pose=self._head_pose(sample.index))
        if self.device.type == "cpu":
            return sample
        names = ("target", "behind", "mask", "viewmat", "k")
        return replace(sample, **{name: getattr(sample, name).to(self.device) for name in names})


def _as(default: Any, value: Any) -> Any:
    if isinstance(default, bool):
        return value if isinstance(value, bool) else {"true": True, "false": False}[str(value).lower()]
    if isinstance(default, tuple):
        parts = value.split(",") if isinstance(value, str) else value
        if len(parts) != len(default):
            raise ValueError("as many numbers as before are needed")
        return tuple(type(d)(p) for d, p in zip(default, parts, strict=True))
    if isinstance(default, int):
        return int(float(value)) if float(value) == int(float(value)) else int(value)
    return type(default)(value)
