"""Parts by name that are imported when they are used."""

import subprocess
import sys

import pytest

from mmkg.registry import Registry


@pytest.fixture
def codecs():
    """Two modules of the standard library, as if they were parts of the package ``encodings``."""
    return Registry({"ascii": ".ascii:Codec", "rot": ".rot_13:Codec"}, "encodings.aliases")


def test_names_are_known_without_an_import():
    code = (
        "import sys; from mmkg.registry import Registry\n"
        "names = Registry({'a': '.rot_13:Codec'}, 'encodings.aliases')\n"
        "print(list(names), len(names), 'a' in names, 'b' in names, names)\n"
        "print('encodings.rot_13' in sys.modules, names['a'].__name__, 'encodings.rot_13' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['a'] 1 True False Registry(a)", "False Codec True"]


def test_a_part_is_that_of_its_module(codecs):
    import encodings.rot_13

    assert codecs["rot"] is encodings.rot_13.Codec
    assert [part.__module__ for part in codecs.values()] == ["encodings.ascii", "encodings.rot_13"]


def test_it_is_a_dict_to_its_users(codecs):
    codecs["mine"] = int
    codecs["ascii"] = float
    assert list(codecs) == ["ascii", "rot", "mine"]
    assert {**codecs}["ascii"] is float and codecs.get("mine") is int and codecs.get("none") is None
    del codecs["ascii"]
    assert list(codecs) == ["rot", "mine"]
    with pytest.raises(KeyError):
        codecs["ascii"]
    with pytest.raises(KeyError):
        del codecs["ascii"]


def test_a_place_that_does_not_exist_is_an_error_of_its_user():
    with pytest.raises(AttributeError, match="NoCodec"):
        Registry({"a": ".ascii:NoCodec"}, "encodings.aliases")["a"]
