"""The area under the curve of a metric over a rate, e.g. the rate of missing values."""

from collections.abc import Sequence

import numpy as np


def auilc(rates: Sequence[float], values: Sequence[float], *, normalised: bool = False) -> float:
    """Area under the indicator's line chart: trapezoids between neighbouring rates.

    Args:
        rates: in ascending order, at least two.
        values: the metric at each rate.
        normalised: divide by the width of the range, which gives the mean value and makes curves over different ranges
            comparable.

    Raises:
        ValueError: fewer than two points, or rates that are not in ascending order.

    Source:
        Yuan et al., ACM MM 2021 (TFR-Net), without the division.
    """
    if len(rates) < 2 or len(rates) != len(values) or any(b <= a for a, b in zip(rates, rates[1:], strict=False)):
        raise ValueError(
            f"expected two or more ascending rates and as many values, got {list(rates)} and {len(values)}"
        )
    area = float(np.trapezoid(np.asarray(values, dtype=np.float64), np.asarray(rates, dtype=np.float64)))
    return area / (rates[-1] - rates[0]) if normalised else area
