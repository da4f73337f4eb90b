"""An entity that a run does not have, embedded and searched when it is sent; nothing of it is stored."""

import base64
import binascii
import secrets
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..data.kg import AttributeTriples, ImageTable, KnowledgeGraph
from ..data.pictures.encode import encode_pictures, picture_encoder
from ..errors import InputError, UsageError
from ..typing import FloatArray
from .schemas import NewEntity
from .served import Served


def aligned(served: Served, new: NewEntity) -> dict[str, Any]:
    """The most likely counterparts of a new entity, and what was known of it.

    It is embedded as ``AlignmentResult.with_new`` embeds new entities; nothing is trained.

    Returns:
        ``rows`` with key, name, score, confidence and the part of each modality; ``modalities`` that were known of the
        new entity.

    Raises:
        UsageError: nothing is known of it that the run reads, or the run keeps no graphs.
        NotFound: a neighbour is not in the run.
        InputError: the picture cannot be read.
        Busy: another entity is being aligned.
    """
    result = served.result
    if not (any(new.names) or new.values or new.neighbours or new.picture):
        raise UsageError("nothing is known of this entity; give names, values, neighbours or a picture")
    for each in new.neighbours:
        served.row_of(new.side, each.key)
    label = f"urn:mmkg:new:{secrets.token_hex(8)}"
    images = _features(served, new.picture)
    with served.alone("a new entity"):
        grown = result.with_new(**{new.side: _graph(new, label, images)})
        row = grown.entities[0 if new.side == "left" else 1].rows_of(label)[0]
        if not grown.hits.is_known(row, new.side):
            raise UsageError(f"nothing is known of this entity that the run reads: no {', '.join(result.widths)}")
        hits = grown.search(row, k=new.k, side=new.side)
        vector = grown.embeddings.sides(new.side)[0][row]
    ends = np.cumsum([0, *result.widths.values()]).tolist()
    there = [name for name, start, end in zip(result.widths, ends, ends[1:], strict=False) if vector[start:end].any()]
    rows = [
        {
            "key": hit.label,
            "name": hit.display,
            "score": round(hit.score, 2),
            "confidence": None if hit.confidence is None else round(hit.confidence, 4),
            "shares": {name: round(part, 2) for name, part in hit.parts.items()},
        }
        for hit in hits
    ]
    return {"rows": rows, "modalities": there}


def _graph(new: NewEntity, label: str, images: FloatArray | None) -> KnowledgeGraph:
    """The new entity, row 0, with its neighbours and facts."""
    names = [name for name in new.names if name.strip()]
    others = list(dict.fromkeys(each.key for each in new.neighbours))
    place = {key: row for row, key in enumerate(others, start=1)}
    relations = list(dict.fromkeys(each.relation for each in new.neighbours))
    triples = [
        (place[each.key], relations.index(each.relation), 0)
        if each.inverse
        else (0, relations.index(each.relation), place[each.key])
        for each in new.neighbours
    ]
    facts = [(each.attribute, each.value) for each in new.values] + [("name", name) for name in names[1:]]
    attributes = list(dict.fromkeys(name for name, _ in facts))
    return KnowledgeGraph(
        (label, *others),
        tuple(relations),
        np.array(triples, np.int64).reshape(-1, 3),
        AttributeTriples(
            np.zeros(len(facts), np.int64),
            np.array([attributes.index(name) for name, _ in facts], np.int64),
            tuple(attributes),
            [value for _, value in facts],
        ),
        names=(names[0], *[None] * len(others)) if names else None,
        images=None if images is None else ImageTable(np.zeros(1, np.int64), images),
    )


def _features(served: Served, picture: str | None) -> FloatArray | None:
    """Features of a picture in Base64, by the encoder of the run, float32 ``[1, d]``."""
    if picture is None:
        return None
    result = served.result
    if "image" not in result.widths:
        raise UsageError(f"a picture has no effect: the run has no images; it has {', '.join(result.widths)}")
    try:
        content = base64.b64decode(picture, validate=True)
    except (binascii.Error, ValueError):
        raise InputError("expected a picture file in Base64, got other text") from None
    encoder = served.once("the encoder of pictures", lambda: picture_encoder(result.experiment.data.image_encoder))
    with tempfile.TemporaryDirectory(prefix="mmkg-") as folder:
        path = Path(folder) / "picture"
        path.write_bytes(content)
        found = encode_pictures([path], encoder, cache=None, progress=False, label="picture")
    if found.rejected:
        raise InputError(f"expected a picture, got a file that is none: {found.rejected[0].reason}")
    return found.features
