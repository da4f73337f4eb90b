"""A pair and settings so small that a run takes a fraction of a second."""

import io
import json
import zipfile
from dataclasses import replace

import mmkg

OPTIONS = {"hidden_dim": 16, "feedforward_dim": 16}
SETTINGS = {
    "training": {"epochs": 4, "eval_every": 2},
    "features": {"top_ngrams": 200},
    "options": OPTIONS,
    "search": {"store": "float32"},  # so that tests compare exact values
}
FLAGS = [
    f"--set={section}.{key}={value}"
    for section in ("training", "features", "options", "search")
    for key, value in SETTINGS[section].items()
] + ["--model=meaformer"]


def twins(num_entities=90, **options):
    """Noisy twins, every modality, more than ten validation links; one test entity is called Chat."""
    options = {"noise": 0.15, "overlap": 0.9, "train_ratio": 0.5, "valid_ratio": 0.35, "seed": 3} | options
    task = mmkg.twin_graphs(num_entities, **options)
    left, right = task.links.test[0].tolist()
    graphs = [
        replace(graph, names=(*graph.names[:row], name, *graph.names[row + 1 :]))
        for graph, row, name in ((task.left, left, "Chat"), (task.right, right, "chats"))
    ]
    return replace(task, left=graphs[0], right=graphs[1])


def write_dbp15k(task, folder):
    """The pair as a folder in DBP15K layout, without images; right ids follow the left ones."""
    folder.mkdir(parents=True)
    names, shift = [], 0
    for k, graph in enumerate((task.left, task.right), start=1):
        lines = [f"{row + shift}\t{label}" for row, label in enumerate(graph.entities)]
        (folder / f"ent_ids_{k}").write_text("\n".join(lines) + "\n")
        triples = [f"{h + shift}\t{r}\t{t + shift}" for h, r, t in graph.triples.tolist()]
        (folder / f"triples_{k}").write_text("\n".join(triples) + "\n")
        facts = zip(graph.attributes.entity.tolist(), graph.attributes.attribute.tolist(), strict=True)
        rows = [f"{graph.entities[entity]}\t{graph.attributes.names[attribute]}" for entity, attribute in facts]
        (folder / f"training_attrs_{k}").write_text("\n".join(rows) + "\n")
        names += [[row + shift, [name]] for row, name in enumerate(graph.names) if name]
        shift = graph.num_entities
    (folder / f"dbp_{folder.name}.json").write_text(json.dumps(names))
    links = [f"{left}\t{right + task.left.num_entities}" for left, right in task.links.all().tolist()]
    (folder / "ill_ent_ids").write_text("\n".join(links) + "\n")
    return folder


def newer_zip():
    """Bytes of a zip file whose member claims a version of the format that nobody reads."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("ids.npy", b"")
        archive.infolist()[0].extract_version = 255
    return content.getvalue()
