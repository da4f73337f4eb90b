"""Evaluation and matching in a process that cannot hold the dense score matrix."""

import subprocess
import sys

import pytest

resource = pytest.importorskip("resource")

# 20,000 x 20,000 float32 scores are 1.6 GB; the limit leaves 1 GiB above what is there before the work.
PRELUDE = """
import resource, sys
import numpy as np, torch
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from mmkg.evaluation import evaluate
from mmkg.errors import UsageError
from mmkg.matching import MATCHERS
from mmkg.search import build_index

torch.set_num_threads(1)
rng = np.random.default_rng(0)
right = rng.normal(size=(20_000, 16)).astype(np.float32)
order = rng.permutation(20_000)
left = right[order] + 0.001 * rng.normal(size=right.shape).astype(np.float32)
links = np.stack([np.arange(20_000), order], axis=1)
build_index(right[:50], kind="flat").search(right[:50], 1)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (1 << 30)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
"""
WORK = {
    "evaluate": "m = evaluate(left, right, links, device='cpu', memory_bytes=64 << 20)\n"
    "assert m['left_to_right']['hits@1'] == m['right_to_left']['hits@1'] == 1, m",
    **{
        name: f"m = MATCHERS[{name!r}](left, right, k=3, device='cpu')\n"
        "assert len(m) == 20_000 and (m.right == order).all()"
        for name in ("greedy", "mutual", "hungarian")
    },
    "dense": "try:\n    torch.from_numpy(left) @ torch.from_numpy(right).T\n"
    "except (RuntimeError, MemoryError):\n    pass\nelse:\n    sys.exit('the dense matrix fits the limit')",
    "dense hungarian": "try:\n    MATCHERS['hungarian'](left, right, device='cpu', memory_bytes=1 << 30)\n"
    "except UsageError as error:\n    assert 'k=10' in str(error)\nelse:\n    sys.exit('no refusal')",
}


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS and /proc are those of Linux")
@pytest.mark.parametrize("work", WORK)
def test_work_on_20000_by_20000_fits_a_limit_that_the_dense_matrix_breaks(work):
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + WORK[work] + "\nprint('done')"], capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout == "done\n", done.stderr[-2000:]
