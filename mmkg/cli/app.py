"""The command line: the typer application, its sub-commands and the handling of errors.

Results go to stdout, progress to stderr; exit status 0 = done, 1 = failed, 2 = wrong usage. A sub-command is a function
in a module beside this one and one line below; it reads options, calls the library and prints the result.
"""

import logging
import os
import sys
from typing import Annotated

import typer

from ..errors import MmkgError, UsageError
from ..version import __version__
from . import align, convert, doctor, fetch, images, inspect, runs, sentiment

app = typer.Typer(
    name="mmkg",
    help="Align the entities of two knowledge graphs: load, train, search, match, evaluate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Options before a sub-command."""
    if version:
        print(__version__)
        raise typer.Exit


# in the order of --help, each with its example
app.command(epilog="Example: mmkg describe emoji-fr-en")(align.describe)
app.command(epilog="Example: mmkg align emoji-fr-en --set training.epochs=20 --out RUN")(align.align)
app.command(epilog="Example: mmkg evaluate RUN --candidates all")(runs.evaluate)
app.command(epilog="Example: mmkg search RUN --entity chat -k 3")(runs.search)
app.command(epilog="Example: mmkg match RUN --method mutual --format sssom")(runs.match)
app.command(epilog="Example: mmkg merge RUN emoji-fr-en --out merged.nq")(runs.merge)
app.command(epilog="Example: mmkg images PICTURES --out features.safetensors")(images.images)
app.command(epilog="Example: mmkg fetch --list")(fetch.fetch)
app.command(epilog="Example: mmkg inspect emoji-fr-en --links-shown 3")(inspect.inspect)
app.command(epilog="Example: mmkg convert emoji-fr-en OUT --to parquet")(convert.convert)
app.command(epilog="Example: mmkg doctor")(doctor.doctor)
app.add_typer(sentiment.app, name="sentiment")


def main() -> None:
    """Entry point: an error that the user can correct is one line on stderr, without a traceback."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads must not spin: small steps run 4x longer
    logging.basicConfig(level=logging.WARNING, format="mmkg: %(message)s", stream=sys.stderr)
    sys.exit(_run())


def _run() -> int:
    """Exit status of the command line."""
    try:
        try:
            app(prog_name="mmkg")
        except SystemExit as stop:  # how typer ends: with 130 after an interrupt and 1 after a broken pipe
            if stop.code == 130:
                print("mmkg: interrupted", file=sys.stderr)
            sys.stdout.flush()
            return int(stop.code or 0)
    except MmkgError as error:
        print(f"mmkg: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except BrokenPipeError:  # the reader of stdout is gone: discard the rest of the output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"mmkg: {error}", file=sys.stderr)
        return 1
    return 0
