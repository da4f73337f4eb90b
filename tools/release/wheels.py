"""Print for which Python versions the pinned versions of constraints.txt have wheels for this platform.

pip resolves the pins for each version of Python and installs nothing; of most it downloads only the metadata. An index
or a folder of CPU builds that pip is configured to use counts too. It takes a minute or two per version::

    python tools/release/wheels.py 3.12 3.13 3.14
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PINS = Path(__file__).parents[2] / "constraints.txt"
MISSING = re.compile(r"No matching distribution found for ([\w.-]+==[\w.]+)")


def resolve(python: str, pins: list[str]) -> tuple[bool, str]:
    """Whether pip finds a wheel of each pin for a version of Python, and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pins.txt"
        file.write_text("\n".join(pins), encoding="utf-8")
        words = ["install", "--dry-run", "--ignore-installed", "--no-deps", "--only-binary", ":all:"]
        place = ["--target", folder, "--python-version", python, "-r", str(file)]
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words, *place]
        done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def without_wheel(python: str, pins: list[str]) -> list[str]:
    """The pins for which there is no wheel for a version of Python.

    Raises:
        RuntimeError: pip failed for another reason; the text is its last line.
    """
    missing: list[str] = []
    while True:
        found, text = resolve(python, [pin for pin in pins if pin not in missing])
        if found:
            return missing
        named = MISSING.search(text)
        if named is None or named[1] not in pins or named[1] in missing:
            raise RuntimeError(f"pip for Python {python}: {text.strip().splitlines()[-1]}")
        missing.append(named[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("python", nargs="+", help="versions of Python, e.g. 3.12")
    lines = [line.strip() for line in PINS.read_text(encoding="utf-8").splitlines()]
    pins = [line for line in lines if line and not line.startswith("#")]
    print("| Python | pinned versions with a wheel | without |\n|---|---|---|")
    for python in parser.parse_args().python:
        try:
            missing = without_wheel(python, pins)
        except RuntimeError as error:
            sys.exit(str(error))
        print(f"| {python} | {len(pins) - len(missing)} of {len(pins)} | {', '.join(missing) or '-'} |", flush=True)


if __name__ == "__main__":
    main()
