"""Mouthpiece's engine: avatars, splats, sound and capture, usable from a script without a window."""

__version__ = "0.1.0"
