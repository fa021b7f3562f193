"""What this machine has for Mouthpiece, what it lacks, and what to do about it."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass

from rich.console import Console

from engine.errors import MouthpieceError
from engine.paths import cache_dir, find_face_landmarker

MARKS = {"good": ("✓", "green"), "lacking": ("!", "yellow"), "missing": ("✗", "red")}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `state` is good, lacking (works without) or missing (something does not work)."""

    name: str
    state: str
    found: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        return asdict(self)


def examine() -> list[Finding]:
    """Looks at the processor, GPU, OpenGL, display, sound, models and tools; changes nothing."""
    return [_processor(), _memory(), _torch(), _nvidia(), _opengl(), _display(), _sound(), _face_landmarker(),
            _speech_models(), _voices()]  # fmt: skip


def show(findings: list[Finding]) -> None:
    console = Console(highlight=False)
    for finding in findings:
        mark, color = MARKS[finding.state]
        console.print(f"[{color}]{mark}[/] [bold]{finding.name:<15}[/] ", end="")
        console.print(finding.found, markup=False, soft_wrap=True)
        if finding.remedy:
            console.print(f"  {'':<15} {finding.remedy}", markup=False, soft_wrap=True)


def _processor() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding("Processor", "good", f"{cores} cores, {platform.machine()}, Python {platform.python_version()}")


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    state = "good" if memory.available > 2 << 30 else "lacking"
    remedy = "" if state == "good" else "Close other programs: an avatar on stage takes about 1.2 GB."
    return Finding("Memory", state, f"{memory.available >> 20:,} MB free of {memory.total >> 20:,} MB", remedy)


def _torch() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("PyTorch", "missing", "not installed", "Run make run, or pip install 'torch>=2.6,<2.14'.")
    from importlib.metadata import version

    return Finding("PyTorch", "good", version("torch"))


def _nvidia() -> Finding:
    if shutil.which("nvidia-smi") is None:
        return Finding("NVIDIA GPU", "lacking", "none; splats are drawn by the processor or by OpenGL")
    import torch

    if not torch.cuda.is_available():
        return Finding("NVIDIA GPU", "lacking", "a driver, but this PyTorch cannot use it",
                       "Install a CUDA build of torch 2.6 to 2.13.")  # fmt: skip
    name = torch.cuda.get_device_name()
    if importlib.util.find_spec("gsplat") is None:
        return Finding("NVIDIA GPU", "lacking", f"{name}, but gsplat is not installed", "Run pip install gsplat.")
    return Finding("NVIDIA GPU", "good", name)


def _opengl() -> Finding:
    """Looks in a child process: a broken driver may end the process that asks."""
    script = (
        "import moderngl\n"
        "try: c = moderngl.create_standalone_context(backend='egl')\n"
        "except Exception: c = moderngl.create_standalone_context()\n"
        "print(c.info['GL_RENDERER'], '|', c.version_code)"
    )
    try:
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)
    except subprocess.TimeoutExpired:
        return Finding("OpenGL", "lacking", "the driver does not answer", "Splats are drawn by the processor instead.")
    if done.returncode:
        return Finding("OpenGL", "lacking", "no context could be made",
                       "On Debian or Ubuntu: apt install libegl1 libgl1 libgl1-mesa-dri.")  # fmt: skip
    renderer, _, version = done.stdout.strip().partition(" | ")
    software = any(word in renderer.lower() for word in ("llvmpipe", "softpipe", "swiftshader"))
    found = f"{renderer}, version {version}" + (" (software: the processor draws splats faster)" if software else "")
    return Finding("OpenGL", "good", found)


def _display() -> Finding:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return Finding("Display", "lacking", "none", "The window needs one; mouthpiece render works without.")
    return Finding(
        "Display", "good", os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or platform.system()
    )


def _sound() -> Finding:
    """Looks in a child process: PortAudio prints to the terminal and may hang on a broken server."""
    script = (
        "import json, sounddevice as s\n"
        "print(json.dumps([d['name'] for d in s.query_devices() if d['max_input_channels'] > 0]))"
    )
    try:
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)
    except subprocess.TimeoutExpired:
        return Finding("Microphone", "lacking", "the sound system does not answer", "Restart PulseAudio or PipeWire.")
    if done.returncode:
        return Finding("Microphone", "lacking", "PortAudio is not installed",
                       "On Debian or Ubuntu: apt install libportaudio2 libasound2-plugins.")  # fmt: skip
    names = [name for name in done.stdout.strip().strip("[]").replace('"', "").split(", ") if name]
    if not names:
        return Finding("Microphone", "lacking", "none found", "Plug one in; until then a sound file drives the face.")
    return Finding("Microphone", "good", ", ".join(names))


def _face_landmarker() -> Finding:
    try:
        return Finding("Face tracking", "good", str(find_face_landmarker()))
    except MouthpieceError as error:
        return Finding("Face tracking", "lacking", "capturing a video needs a model", str(error))


def _speech_models() -> Finding:
    if importlib.util.find_spec("transformers") is None:
        return Finding("Speech models", "lacking", "transformers is not installed; the built-in encoders need none",
                       "For HuBERT or wav2vec 2.0: pip install 'mouthpiece[speech]'.")  # fmt: skip
    return Finding(
        "Speech models", "good", f"transformers is there; weights are looked for in {cache_dir() / 'models'}"
    )


def _voices() -> Finding:
    missing = [name for name in ("espeak-ng", "flite") if shutil.which(name) is None]
    if missing:
        found = f"{' and '.join(missing)} not installed; only filming made heads needs them"
        return Finding("Made voices", "lacking", found, f"On Debian or Ubuntu: apt install {' '.join(missing)}.")
    return Finding("Made voices", "good", "espeak-ng and flite")
