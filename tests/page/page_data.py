"""The data of a small report, worked out by hand or by a rule, and pages that hold such data."""

import json
from pathlib import Path

PAGE = Path(__file__).parents[2] / "mmkg" / "review" / "page" / "index.html"
PLACEHOLDER = '<script id="mmkg-data" type="application/json">null</script>'
PICTURE = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 40 40'%3E"
    "%3Ccircle cx='20' cy='20' r='18' fill='%23{}'/%3E%3C/svg%3E"
)
NAMES = (
    ("Paris", "Paris"),
    ("München", "Munich"),
    ("القاهرة", "Le Caire"),
    ("北京市", "Pékin"),
    ("Londres", "London"),
    ("a rather long name of an entity that does not fit on one line of a narrow list", "un nom assez long aussi"),
)
HOSTILE = "<img src=x onerror=\"window.hostile='label'\"><script>window.hostile='script'</script>"


def key_of(side, number):
    return f"http://{'en' if side == 'left' else 'fr'}.example.org/resource/{number}"


def example(matches=40, left_alone=6, right_alone=3, *, name="cities-en-fr"):
    """Confidences are (k + 1/2) / n for k = 0, ..., n - 1, from match 3n/4 on, over match 0 at a quarter, upwards.

    The threshold of the run is .25, and links are sure from .5 on: the first quarter of the matches is to be checked,
    the next two are sure, the last one is below the threshold.
    """
    rows, details = [], {}
    for number in range(matches):
        confidence = ((number + matches // 4) % matches + 0.5) / matches
        left, right = NAMES[number % len(NAMES)]
        if number == 1:
            left, right = HOSTILE, "javascript:window.hostile='key'"
        elif number >= len(NAMES):
            left, right = f"{left} {number}", f"{right} {number}"
        row = {
            "left": key_of("left", number),
            "right": "javascript:window.hostile='key'" if number == 1 else key_of("right", number),
            "left_name": left,
            "right_name": right,
            "confidence": confidence,
            "margin": round(confidence / 2, 3),
            "score": round(40 + 60 * confidence, 1),
            "shares": {"structure": 20 * confidence, "name": 20.0, "image": -5.0 if number % 7 == 0 else 10.0},
            "kind": "match",
            "sure": confidence >= 0.5,
            "type": "City" if number % 2 else "Capital",
            "verdict": None,
        }
        rows.append(row)
        details[row["left"]] = detail_of(row, number, matches)
    left, right = (
        [alone(side, number) for number in range(matches, matches + total)]
        for side, total in (("left", left_alone), ("right", right_alone))
    )
    details |= {row["left"]: detail_of(row, matches, matches) for row in left}
    return {
        "summary": summary_of(matches, left_alone, right_alone, name),
        "matches": {"total": len(rows), "offset": 0, "rows": rows},
        "details": details,
        "right_details": {row["right"]: detail_of(row, matches + 2, matches) for row in right},
        "trust": trust_of(matches),
        "map": map_of(min(matches, 2000)),
        "lists": lists_of(matches, left, right),
        "training": {
            "curves": [
                {
                    "name": "validation MRR",
                    "x": list(range(0, 100, 5)),
                    "y": [1 - 0.9**k for k in range(20)],
                    "chosen": 80,
                    "unit": "mrr",
                },
                {
                    "name": "loss",
                    "x": list(range(100)),
                    "y": [9 / (k + 1) for k in range(100)],
                    "chosen": None,
                    "unit": "loss",
                },
            ]
        },
        "live": False,
    }


def alone(side, number):
    other = "right" if side == "left" else "left"
    nearest = {"key": key_of(other, 0), "name": NAMES[0][0 if side == "right" else 1], "score": 31.5}
    row = dict.fromkeys(
        ("left", "right", "left_name", "right_name", "confidence", "margin", "score", "type", "verdict")
    )
    row |= {side: key_of(side, number), f"{side}_name": f"Village {number}", "shares": {}}
    return row | {"kind": side, "sure": False, "nearest": nearest}


def card_of(side, row, number):
    return {
        "key": row[side],
        "name": row[f"{side}_name"],
        "names": [row[f"{side}_name"], f"{side} name {number}", "مدينة", "城市"],
        "types": [row["type"] or "Village", "Place"],
        "pictures": [PICTURE.format("3350c8" if side == "left" else "b8500a")] if number % 2 == 0 else [],
        "degree": 5,
    }


def detail_of(row, number, matches):
    left, right = (card_of(side, row, number) if row[side] else None for side in ("left", "right"))
    matched = left is not None and right is not None
    side = "left" if left is None else "right"
    candidates = [
        {"key": key_of(side, (number + k) % matches), "name": NAMES[k][1], "score": 70.0 - 10 * k, "confidence": None}
        for k in range(5)
    ]
    if matched:
        candidates[0] |= {
            "key": row["right"],
            "name": row["right_name"],
            "score": row["score"],
            "confidence": row["confidence"],
        }
    points = [{"name": name, "points": value} for name, value in row["shares"].items()]
    if matched:
        points[0]["points"] += row["score"] - sum(each["points"] for each in points)
        points.append({"name": "hubness", "points": -20.0})
    value = {"attribute": "population", "value": "2,102,650"}
    return {
        "left": left,
        "right": right,
        "score": row["score"],
        "confidence": row["confidence"],
        "margin": row["margin"],
        "waterfall": points,
        "rules": ["capital of = capitale de, and both have France there"] if number % 2 == 0 and matched else [],
        "runner_up": candidates[1] | {"lacks": [{"name": "structure", "points": 7.5}]} if matched else None,
        "candidates": candidates,
        "attributes": [
            {"left": value, "right": value, "state": "equal"},
            {
                "left": {"attribute": "area", "value": "105.4"},
                "right": {"attribute": "superficie", "value": "105"},
                "state": "near",
            },
            {
                "left": {"attribute": "founded", "value": "250"},
                "right": {"attribute": "fondée", "value": "-300"},
                "state": "different",
            },
            {"left": {"attribute": "motto", "value": "شعار"}, "right": None, "state": "left"},
            {"left": None, "right": {"attribute": "devise", "value": HOSTILE}, "state": "right"},
        ],
        "neighbours": [
            {
                "left": {"relation": "capital", "key": "a", "name": "France", "inverse": True},
                "right": {"relation": "capitale", "key": "b", "name": "France", "inverse": True},
                "matched": True,
            },
            {
                "left": {"relation": "river", "key": "c", "name": "Seine", "inverse": False},
                "right": None,
                "matched": False,
            },
        ],
        "decision": None,
    }


def counts_at(threshold, matches, left_alone, right_alone):
    confidences = [(number + 0.5) / matches for number in range(matches)]
    links, sure = (sum(each >= least for each in confidences) for least in (threshold, max(threshold, 0.5)))
    without = {"left_without": left_alone + matches - links, "right_without": right_alone + matches - links}
    return {"sure": sure, "to_check": links - sure, **without}


def summary_of(matches, left_alone, right_alone, name):
    thresholds = [
        {
            "threshold": k / 100,
            "expected_precision": 0.5 + k / 200,
            **counts_at(k / 100, matches, left_alone, right_alone),
        }
        for k in range(101)
    ]
    histogram = [{"low": k / 20, "high": (k + 1) / 20, "count": matches // 20} for k in range(20)]
    return {
        "name": name,
        "text": "",
        "counts": {"known": 12, **counts_at(0.25, matches, left_alone, right_alone)},
        "threshold": 0.25,
        "same_as": 0.5,
        "precision": {"expected": 0.973, "low": 0.951, "high": 0.988},
        "judged": True,
        "metrics": [
            {"direction": direction, "name": metric, "value": value}
            for direction in ("left_to_right", "right_to_left")
            for metric, value in (("hits@1", 0.871), ("hits@10", 0.964), ("mrr", 0.905), ("mean_rank", 3.4))
        ],
        "protocol": [["candidates", "all entities of the other graph"], ["ties", "mean rank"], ["links", 120]],
        "configuration": {"model": "meaformer", "seed": 0, "training": {"epochs": 100, "rate": 0.005}, "options": {}},
        "thresholds": thresholds,
        "histogram": histogram,
        "modalities": [{"name": each, "colour": "#123456"} for each in ("structure", "name", "image")],
        "types": ["Capital", "City"],
        "num_left": matches + left_alone,
        "num_right": matches + right_alone,
        "read_only": False,
        "calibrated": "Calibrated on 60 held-out links.",
        "sampled": None,
        "pictures": True,
        "version": "1.0",
    }


def trust_of(matches):
    bins = [
        {"low": k / 10, "high": (k + 1) / 10, "mean": k / 10 + 0.05, "right": min(1, k / 9), "count": 3 + k}
        for k in range(10)
    ]
    curve = [{"threshold": k / 20, "precision": 0.6 + k / 50, "recall": 1 - (k / 20) ** 2} for k in range(21)]
    return {
        "reliability": bins,
        "curve": curve,
        "histogram": [{"low": k / 20, "high": (k + 1) / 20, "count": matches // 20} for k in range(20)],
    }


def map_of(matches):
    """Match k at (k, k²) on both sides, the right one a little higher."""
    points = []
    for side, lift in (("left", 0.0), ("right", 0.4)):
        points += [
            {"side": side, "key": key_of(side, k), "name": f"{side} {k}", "x": k % 37 + lift, "y": (k * k) % 101 + lift}
            for k in range(matches)
        ]
    return {"points": points, "links": [[k, matches + k] for k in range(matches)], "sampled": None, "method": "t-SNE"}


def lists_of(matches, left, right):
    conflict = {
        "left": key_of("left", 0),
        "right": key_of("right", 0),
        "left_name": "Paris",
        "right_name": "Paris",
        "kind": "value",
        "attribute": "founded",
        "left_values": ["250"],
        "right_values": ["-300"],
        "confidence": 0.26,
    }
    rival = {"side": "left", "key": key_of("left", matches), "name": f"Village {matches}", "score": 31.5}
    rival["best"] = {"key": key_of("right", 0), "name": "Paris"}
    rival["taken_by"] = {"key": key_of("left", 0), "name": "Paris", "score": 88.0}
    lists = {
        "unmatched_left": left,
        "unmatched_right": right,
        "rivals": [rival],
        "conflicts": [conflict],
        "relations": [{"left": "capital", "right": "capitale", "kind": "relation", "support": 41, "equality": 0.93}],
    }
    return {name: {"total": len(rows), "rows": rows} for name, rows in lists.items()}


def page_with(data):
    """The text of the built page with data inside, or as the live page for None."""
    page = PAGE.read_text(encoding="utf-8")
    if data is None:
        return page
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return page.replace(PLACEHOLDER, PLACEHOLDER.replace("null", text))
