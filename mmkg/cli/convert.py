"""Rewrites a pair of graphs in another format.

mmkg convert FOLDER OUT --to parquet
mmkg convert left.ttl right.nt.gz OUT --links links.rdf --to openea --keep-split
mmkg convert FOLDER OUT --to ntriples --links-to oaei
"""

import argparse
import sys
from pathlib import Path

import mmkg

from ..config.parse import with_settings
from ..data.formats.write import LINK_WRITERS, WRITERS
from ..errors import MmkgError


def main() -> int:
    """Run the command."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("source", nargs="+", help="what `mmkg describe` takes: a pair, or two graphs")
    options.add_argument("target", type=Path, help="folder to write")
    options.add_argument("--to", required=True, choices=WRITERS, help="format")
    options.add_argument("--links", help="links of two graphs")
    options.add_argument("--links-to", choices=LINK_WRITERS, help="format of the links, where two graphs are written")
    options.add_argument("--keep-split", action="store_true", help="write which links train, validate and test, too")
    options.add_argument("--seed", type=int, default=0, help="of the split")
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. data.fold=721_5fold/1")
    args = options.parse_args()
    try:
        settings = with_settings({}, [*args.set, *([f"data.links={args.links}"] if args.links else [])])
        source = args.source[0] if len(args.source) == 1 else args.source
        task = mmkg.load(source, seed=args.seed, **settings.get("data", {}))
        folder = mmkg.write_pair(task, args.target, args.to, keep_split=args.keep_split, links=args.links_to)
    except MmkgError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    for note, number in task.notes.items():
        print(f"{note}: {number:,}", file=sys.stderr)
    print(
        f"{task.left.num_entities:,} + {task.right.num_entities:,} entities, {len(task.links.all()):,} links: {folder}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
