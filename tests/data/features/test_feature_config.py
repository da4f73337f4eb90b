from dataclasses import replace

import pytest

from mmkg.data.features.config import FeatureConfig
from mmkg.errors import UsageError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"top_ngrams": 0}, "top_ngrams: input should be greater than or equal to 1, got 0"),
        ({"top_values": -3}, "top_values: .* got -3"),
        ({"ngram_sizes": (1, 4)}, "ngram_sizes.1: input should be less than or equal to 3, got 4"),
        ({"ngram_sizes": ()}, "ngram_sizes: tuple should have at least 1 item"),
        ({"name_form": "nfc"}, "name_form: input should be 'plain', 'nfkc' or 'ascii', got 'nfc'"),
        ({"fill_images": "noise"}, "fill_images: "),
        ({"top_ngram": 5}, "unknown setting 'top_ngram'; did you mean 'top_ngrams'"),
    ],
)
def test_a_setting_out_of_range_is_refused_when_the_settings_are_built(values, message):
    with pytest.raises(UsageError, match=message):
        FeatureConfig(**values)
    if "top_ngram" not in values:
        with pytest.raises(UsageError, match=message):
            replace(FeatureConfig(), **values)
