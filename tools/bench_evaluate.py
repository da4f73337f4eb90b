"""Measures exact evaluation with CSLS, both directions: seconds, peak memory, distance from the GEMM floor.

Random unit vectors, one process, the machine's own cores; compare ratios within one run, not seconds
across machines. Example: python tools/bench_evaluate.py --size 10500 --width 600
"""

import argparse
import json
import time

import numpy as np
import torch

from mmkg.evaluation import evaluate
from mmkg.report import peak_rss_mb


def clocks() -> np.ndarray:
    return np.array([time.perf_counter(), time.process_time()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=10_500, help="test links, and candidates on either side")
    parser.add_argument("--width", type=int, default=600, help="width of the joint embedding")
    parser.add_argument("--csls", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    generator = torch.Generator().manual_seed(0)
    left = torch.nn.functional.normalize(torch.randn(args.size, args.width, generator=generator), dim=1)
    right = torch.nn.functional.normalize(left + 0.12 * torch.randn(left.shape, generator=generator), dim=1)
    links = np.stack([np.arange(args.size)] * 2, axis=1)

    square = torch.randn(2048, 2048, generator=generator)
    square @ square
    start = clocks()
    for _ in range(5):
        square @ square
    wall, cpu = clocks() - start
    gemm = 5 * 2 * 2048**3 / cpu / 1e9

    before = peak_rss_mb() or 0.0
    start = clocks()
    metrics = evaluate(left, right, links, csls_k=args.csls, device="cpu")
    wall, cpu = clocks() - start
    products = 2 if args.csls else 1  # one pass for the neighbourhood means, one for the ranks; both directions share
    floor = products * 2 * args.size**2 * args.width / (gemm * 1e9)
    report = {
        "size": args.size,
        "width": args.width,
        "csls_k": args.csls,
        "threads": torch.get_num_threads(),
        "wall_s": round(float(wall), 2),
        "cpu_s": round(float(cpu), 2),
        "gemm_gflop_per_cpu_s": round(gemm, 1),
        "times_gemm_floor": round(float(cpu) / floor, 2),
        "peak_rss_above_data_mb": round((peak_rss_mb() or 0.0) - before, 1),
        "dense_matrix_mb": round(4 * args.size**2 / 1e6, 1),
        "hits@1": metrics["left_to_right"]["hits@1"],
    }
    print(json.dumps(report) if args.json else "\n".join(f"{name:24s} {value}" for name, value in report.items()))


if __name__ == "__main__":
    main()
