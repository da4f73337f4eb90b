"""One figure over a rate, e.g. of what is missing: the area under its curve."""

from collections.abc import Sequence

import numpy as np


def auilc(rates: Sequence[float], values: Sequence[float], *, normalised: bool = False) -> float:
    """Area under the indicator's line chart: trapezoids between neighbouring rates.

    Args:
        rates: rising, at least two.
        values: the figure at each.
        normalised: divide by the width of the range, so that curves over different ranges compare; the mean figure.

    Raises:
        ValueError: fewer than two points, or rates that do not rise.

    Source: Yuan et al., ACM MM 2021 (TFR-Net), where it is not divided.
    """
    if len(rates) < 2 or len(rates) != len(values) or any(b <= a for a, b in zip(rates, rates[1:], strict=False)):
        raise ValueError(f"expected two or more rising rates and as many values, got {list(rates)} and {len(values)}")
    area = float(np.trapezoid(np.asarray(values, dtype=np.float64), np.asarray(rates, dtype=np.float64)))
    return area / (rates[-1] - rates[0]) if normalised else area
