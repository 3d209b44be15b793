"""How far the networks of an ensemble are from each other: where they disagree, they err more."""

from collections.abc import Mapping

import numpy as np

from pneumo.detection.ensemble import cells_of, level_of_cells

CELLS = 5
"""Cells of which networks' disagreement is the mean."""


def spread(
    probabilities: Mapping[str, np.ndarray], weights: Mapping[str, float], blended: np.ndarray
) -> np.ndarray:
    """Per pixel the weighted standard deviation of the networks' maps around their blend.

    Maps and ``blended`` are ``(n, size_px, size_px)`` in [0, 1], ``weights`` sum to one; returns
    float32 of that shape, in [0, 0.5], and 0 for a network alone.
    """
    total = np.zeros(blended.shape, np.float32)
    for name, weight in weights.items():
        if weight > 0:
            total += np.float32(weight) * np.square(probabilities[name] - blended)
    return np.sqrt(total)


def disagreement(cells: np.ndarray) -> np.ndarray:
    """One number per radiograph, in [0, 0.5], from means of the spread over cells.

    ``cells`` is ``(n, GRID * GRID)``, or ``(n, GRID, GRID)``. The cells that differ most are
    averaged: a field on which all agree says nothing.
    """
    return level_of_cells(np.asarray(cells, np.float64).reshape(len(cells), -1), CELLS)


def disagreement_of(
    probabilities: Mapping[str, np.ndarray], weights: Mapping[str, float], blended: np.ndarray
) -> np.ndarray:
    """``disagreement`` of networks' maps ``(n, size_px, size_px)`` around their blend: ``(n)``."""
    return disagreement(cells_of(spread(probabilities, weights, blended)))
