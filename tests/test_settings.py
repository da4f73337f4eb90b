from dataclasses import asdict, dataclass, field, replace
from typing import Annotated

import pytest
from pydantic import Field

from mmkg.errors import UsageError
from mmkg.settings import configuration, names_in, parse


@configuration
@dataclass(frozen=True)
class Inner:
    """How much."""

    epochs: Annotated[int, Field(ge=1)] = 3
    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.5

    def __post_init__(self):
        if self.epochs == 13:
            raise UsageError("not thirteen")


@configuration
@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    widths: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Inner(epochs=0), "epochs: input should be greater than or equal to 1, got 0"),
        (lambda: Inner(0), "epochs: input should be greater than or equal to 1, got 0"),
        (lambda: replace(Inner(), rate=float("nan")), "rate: input should be a finite number, got nan"),
        (lambda: Inner(epochs=13), "not thirteen"),
        (lambda: Inner(epoch=1), "unknown setting 'epoch'; did you mean 'epochs'"),
        (lambda: Outer(widths="ab"), "widths: input should be a valid tuple, got 'ab'"),
        (
            lambda: parse(Outer(), {"inner": {"epochs": 0}}, "training"),
            "training.inner.epochs: input should be",
        ),
        (lambda: parse(Outer(), {"inner": {"epochs": 13}}, "training"), "training.inner: not thirteen"),
    ],
)
def test_a_value_out_of_its_range_is_refused_by_name(build, message):
    with pytest.raises(UsageError) as error:
        build()
    assert str(error.value).startswith(message)


def test_a_configuration_is_a_dataclass_of_plain_values():
    assert asdict(Outer(widths=[1, 2])) == {"inner": {"epochs": 3, "rate": 0.5}, "widths": (1, 2)}
    assert Inner() == Inner(3, 0.5) and hash(Inner()) == hash(Inner(3, 0.5))
    assert Inner.__name__ == "Inner" and Inner.__doc__ == "How much."
    with pytest.raises(AttributeError):
        Inner().epochs = 4


def test_several_names_in_one_text_are_refused_with_the_list_to_give():
    assert names_in("name", "modalities") == ["name"] and names_in(("a", "b"), "modalities") == ["a", "b"]
    for given in ("structure, relation", ["structure, relation"]):
        expected = r"got 'structure, relation'; give \['structure', 'relation'\]"
        with pytest.raises(UsageError, match=f"modalities must be a name or a list of names, {expected}"):
            names_in(given, "modalities")
