"""Mouthpiece's desktop program."""
