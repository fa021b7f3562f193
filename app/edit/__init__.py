"""The Edit workspace: a take on its line of time, its layers, keys, eyes and camera."""
