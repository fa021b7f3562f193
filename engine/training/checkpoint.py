"""Where a training stands, on disk: tensors as safetensors, the rest as JSON, so that it can go on after any stop."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.errors import TrainingError
from engine.paths import atomic_file

if TYPE_CHECKING:
    from engine.training.trainer import TrainingRun

VERSION = 1
FILE = "checkpoint.safetensors"


class Checkpoint:
    """The checkpoint of one training folder; one file, replaced whole."""

    def __init__(self, folder: Path, method: str) -> None:
        self._path = folder / FILE
        self._method = method

    @property
    def exists(self) -> bool:
        return self._path.is_file()

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)

    def save(self, run: "TrainingRun") -> None:
        """Raises OutputError if it cannot be written; the one before stays."""
        model = run.model
        tensors: dict[str, Tensor] = {}
        for name, value in model.splats.items():
            tensors[f"splats.{name}"] = value.detach()
            tensors |= adam_state(run.splat_optimizers[name], f"adam.{name}")
        tensors |= {f"tags.{name}": value for name, value in model.tags.items()}
        tensors |= {f"networks.{name}": value for name, value in model.networks.state_dict().items()}
        tensors |= adam_state(run.network_optimizer, "adam_networks")
        tensors |= {"poses": run.poses.twists.detach()} | adam_state(run.pose_optimizer, "adam_poses")
        tensors |= {f"density.{name}": value for name, value in run.density.state().items()}
        tensors["torch_rng"], tensors["split_rng"] = torch.get_rng_state(), run.generator.get_state()
        state = {
            "version": VERSION, "method": self._method, "dataset": run.clip.info.name, "n_train": run.clip.n_train,
            "iteration": run.iteration, "stage": run.stage, "seconds": run.seconds,
            "refined": [run._refined_at, run._refined_iteration],
            "rng": model.rng.bit_generator.state, "n_picked": model.n_picked,
            "colors": run.color_generator.bit_generator.state, "rows": run.record.rows(),
        }  # fmt: skip
        whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        with atomic_file(self._path) as temporary:
            try:
                save_file(whole, temporary, {"state": json.dumps(state)})
            except SafetensorError as error:
                raise OSError(str(error)) from error

    def restore(self, run: "TrainingRun") -> None:
        """Puts a run where the checkpoint stands.

        Raises:
            TrainingError: if the checkpoint is damaged, or of another method, dataset or configuration.
        """
        tensors, state = self._read()
        if (state.get("method"), state.get("dataset"), state.get("n_train")) != (
            self._method, run.clip.info.name, run.clip.n_train,
        ):  # fmt: skip
            raise TrainingError(f"{self._path}: is of another training; start afresh with --fresh.")
        try:
            self._put(run, tensors, state)
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise TrainingError(
                f"{self._path}: was made with other settings ({error}); start afresh with --fresh."
            ) from error

    def _put(self, run: "TrainingRun", tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        model, device = run.model, run.device
        if state.get("stage", 0) != run.stage:
            run.enter(int(state["stage"]), 0.0)
        for name, old in list(model.splats.items()):
            new = tensors[f"splats.{name}"].to(device)
            if new.shape[1:] != old.shape[1:]:
                raise ValueError(f"{name} has rows of {tuple(new.shape[1:])}, not {tuple(old.shape[1:])}")
            new.requires_grad_()
            model.splats[name] = new
            optimizer = run.splat_optimizers[name]
            optimizer.state.pop(old, None)
            optimizer.param_groups[0]["params"] = [new]
            restore_adam(optimizer, f"adam.{name}", tensors, device)
        for name in list(model.tags):
            model.tags[name] = tensors[f"tags.{name}"].to(device)
        model.networks.load_state_dict(
            {n.removeprefix("networks."): t for n, t in tensors.items() if n.startswith("networks.")}
        )
        restore_adam(run.network_optimizer, "adam_networks", tensors, device)
        with torch.no_grad():
            run.poses.twists.copy_(tensors["poses"])
        restore_adam(run.pose_optimizer, "adam_poses", tensors, device)
        run.density.restore({n.removeprefix("density."): t.to(device) for n, t in tensors.items()
                             if n.startswith("density.")})  # fmt: skip
        torch.set_rng_state(tensors["torch_rng"])
        run.generator.set_state(tensors["split_rng"])
        run.iteration, run.seconds = int(state["iteration"]), float(state["seconds"])
        run._refined_at, run._refined_iteration = state["refined"]
        model.rng.bit_generator.state = state["rng"]
        model.n_picked = state["n_picked"]
        run.color_generator.bit_generator.state = state["colors"]
        run.record.restore(state["rows"])

    def _read(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        try:
            with safe_open(self._path, framework="pt") as file:
                state = json.loads((file.metadata() or {})["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise TrainingError(f"{self._path}: cannot be read ({error}); start afresh with --fresh.") from error
        if state.get("version") != VERSION:
            raise TrainingError(f"{self._path}: is of another version of the program; start afresh with --fresh.")
        return tensors, state


def save_learning(path: Path, net: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Writes where the learning of one network stands, for priors; the file is replaced whole.

    Args:
        state: what else is to be known, as JSON.
    """
    tensors = {f"net.{name}": value for name, value in net.state_dict().items()} | adam_state(optimizer, "adam")
    whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    with atomic_file(path) as temporary:
        save_file(whole, temporary, {"state": json.dumps(state)})


def restore_learning(path: Path, net: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Puts network and optimizer where `save_learning` left them; gives its state.

    Raises:
        RuntimeError: if the network is of another size.
    """
    with safe_open(path, "pt") as file:
        state = json.loads(file.metadata()["state"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    net.load_state_dict({n.removeprefix("net."): t for n, t in tensors.items() if n.startswith("net.")})
    restore_adam(optimizer, "adam", tensors, "cpu")
    return state


def adam_state(optimizer: torch.optim.Optimizer, prefix: str) -> dict[str, Tensor]:
    """An Adam optimizer's moments by parameter number."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    tensors = {}
    for number, parameter in enumerate(parameters):
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{prefix}.{number}.{key}"] = torch.as_tensor(value)
    return tensors


def restore_adam(optimizer: torch.optim.Optimizer, prefix: str, tensors: dict[str, Tensor], device) -> None:
    """Puts an Adam optimizer where `adam_state` found it."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for number, parameter in enumerate(parameters):
        start = f"{prefix}.{number}."
        state = {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
        if state:
            optimizer.state[parameter] = {k: v.clone() if k == "step" else v.to(device) for k, v in state.items()}
