"""Every error a user can cause or meet, each a single sentence that says what, where and what to do."""


class MouthpieceError(Exception):
    """Something went wrong that the user can understand and act on; the command line ends with `exit_code`."""

    exit_code = 2


class AudioError(MouthpieceError):
    """A sound file or a sound device that cannot be used."""


class VideoError(MouthpieceError):
    """A video that cannot be read or has no usable face."""


class DatasetError(MouthpieceError):
    """A dataset folder that is missing, incomplete or inconsistent."""


class AvatarError(MouthpieceError):
    """An avatar file that is truncated, foreign or inconsistent."""


class TakeError(MouthpieceError):
    """A take or a recording journal that cannot be read."""


class ProjectError(MouthpieceError):
    """A project folder that cannot be opened or saved."""


class ControlError(MouthpieceError):
    """A control name or value that the avatar does not have."""


class CameraError(MouthpieceError):
    """A camera description that cannot be used."""


class ModelMissingError(MouthpieceError):
    """Weights that must be fetched by the user; the message names the place and the command."""


class OutputError(MouthpieceError):
    """A file that cannot be written: unwritable folder, full disk, unsupported format."""


class BackendError(MouthpieceError):
    """A rasterizer that cannot run on this machine."""


class TrainingError(MouthpieceError):
    """A training that cannot start or go on."""
