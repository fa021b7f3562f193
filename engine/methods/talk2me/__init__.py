"""Talk2Me: a region-weighted Gaussian head, an expression generator with Kronecker fusion, retrieved head motion.

Its head motion serves avatars of every method and lives in `engine.head_motion`.
"""
