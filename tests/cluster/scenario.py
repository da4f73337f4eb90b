"""A cluster of several machines on this one, of which one dies in training and another in search.

    python scenario.py FOUND OUT [--kill]

Aligns the pair emoji-fr-en, with the run folder OUT, and writes JSON to FOUND: the links of the run, Hits@1, and how
many machines died.
"""

import argparse
import json
import os
import sys
import threading
import time
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2", "RAY_DEDUP_LOGS": "0"}
os.environ |= {"RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "10"}

import ray
from ray.cluster_utils import Cluster
from scenario_settings import SETTINGS

from mmkg.cluster import align_on, search, shards
from mmkg.config.experiment import Experiment

STORE = 100 << 20
START = time.monotonic()
QUICK = {  # a machine is known to be dead after about two seconds
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 2,
}


class Machines:
    """The machines of the cluster; the first one computes nothing."""

    def __init__(self, number):
        head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False, "_system_config": QUICK}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.nodes = [self.add() for _ in range(number)]
        self.killed = []

    def add(self):
        return self.cluster.add_node(num_cpus=1, object_store_memory=STORE)

    def kill(self, node):
        say("kill a machine")
        self.killed.append(node.node_id)
        self.cluster.remove_node(node, allow_graceful=False)


def say(what):
    print(f"{time.monotonic() - START:.1f} s: {what}", file=sys.stderr, flush=True)


def kill_in_training(machines, place):
    """Kill a machine once the second checkpoint is there."""
    while len(list(place.glob("*/checkpoint_*"))) < 2:
        time.sleep(0.05)
    machines.kill(machines.nodes[0])


def kill_in_search(machines):
    """Add a machine before the search, and kill it when the first block was answered."""
    started, in_turn = search._started, search._in_turn
    added = []

    def start(*arguments):
        say("search")
        if not added:
            added.append(machines.add())
        return started(*arguments)

    def answered(*arguments):
        for number, found in enumerate(in_turn(*arguments)):
            if number == 0 and len(machines.killed) == 1:
                homes = [each["Address"]["NodeID"] for each in ray._private.state.actors().values()]
                assert added[0].node_id in homes, "no shard is on the machine that is to be killed"
                machines.kill(added[0])
            yield found

    search._started, search._in_turn = start, answered
    shards.BLOCK_BYTES = 1 << 19  # many blocks


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("found", type=Path)
    parser.add_argument("out")
    parser.add_argument("--kill", action="store_true")
    given = parser.parse_args()
    machines = Machines(2)
    ray.init(address=machines.cluster.address, log_to_driver=False, logging_level="ERROR")
    if given.kill:
        place = Path(f"{given.out.removeprefix('file://')}.training")
        threading.Thread(target=kill_in_training, args=(machines, place), daemon=True).start()
        kill_in_search(machines)
    say("the cluster is there")
    experiment = Experiment.of(SETTINGS)
    result = align_on("auto", "emoji-fr-en", experiment, out=given.out, on_task=lambda task: say("read"))
    say("done")
    found = {"links": result.matching.pairs.tolist(), "hits": result.metrics["left_to_right"]["hits@1"]}
    given.found.write_text(json.dumps(found | {"killed": len(machines.killed)}))
    ray.shutdown()
    machines.cluster.shutdown()


if __name__ == "__main__":
    main()
