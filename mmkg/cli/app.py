"""The command line: the typer application, its sub-commands and the handling of errors.

Results go to stdout, progress to stderr; exit status 0 = done, 1 = failed, 2 = wrong usage. A sub-command is a function
in a module beside this one and one line below; it reads options, calls the library and prints the result.
"""

import logging
import os
import sys
import traceback
import warnings
from typing import Annotated

import typer

from ..printing import line, show
from ..version import __version__
from . import (
    align,
    ask,
    convert,
    dedupe,
    doctor,
    explain,
    extend,
    fetch,
    images,
    inspect,
    publish,
    runs,
    sentiment,
    serve,
)
from .faults import exit_code, fault_text

app = typer.Typer(
    name="mmkg",
    help="Align the entities of two knowledge graphs: load, train, search, match, evaluate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


_debug = [False]  # whether an error is shown with its traceback


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show errors with their traceback, and warnings of libraries.")
    ] = False,
) -> None:
    """Options before a sub-command."""
    _debug[0] = debug
    if debug:
        logging.getLogger().setLevel(logging.INFO)
        warnings.simplefilter("default")
    if version:
        show(__version__)
        raise typer.Exit


# in the order of --help, each with its example
app.command(epilog="Example: mmkg describe emoji-fr-en")(align.describe)
app.command(epilog="Example: mmkg align emoji-fr-en --set training.epochs=20 --out RUN")(align.align)
app.command(epilog="Example: mmkg evaluate RUN --candidates all")(runs.evaluate)
app.command(epilog="Example: mmkg search RUN --entity chat -k 3")(runs.search)
app.command(epilog="Example: mmkg explain RUN --left chat")(explain.explain)
app.command(epilog="Example: mmkg ask RUN --budget 5")(ask.ask)
app.command(epilog="Example: mmkg match RUN --method mutual --format sssom")(runs.match)
app.command(epilog="Example: mmkg serve RUN --port 8000")(serve.serve)
app.command(epilog="Example: mmkg review RUN --terminal")(serve.review)
app.command(epilog="Example: mmkg merge RUN emoji-fr-en --out merged.nq")(runs.merge)
app.command(epilog="Example: mmkg dedupe GRAPH --out FOLDER")(dedupe.dedupe)
app.command(epilog="Example: mmkg extend RUN --left NEW.nt --out GROWN")(extend.extend)
app.command(epilog="Example: mmkg publish RUN --to milvus:STORE.db")(publish.publish)
app.command(epilog="Example: mmkg images PICTURES --out features.safetensors")(images.images)
app.command(epilog="Example: mmkg fetch --list")(fetch.fetch)
app.command(epilog="Example: mmkg inspect emoji-fr-en --links-shown 3")(inspect.inspect)
app.command(epilog="Example: mmkg convert emoji-fr-en OUT --to parquet")(convert.convert)
app.command(epilog="Example: mmkg doctor")(doctor.doctor)
app.add_typer(sentiment.app, name="sentiment")


class _OneLine(logging.Formatter):
    """Messages for a terminal, on one line each."""

    def format(self, record: logging.LogRecord) -> str:
        return line(super().format(record))


def main() -> None:
    """Entry point: an error is one line on stderr, with a traceback only after ``--debug``."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads must not spin: small steps run 4x longer
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("mmkg: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    _debug[0] = False
    with warnings.catch_warnings():
        if not sys.warnoptions:  # warnings of libraries are for developers
            warnings.simplefilter("ignore")
        code = _run()
    sys.exit(code)


def _run() -> int:
    """Exit status of the command line."""
    try:
        try:
            app(prog_name="mmkg")
        except SystemExit as stop:  # how typer ends: with 130 after an interrupt and 1 after a broken pipe
            if stop.code == 130:
                show("mmkg: interrupted", file=sys.stderr)
            sys.stdout.flush()
            return int(stop.code or 0)
    except BrokenPipeError:  # the reader of stdout is gone: discard the rest of the output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if _debug[0]:
            traceback.print_exc()
        show(f"mmkg: {fault_text(error)}", file=sys.stderr)
        return exit_code(error)
    return 0
