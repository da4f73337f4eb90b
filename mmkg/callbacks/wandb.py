"""A run in Weights & Biases."""

from collections.abc import Mapping
from typing import Any

from ..errors import MissingPackageError
from .scalars import Scalars


class WandB(Scalars):
    """Logs settings, curves and figures to a run of Weights & Biases.

    Args:
        options: of ``wandb.init``, such as ``project``, ``name`` or ``mode="offline"``.

    Raises:
        MissingPackageError: wandb is not installed.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        try:
            import wandb
        except ImportError as error:
            raise MissingPackageError("runs in Weights & Biases need wandb: pip install 'mmkg[wandb]'") from error
        self._wandb, self.options = wandb, options
        self._run: Any = None

    def on_start(self, settings: Mapping[str, Any]) -> None:
        """Begin a run with the settings as its configuration."""
        self._run = self._wandb.init(config=dict(settings), **self.options)

    def write(self, values: Mapping[str, float], step: int) -> None:
        """Log numbers of one step; the step is a value beside them, as steps of W&B cannot go back."""
        group = next(iter(values), "").partition("/")[0]
        self._run.log({**values, f"{group}/step": step})

    def on_end(self, figures: Mapping[str, float] | None) -> None:
        """Write the metrics into the summary and end the run, as failed without them."""
        self._run.summary.update(figures or {})
        self._run.finish(exit_code=1 if figures is None else 0)
