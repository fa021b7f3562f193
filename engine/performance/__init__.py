"""Editing a take without touching it: layers, keys, cuts, blinks, gaze and camera over the raw performance."""
