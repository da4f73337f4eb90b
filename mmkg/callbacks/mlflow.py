"""A run in MLflow."""

from collections.abc import Mapping
from typing import Any

from ..errors import MissingPackageError
from .scalars import Scalars, flat


class MLflow(Scalars):
    """Logs settings as parameters, and curves and figures as metrics, to the active run of MLflow or a new one.

    Where the run is stored is as MLflow has it: ``mlflow.set_tracking_uri`` and ``mlflow.set_experiment``.

    Args:
        options: of ``mlflow.start_run``, such as ``run_name``; a run that is active already is used and stays open.

    Raises:
        MissingPackageError: MLflow is not installed.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        try:
            import mlflow
        except ImportError as error:
            raise MissingPackageError("runs in MLflow need mlflow: pip install 'mmkg[mlflow]'") from error
        self._mlflow, self.options, self._own = mlflow, options, False

    def on_start(self, settings: Mapping[str, Any]) -> None:
        """Begin a run unless one is active, and log the settings."""
        self._own = self._mlflow.active_run() is None
        if self._own:
            self._mlflow.start_run(**self.options)
        self._mlflow.log_params(flat(settings))

    def write(self, values: Mapping[str, float], step: int) -> None:
        """Log numbers of one step."""
        self._mlflow.log_metrics(_named(values), step=step)

    def on_end(self, figures: Mapping[str, float] | None) -> None:
        """Log the metrics; end the run, as failed without them, if it was begun here."""
        if figures:
            self._mlflow.log_metrics(_named(figures))
        if self._own:
            self._mlflow.end_run(status="FAILED" if figures is None else "FINISHED")


def _named(values: Mapping[str, float]) -> dict[str, float]:
    """Names that MLflow takes: no ``@``."""
    return {name.replace("@", "_at_"): value for name, value in values.items()}
