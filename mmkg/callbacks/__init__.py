"""Callbacks: what is notified of each epoch and round of a run; TensorBoard, MLflow and Weights & Biases."""

from .callback import Callback, Callbacks
from .mlflow import MLflow
from .tensorboard import TensorBoard
from .wandb import WandB

__all__ = ["Callback", "Callbacks", "MLflow", "TensorBoard", "WandB"]
