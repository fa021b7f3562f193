"""Lip coordinates: the principal components of an audio code over the training clip, an exact change of basis."""

from dataclasses import dataclass

import numpy as np

MIN_SIGMA = 1e-3  # of the strongest component; keeps directions the clip never used invertible


@dataclass(frozen=True)
class CodeBasis:
    """`code = rest + (coordinates * sigma) @ directions`; with all coordinates the code comes back exactly.

    Attributes:
        rest: the code of the mouth at rest, `[D]`: coordinates 0.
        directions: orthonormal rows, strongest first, `[D, D]`.
        sigma: standard deviation along each direction over the training clip, `[D]`.
    """

    rest: np.ndarray
    directions: np.ndarray
    sigma: np.ndarray

    def coordinates(self, codes: np.ndarray) -> np.ndarray:
        """Codes `[..., D]` -> coordinates in sigmas `[..., D]`."""
        return ((codes - self.rest) @ self.directions.T / self.sigma).astype(np.float32)

    def codes(self, coordinates: np.ndarray) -> np.ndarray:
        """Coordinates `[..., D]` -> codes `[..., D]`."""
        return (self.rest + (coordinates * self.sigma) @ self.directions).astype(np.float32)

    @property
    def shares(self) -> np.ndarray:
        """Share of the code's variance along each direction, `[D]`, sums to 1."""
        return self.sigma**2 / np.sum(self.sigma**2)


def fit_basis(codes: np.ndarray, resting: np.ndarray) -> CodeBasis:
    """The basis of a clip's codes.

    Args:
        codes: `[T, D]` over the training clip.
        resting: bool `[T]`, the frames whose mouth is at rest; their mean code becomes coordinates 0.
    """
    codes = codes.astype(np.float64)
    covariance = np.cov(codes, rowvar=False)
    variance, vectors = np.linalg.eigh(covariance)
    order = np.argsort(-variance, kind="stable")
    sigma = np.sqrt(np.maximum(variance[order], 0))
    directions = vectors[:, order].T
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])
    directions = directions * np.where(signs == 0, 1, signs)[:, None]
    sigma = np.maximum(sigma, max(MIN_SIGMA * sigma[0], 1e-6))
    rest = codes[resting].mean(axis=0)
    return CodeBasis(*(np.ascontiguousarray(a, dtype=np.float32) for a in (rest, directions, sigma)))


def flip_towards(basis: CodeBasis, coordinates: np.ndarray, opening: np.ndarray) -> CodeBasis:
    """Turns each direction so that it grows with the mouth's opening: sliders pushed up open rather than close.

    Args:
        coordinates: of the training clip, `[T, D]`.
        opening: mouth opening of the same frames, `[T]`.
    """
    centred = coordinates - coordinates.mean(axis=0)
    slopes = centred.T @ (opening - opening.mean())
    return CodeBasis(
        basis.rest, basis.directions * np.where(slopes < 0, -1, 1).astype(np.float32)[:, None], basis.sigma
    )
