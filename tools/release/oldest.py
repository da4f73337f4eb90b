"""Print the oldest version of each direct dependency that setup.cfg allows, one ``name==version`` a line, for pip.

The packages are those of mmkg itself and of the named extras. ``--use name==version`` replaces one of them, e.g. torch
where no CPU build of the oldest is in reach. ``.ci/oldest`` installs them and runs the tests of the library::

    python tools/release/oldest.py all tensorboard
    python tools/release/oldest.py all --use torch==2.13.0
"""

import argparse
import configparser
import sys
from collections.abc import Collection
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SETUP = Path(__file__).parents[2] / "setup.cfg"


def requirements(setup: configparser.ConfigParser, extras: Collection[str]) -> list[Requirement]:
    """What mmkg itself and some extras need, each once, in the order of the file.

    Raises:
        ValueError: there is no such extra.
    """
    known = setup["options.extras_require"]
    if unknown := [name for name in extras if name not in known]:
        raise ValueError(f"{unknown[0]}: setup.cfg has no such extra; it has {', '.join(known)}")
    texts = [setup["options"]["install_requires"], *(known[name] for name in extras)]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return [Requirement(line) for line in dict.fromkeys(lines) if line and not line.startswith("#")]


def oldest(needed: Requirement) -> str:
    """The oldest version that a requirement allows, e.g. ``ray[train]==2.60`` of ``ray[train]>=2.60``.

    Raises:
        ValueError: the requirement is not one bound of the kind ``>=`` or ``==``.
    """
    bounds = [each for each in needed.specifier if each.operator in (">=", "==")]
    if len(bounds) != 1:
        raise ValueError(f"{needed}: expected one bound as in name>=1.2; set it in setup.cfg")
    extras = f"[{','.join(sorted(needed.extras))}]" if needed.extras else ""
    return f"{needed.name}{extras}=={bounds[0].version}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("extras", nargs="*", help="extras of setup.cfg, beside mmkg itself")
    parser.add_argument("--use", action="append", default=[], metavar="NAME==VERSION", help="this version of a package")
    given = parser.parse_args()
    setup = configparser.ConfigParser()
    setup.read(SETUP, encoding="utf-8")
    try:
        found = {canonicalize_name(each.name): oldest(each) for each in requirements(setup, given.extras)}
    except ValueError as error:
        sys.exit(str(error))
    used = {canonicalize_name(each.partition("==")[0]): each for each in given.use}
    if unknown := used.keys() - found:
        sys.exit(f"--use {used[min(unknown)]}: not a direct dependency; those are {', '.join(found)}")
    print("\n".join((found | used).values()))


if __name__ == "__main__":
    main()
