"""Vision models of the package transformers (CLIP, SigLIP, ViT, DINOv2, ResNet, ...) as picture encoders."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError, MissingPackageError
from ...typing import FloatArray
from .decode import pillow

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


class VisionModel:
    """A vision model with its own preprocessing. Weights are read from safetensors only; no downloaded code is run.

    A model of pictures and text (CLIP, SigLIP) gives its image embedding. Any other model gives its pooled output, or
    the mean of its last hidden states if it has no pooled output.

    Args:
        name: folder with ``config.json``, ``preprocessor_config.json`` and ``model.safetensors``, as
            ``save_pretrained`` writes it; or a model name on the Hugging Face hub, which is then downloaded.
        device: device of the model.
        batch_size: number of pictures to encode at a time.

    Raises:
        MissingPackageError: transformers or Pillow is not installed.
        InputError: there is no such model, or its weights are incomplete or not in safetensors.
    """

    def __init__(self, name: str | Path, *, device: str = "cpu", batch_size: int = 32) -> None:
        pillow()
        try:
            import transformers
        except ImportError as error:
            raise MissingPackageError("vision models need transformers: pip install 'mmkg[image]'") from error
        library: Any = transformers
        local = Path(name).is_dir()
        options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": local}
        try:
            with _silence():
                self.processor: Any = library.AutoImageProcessor.from_pretrained(str(name), **options)
                self.model: Any
                self.model, loaded = library.AutoModel.from_pretrained(
                    str(name), use_safetensors=True, output_loading_info=True, **options
                )
        except Exception as error:  # transformers, the hub and safetensors all raise classes of their own
            raise InputError(
                "expected a vision model with config.json, preprocessor_config.json and weights in safetensors "
                f"(other weights are not read), got {type(error).__name__}: {_first_line(error)}",
                name,
            ) from error
        missing = sorted(loaded["missing_keys"])
        if missing and all(key.startswith("pooler.") for key in missing):
            self.model.pooler = None  # a classifier has no pooler, and randomly initialised weights would give noise
        elif missing:
            raise InputError(f"expected all weights of the model, {len(missing)} are missing, first {missing[0]}", name)
        self.model = self.model.to(device).eval()
        self.device = torch.device(device)
        self.batch_size = batch_size
        self.identity = f"{type(self.model).__name__} {self._digest()}"
        self._name = name

    def __call__(self, pictures: Sequence["Picture"]) -> FloatArray:
        """One row per picture (RGB), float32 ``[B, d]``.

        Raises:
            InputError: the model does not accept the output of its preprocessing.
        """
        try:
            values = self.processor(images=list(pictures), return_tensors="pt")["pixel_values"]
            with torch.inference_mode():
                vectors = self._vectors(values.to(self.device, self.model.dtype))
        except (TypeError, ValueError, KeyError, RuntimeError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise InputError(
                f"expected a model that takes pictures, got {type(error).__name__}: {_first_line(error)}", self._name
            ) from error
        return vectors.float().cpu().numpy().astype(np.float32, copy=False)

    def _vectors(self, values: Tensor) -> Tensor:
        if hasattr(self.model, "get_image_features"):
            output = self.model.get_image_features(pixel_values=values)
            vectors = output if isinstance(output, Tensor) else output.pooler_output
        else:
            output = self.model(pixel_values=values)
            pooled = getattr(output, "pooler_output", None)
            vectors = output.last_hidden_state.flatten(1, -2).mean(dim=1) if pooled is None else pooled
        return vectors.flatten(1)

    def _digest(self) -> str:
        """SHA-256 of the weights and of the preprocessing, on which the vector of a picture depends."""
        digest = hashlib.sha256(self.processor.to_json_string().encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        return digest.hexdigest()


@contextmanager
def _silence() -> Iterator[None]:
    """Silence the progress bars and load reports of transformers; missing weights are checked here."""
    import transformers.utils

    logging: Any = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200]
