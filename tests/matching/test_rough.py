import numpy as np
import pytest

from mmkg.errors import InputError
from mmkg.matching.rough import rough_curve

MATCHES = np.array([0.1, 0.2, 0.4, 0.4, 0.4, 0.8, 1.0], np.float32)  # the median is 0.4


def test_the_scale_is_the_mean_of_decoys_that_look_like_matches():
    # five supposed decoys of 0.4 / 4, and five of 0.3: (5 * 0.1 + 5 * 0.3) / 10 = 0.2
    decoys = np.array([0.3] * 5 + [-0.5] * 20)
    curve = rough_curve(MATCHES, decoys)
    assert curve.slope == pytest.approx(2 / 0.2) and curve.intercept == 0
    assert rough_curve(MATCHES, decoys[:0]).slope == pytest.approx(2 / 0.1)


def test_parts_that_contradict_each_other_lower_the_curve():
    decoys = np.full(5, 0.3)
    sound, middle, unsound = (rough_curve(MATCHES, decoys, share) for share in (0.5, 0.375, 0.25))
    assert sound == rough_curve(MATCHES, decoys)
    assert (middle.slope, middle.intercept) == (pytest.approx(1.25 / 0.2), pytest.approx(-1))
    assert (unsound.slope, unsound.intercept) == (pytest.approx(0.5 / 0.2), pytest.approx(-2))
    assert rough_curve(MATCHES, decoys, 1.0) == sound and rough_curve(MATCHES, decoys, 0.0) == unsound


@pytest.mark.parametrize("matches", [[0.1] * 4, [0.1] * 4 + [0.0], [0.1] * 4 + [np.inf]])
def test_too_few_matches_and_margins_of_no_match_are_refused(matches):
    with pytest.raises(InputError, match="at least 5 finite margins above 0"):
        rough_curve(np.array(matches), np.array([0.1]))
