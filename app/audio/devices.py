"""Microphones and loudspeakers by name, and the one place that knows PortAudio and its moods."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

from app.audio import pulse
from app.audio.device_look import DeviceLook
from engine.errors import AudioError

_HOST_APIS = {"win32": "Windows WASAPI", "darwin": "Core Audio", "linux": "ALSA"}  # of several views of one device
_MAX_CHANNELS = 32
_SERVER = "pulse"  # PortAudio's device for the sound server, through ALSA


@dataclass(frozen=True)
class AudioDevice:
    """A microphone or a loudspeaker as the user chooses it: always by name, never by a number that changes.

    Attributes:
        kind: `input` or `output`.
        channels, rate_hz: the device's own.
        is_default: whether the system would take it.
        is_monitor: whether it is what other programs play, offered as an input.
        is_muted: muted in the system's own mixer.
        key: what the sound system calls it; equal for the same device at another time.
    """

    name: str
    kind: str
    channels: int
    rate_hz: float
    is_default: bool = False
    is_monitor: bool = False
    is_muted: bool = False
    key: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "AudioDevice":
        return cls(**{name: row[name] for name in cls.__dataclass_fields__ if name in row})


def choose(devices: list[AudioDevice], kind: str, name: str | None) -> AudioDevice | None:
    """The device of that name or key, with None the system's default; None when it is not there.

    What other programs play is never taken for a microphone unless it is asked for by name.
    """
    of_kind = [device for device in devices if device.kind == kind]
    if name is not None:
        return next((device for device in of_kind if name in (device.name, device.key)), None)
    real = [device for device in of_kind if not device.is_monitor]
    return next((device for device in real if device.is_default), real[0] if real else None)


class SoundSystem:
    """PortAudio, opened when first needed; where PulseAudio or PipeWire answers, devices come from there.

    PortAudio through ALSA shows a sound server as the one device `pulse`; which of its sources and sinks a stream
    uses is told through the environment when the stream is opened.
    """

    def __init__(self) -> None:
        self.before_refresh: list[Callable[[], None]] = []  # told to close their streams
        self._sounddevice: ModuleType | None = None
        self._n_open = 0
        self._look = DeviceLook()
        self._is_down = False
        self._has_answered = self._is_served = False

    @property
    def has_server(self) -> bool:
        return sys.platform == "linux" and pulse.is_installed()

    def devices(self) -> list[AudioDevice]:
        """All devices there are now, as far as PortAudio may be asked without being restarted.

        Raises:
            AudioError: if there is no PortAudio, or it does not start; names the remedy.
        """
        sounddevice = self._load()
        found = pulse.list_devices() if self.has_server else []
        if found and not self._has_answered and self._server_index(sounddevice) is None:
            self._begin_anew()  # the server came after PortAudio had looked
        self._has_answered = bool(found)
        self._is_served = self._has_answered and self._server_index(sounddevice) is not None
        return [AudioDevice(**row) for row in found] if self._is_served else _portaudio_devices(sounddevice)

    def fresh_devices(self) -> list[AudioDevice]:
        """All devices there are now, asked in a child where PortAudio would have to be started anew to see them."""
        known = self.devices()
        seen = None if self._is_served else self._look.wait()
        return known if seen is None else [AudioDevice.from_json(row) for row in seen]

    def refresh(self) -> None:
        """Has PortAudio see what was plugged in, for which it must be started anew; asked while a device is missing.

        That closes open streams, and on Linux it is dangerous (`DeviceLook`). So there, or while a stream is open, a
        child looks first whether there is anything new.

        Raises:
            AudioError: if it does not start again.
        """
        known = self.devices()
        if self._is_served:
            return  # the server's list is never old
        if sys.platform != "linux" and not self._n_open:
            self._begin_anew()
            return
        rows = self._look.take()
        if rows is None:
            return
        seen = [AudioDevice.from_json(row) for row in rows]
        if not {(d.kind, d.key) for d in seen} <= {(d.kind, d.key) for d in known} or (
            not self._n_open and seen != known
        ):
            self._begin_anew()

    def open(self, device: AudioDevice, **settings: Any) -> Any:
        """A sounddevice stream on the device, not started.

        Args:
            settings: of `sounddevice.InputStream` or `OutputStream`.

        Raises:
            AudioError: if it cannot be opened.
        """
        sounddevice = self._load()
        stream_class = sounddevice.InputStream if device.kind == "input" else sounddevice.OutputStream
        index, extra = self._address(sounddevice, device)
        try:
            with pulse.stream_on(device.kind, device.key), _quiet():
                stream = stream_class(device=index, extra_settings=extra, dtype="float32", **settings)
        except (sounddevice.PortAudioError, ValueError) as error:
            raise AudioError(f"{device.name}: cannot be opened ({_reason(error)}); choose another device.") from error
        self._n_open += 1
        return stream

    def start(self, stream: Any, device: AudioDevice) -> None:
        """Starts a stream that `open` gave.

        Raises:
            AudioError: if it does not start; it is closed then.
        """
        try:
            stream.start()
        except self._load().PortAudioError as error:
            self.close(stream)
            raise AudioError(f"{device.name}: does not start ({_reason(error)}); choose another device.") from error

    def close(self, stream: Any) -> None:
        """Closes a stream whatever state it is in."""
        self._n_open -= 1
        try:
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)
        except self._load().PortAudioError as error:
            print(f"closing a sound stream: {error}", file=sys.stderr)

    def latency_ms(self, device: AudioDevice) -> float | None:
        """An input's latency by the sound server's word, None where there is no server to ask.

        PortAudio's own timing of streams through the server is of no use: it wanders by a second.
        """
        return None if device.key.startswith(_PORTAUDIO_KEY) else pulse.latency_ms(device.key)

    def output_latency_ms(self, device: AudioDevice) -> float | None:
        """What is buffered of this process's stream on an output now, by the sound server's word; None without one."""
        return None if device.key.startswith(_PORTAUDIO_KEY) else pulse.output_latency_ms(device.key)

    def finish(self) -> None:
        """Ends what is still looking for devices."""
        self._look.close()

    def _begin_anew(self) -> None:
        sounddevice = self._load()
        for close_stream in self.before_refresh:
            close_stream()
        with _quiet(), contextlib.suppress(sounddevice.PortAudioError):
            sounddevice._terminate()
        self._is_down = True
        self._load()

    def _load(self) -> ModuleType:
        """PortAudio, running."""
        if self._sounddevice is None:
            try:
                import sounddevice
            except OSError as error:  # the wheel for Linux comes without PortAudio
                raise AudioError(
                    "PortAudio is not installed, so no microphone can be used; install it with: "
                    "sudo apt install libportaudio2 libasound2-plugins"
                ) from error
            self._sounddevice = sounddevice
        if self._is_down:
            try:
                with _quiet():
                    self._sounddevice._initialize()
            except self._sounddevice.PortAudioError as error:
                raise AudioError(f"The sound system does not start ({_reason(error)}); it is tried again.") from error
            self._is_down = False
        return self._sounddevice

    def _server_index(self, sounddevice: ModuleType) -> int | None:
        rows = [(index, row["name"]) for index, row in enumerate(sounddevice.query_devices())]
        return next((index for wanted in (_SERVER, "default") for index, name in rows if name == wanted), None)

    def _address(self, sounddevice: ModuleType, device: AudioDevice) -> tuple[int, Any]:
        extra = None
        if sys.platform == "win32":
            extra = sounddevice.WasapiSettings(auto_convert=True)  # shared mode, whatever rate the mixer has
        if not device.key.startswith(_PORTAUDIO_KEY):
            index = self._server_index(sounddevice)
        else:
            rows = enumerate(sounddevice.query_devices())
            index = next((i for i, row in rows if _portaudio_key(row) == device.key), None)
        if index is None:
            raise AudioError(f"{device.name}: is not there any more; plug it in again or choose another device.")
        return index, extra


_PORTAUDIO_KEY = "portaudio:"


def _portaudio_devices(sounddevice: ModuleType) -> list[AudioDevice]:
    apis = sounddevice.query_hostapis()
    wanted = _HOST_APIS.get(sys.platform)
    api = next((i for i, row in enumerate(apis) if row["name"] == wanted and row["devices"]), None)
    devices = []
    has_server = any(row["name"] == _SERVER for row in sounddevice.query_devices())
    for index, row in enumerate(sounddevice.query_devices()):
        if (api is not None and row["hostapi"] != api) or (has_server and row["name"] in (_SERVER, "default")):
            continue  # another view of the same device, or a server that does not answer
        host = apis[row["hostapi"]]
        for kind in ("input", "output"):
            channels = row[f"max_{kind}_channels"]
            if channels:
                is_default = host[f"default_{kind}_device"] == index
                name, rate_hz = row["name"], float(row["default_samplerate"])
                channels = min(channels, _MAX_CHANNELS)
                devices.append(AudioDevice(name, kind, channels, rate_hz, is_default, key=_portaudio_key(row)))
    return devices


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps ALSA and PortAudio from writing pages about devices that are not there; errors are raised all the same."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def _portaudio_key(row: dict[str, Any]) -> str:
    return f"{_PORTAUDIO_KEY}{row['hostapi']}:{row['name']}"


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
