"""The answers of a run folder without what it was learnt with: no graphs, weights or index are read."""

from pathlib import Path

from ..compute.devices import device_type
from ..compute.host import isolated
from ..config.experiment import Experiment
from ..folders import read_manifest
from .answers import Answers
from .read_hits import AGAIN, CONFIG, FORMAT, NEIGHBORS, RECORD, SEARCHED, read_counterparts, read_searched, steady
from .stored import read_record, read_search


@isolated
def read_answers(folder: str | Path, *, device: str = "auto") -> Answers:
    """Search, matches and links of a run folder, as ``AlignmentResult.load`` gives them, by the settings of the run.

    The hash of each file that is read is checked. Matches that come from the stored neighbours need no torch.

    Args:
        folder: of a finished run.
        device: where scores are computed that the folder does not have: ``auto``, ``cpu`` or ``cuda``.

    Returns:
        The answers. Of the experiment they have the settings of search and the seed.

    Raises:
        InputError: no run, or a file is missing or damaged.
        UsageError: the device is not available.
    """
    device_type(device)
    return steady(Path(folder), lambda: _read(Path(folder), device))


def _read(folder: Path, device: str) -> Answers:
    manifest = read_manifest(folder, SEARCHED, format=FORMAT, again=AGAIN, read=(*SEARCHED, NEIGHBORS))
    record, protocol = read_record(folder / RECORD)
    search, seed = read_search(folder / CONFIG)
    found = read_searched(folder, manifest, protocol)
    learnt = read_counterparts(folder, manifest)
    answers = Answers(
        found.embeddings,
        found.entities,
        found.links,
        Experiment(seed=seed, search=search),
        protocol,
        record.metrics,
        record,
        device=device,
        held_out=learnt.sample if learnt is not None and protocol.calibrated_before else None,
        kept=found.kept,
        alone=found.alone,
        judged=None if learnt is None else learnt.judged,
    )
    found.keep_in(answers.searcher)
    if learnt is not None:
        answers.calibration.keep(learnt)
    return answers
