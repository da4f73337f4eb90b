"""Curves of a run in TensorBoard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import MissingPackageError
from .scalars import Scalars, flat


class TensorBoard(Scalars):
    """Writes a run as event files, which ``tensorboard --logdir FOLDER`` shows.

    Args:
        folder: folder of the event files, e.g. one per run.

    Raises:
        MissingPackageError: TensorBoard is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError as error:
            raise MissingPackageError("TensorBoard needs its package: pip install 'mmkg[tensorboard]'") from error
        self._writer_of, self.folder = SummaryWriter, Path(folder)
        self._writer: Any = None

    def on_start(self, settings: Mapping[str, Any]) -> None:
        """Open an event file and write the settings as a text."""
        self._writer = self._writer_of(str(self.folder))
        lines = [f"    {name} = {value}" for name, value in flat(settings).items()]
        self._writer.add_text("settings", "\n".join(lines))

    def write(self, values: Mapping[str, float], step: int) -> None:
        """Write numbers of one step."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def on_end(self, figures: Mapping[str, float] | None) -> None:
        """Write the metrics and close the file."""
        for name, value in (figures or {}).items():
            self._writer.add_scalar(f"metrics/{name}", value, 0)
        self._writer.close()
