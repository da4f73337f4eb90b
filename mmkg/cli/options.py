"""Options that commands have in common, as typer reads them."""

from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Seed = Annotated[int | None, typer.Option(help="Of everything random.", show_default="0")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Config = Annotated[Path | None, typer.Option(help="TOML file of settings.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting, e.g. training.epochs=50; repeatable."),
]
Out = Annotated[Path | None, typer.Option(help="Run folder; an interrupted run in it goes on.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a finished run in that folder.")]
INSTEAD = "give another --out, or --overwrite"


def settings_of(model: str | None, seed: int | None, config: Path | None, settings: list[str] | None) -> dict[str, Any]:
    """Nested values of an experiment: those of the file, the settings and the options on top."""
    from ..config.parse import read_toml, with_settings

    values = with_settings({} if config is None else read_toml(config), settings or [])
    given = {"model": model, "seed": seed}
    return values | {name: value for name, value in given.items() if value is not None}
