"""Damage to files: bytes, values of JSON, tensors; and the hashes of a run, computed anew."""

import hashlib
import json
import struct

import numpy as np

VALUES = [
    None,
    True,
    -1,
    0,
    2**31,
    10**30,
    1e308,
    "",
    "x",
    "\u202e\x1b[31m",
    [],
    {},
    [[]],
    {"a": 1},
    [None],
    "nan",
    -0.5,
]


def damaged_bytes(data, rng):
    """A copy with one of: flipped bits, another byte, a cut, a piece twice, zeros, a piece of hostile text."""
    data, kind = bytearray(data), rng.integers(7)
    if not data:
        return bytes([rng.integers(256)])
    place = int(rng.integers(len(data)))
    if kind == 0:
        data[place] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        data[place] = int(rng.integers(256))
    elif kind == 2:
        del data[place:]
    elif kind == 3:
        size = int(rng.integers(1, 64))
        data[place:place] = data[place : place + size]
    elif kind == 4:
        data[place : place + int(rng.integers(1, 16))] = bytes(int(rng.integers(1, 16)))
    elif kind == 5:
        texts = [
            b"\xff\xfe",
            b"\x00",
            b"nan",
            b"-1",
            b"1e999",
            b"\n\n",
            b"\t",
            b'"',
            b"9" * 40,
            b"\xed\xa0\x80",
            b"{[" * 9,
        ]
        data[place:place] = texts[int(rng.integers(len(texts)))]
    else:
        del data[place : place + int(rng.integers(1, 64))]
    return bytes(data)


def damaged_json(text, rng):
    """JSON with one value at a random place replaced, removed, or repeated, or a text of deep nesting."""
    if rng.integers(25) == 0:
        return "[" * 5000 + "]" * 5000
    value = json.loads(text)
    places = list(_places(value))
    if not places:
        return json.dumps(VALUES[int(rng.integers(len(VALUES)))])
    holder, key = places[int(rng.integers(len(places)))]
    kind = rng.integers(4)
    if kind == 0 and isinstance(holder, dict):
        del holder[key]
    elif kind == 0:
        holder.append(holder[key])
    elif kind == 1 and isinstance(holder, dict):
        holder["more"] = holder.pop(key)
    else:
        holder[key] = VALUES[int(rng.integers(len(VALUES)))]
    text = json.dumps(value)
    if rng.integers(12) == 0:
        text = text.replace(": 0", ": 1e999", 1).replace(": 1", ": NaN", 1)
    return text


def _places(value, most=400):
    todo, seen = [value], 0
    while todo and seen < most:
        holder = todo.pop(0)
        for key in list(holder) if isinstance(holder, dict) else range(min(len(holder), 8)):
            yield holder, key
            seen += 1
            if isinstance(holder[key], dict | list) and holder[key]:
                todo.append(holder[key])


def damaged_tensors(data, rng):
    """A safetensors file with a damaged header, or with numbers that are no numbers."""
    size = struct.unpack("<Q", data[:8])[0]
    header, body = data[8 : 8 + size].decode(), bytearray(data[8 + size :])
    if rng.integers(2):
        header = (
            damaged_json(header, rng)
            if rng.integers(2)
            else header.replace("F32", ["F16", "I32", "F64"][rng.integers(3)], 1)
        )
        encoded = header.encode("utf-8", "surrogatepass")
        return struct.pack("<Q", len(encoded)) + encoded + bytes(body)
    place = int(rng.integers(max(1, len(body) // 4))) * 4
    body[place : place + 4] = [b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\xff\xff\x7f\x7f", b"\xff\xff\xff\xff"][
        rng.integers(4)
    ]
    return data[: 8 + size] + bytes(body)


def damaged_words(data, rng):
    """A binary file with a number of 4 or 8 bytes replaced, more often near its beginning or its end."""
    data = bytearray(data)
    size = int(rng.choice([4, 8]))
    near = int(rng.integers(3))
    span = min(len(data) - size, 400)
    place = (
        int(rng.integers(span))
        if near == 0
        else len(data) - size - int(rng.integers(span))
        if near == 1
        else int(rng.integers(len(data) - size))
    )
    value = int(rng.choice([0, 1, 2, 255, 2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1]))
    if rng.integers(5) == 0:
        data[place : place + 4] = struct.pack("<f", np.nan)
    else:
        data[place : place + size] = value.to_bytes(8, "little")[:size]
    return bytes(data)


def damage(name, data, rng):
    """Damage that fits the kind of file."""
    if rng.integers(4) == 0:
        return damaged_bytes(data, rng)
    if name.endswith(".json"):
        return damaged_json(data.decode(), rng).encode("utf-8", "surrogatepass")
    if name.endswith(".jsonl"):
        lines = data.decode().splitlines()
        place = int(rng.integers(len(lines))) if lines else 0
        lines[place : place + 1] = [damaged_json(lines[place] if lines else "{}", rng)]
        return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")
    if name.endswith(".safetensors") or data[8:9] == b"{":
        return damaged_tensors(data, rng)
    if name.endswith((".faiss", ".npz", ".h5", ".parquet", ".pkl")):
        return damaged_words(data, rng)
    return damaged_bytes(data, rng)


def seal(folder):
    """Write the hashes of a run anew, as somebody would who forges it."""
    sidecar = folder / "index.faiss.json"
    try:
        values = json.loads(sidecar.read_text())
        values["sha256"] = _sha(folder / "index.faiss")
        sidecar.write_text(json.dumps(values))
    except (OSError, ValueError, TypeError, RecursionError):
        pass
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        manifest.pop("seal", None)
        for name in list(manifest["sha256"]):
            if (folder / name).is_file():
                manifest["sha256"][name] = _sha(folder / name)
        text = json.dumps(manifest, sort_keys=True)
        manifest["seal"] = hashlib.sha256(text.encode()).hexdigest()
        path.write_text(json.dumps(manifest), encoding="utf-8")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass


def _sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
