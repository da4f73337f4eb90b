"""How much memory label propagation and its refinement take, estimated before anything is learnt."""

from ..compute.memory import machine_memory
from ..config.experiment import Experiment
from ..data.features.registry import chosen_modalities
from ..data.task import AlignmentTask
from ..errors import Advice, UsageError
from ..errors import Setting as Option
from ..modalities import ATTRIBUTE, RELATION, STRUCTURE
from ..models.propagation import HALVINGS, MOST_VALUES, PropagationConfig
from ..models.refinement import RefinementConfig
from ..models.registry import REFINED, RULE_PARTS
from ..settings import shown_bytes
from .setting import MOST_FULL

# bytes, fitted to peaks of twins of 40,000 to 1M entities per side, see docs/scale.md
IMPORTED = 0.3e9
TRIPLE, FACT, ENTITY = 220, 30, 150  # the graphs, their sparse matrices, and what rules read
WALK, LISTS, PAIRS = 512, 1500, 400  # per entity: a block of labels; lists of candidates; those of the transport
COMPARED = 5500  # per entity: pairs whose neighbours are compared, and their scores
SKETCH = 256  # columns


def learning_bytes(task: AlignmentTask, experiment: Experiment, *, refined: bool) -> float:
    """About the largest memory that label propagation takes, with or without refinement, in bytes.

    Of a run with a trained model beside it, it is the part of label propagation, so a lower bound.

    Args:
        task: the pair.
        experiment: settings of the run; ``auto`` counts as label propagation with its default options.
        refined: whether soft matches refine it.
    """
    number = task.left.num_entities + task.right.num_entities
    triples = len(task.left.triples) + len(task.right.triples)
    facts = len(task.left.attributes) + len(task.right.attributes)
    fixed = IMPORTED + TRIPLE * triples + FACT * facts + ENTITY * number
    names = chosen_modalities(task, experiment.features)
    options = experiment.options if isinstance(experiment.options, PropagationConfig) else PropagationConfig()
    widths = _widths(names, options, number)
    base, structure = sum(widths.values()), widths.get(STRUCTURE, 0)
    if not refined:
        held = _bytes_of(number * base, experiment)
        return fixed + number * (held * base + 4 * structure * (held < 4) + WALK)
    given = experiment.refinement
    config = (given if isinstance(given, RefinementConfig) else RefinementConfig()).narrowed(number)
    parts = [name for name in REFINED if name in names]
    parts += [name for name, owner in RULE_PARTS.items() if owner in names and config.weight(name)]
    evidence = sum(config.dim(name) for name in parts)
    held = _bytes_of(number * (base + config.width), experiment)
    searched = held * (base + evidence + 2 * SKETCH) + LISTS
    spread = held * (base + evidence - config.structure_dim + SKETCH) + 8 * config.structure_dim + PAIRS
    width = base + evidence + config.compares * config.rules_dim
    joined = max((held + 2) * width, config.compares * (held * width + COMPARED))
    if held == 4:  # the evidence of the round before, in half precision; of more values it is made again if need be
        spread += 2 * evidence
    links, search = len(task.links.valid), experiment.search
    ranked = min(links, search.valid_queries or links)
    ranked *= min(search.valid_candidates or number, max(task.left.num_entities, task.right.num_entities))
    return fixed + number * max(searched, spread, joined) + 8 * ranked


def check_learning(task: AlignmentTask, experiment: Experiment, *, refined: bool) -> None:
    """Refuse label propagation that needs more memory than this machine has, before anything is learnt.

    Raises:
        UsageError: the message states the estimate, and what would fit.
    """
    limit = machine_memory()
    needed = learning_bytes(task, experiment, refined=refined)
    if limit is None or needed <= limit:
        return
    number = task.left.num_entities + task.right.num_entities
    what = "a refinement" if refined else "label propagation"
    alone = learning_bytes(task, experiment, refined=False)
    advice = Advice("use fewer modalities or narrower parts, e.g. {}", Option("options.structure_dim", 512))
    if refined and alone <= limit:
        text = f"use {{}}, which takes about {shown_bytes(alone)}"
        advice = Advice(text, Option("refinement.rounds", 0))
    raise UsageError(
        f"{what} of {number:,} entities takes about {shown_bytes(needed)} of memory, and this machine has "
        f"{shown_bytes(limit)}",
        advice=advice,
    )


def _bytes_of(num_values: int, experiment: Experiment) -> int:
    """Bytes of each value of embeddings while a run learns, see ``Setting.held_in``."""
    return 2 if num_values > MOST_FULL and experiment.search.held == "float16" else 4


def _widths(names: tuple[str, ...], config: PropagationConfig, number: int) -> dict[str, int]:
    """About the width of each modality's part, see ``Propagation.widths``; images count as if they were wide."""
    own = {STRUCTURE: config.structure_dim, RELATION: config.relation_dim, ATTRIBUTE: config.attribute_dim}
    full = {name: own.get(name, 2 * config.name_dim) for name in names}
    for halved in range(HALVINGS + 1):
        found = {name: width >> halved for name, width in full.items()}
        if number * sum(found.values()) <= MOST_VALUES:
            break
    return found
