import numpy as np
import pytest
from drawn import draw, save

from mmkg.data.kg import KnowledgeGraph
from mmkg.data.task import AlignmentTask, LinkSplit


@pytest.fixture
def files(tmp_path):
    """Ten pictures, e00.png to e09.png."""
    return [save(tmp_path / "pictures" / f"e{number:02}.png", draw(number, 24)) for number in range(10)]


@pytest.fixture
def task():
    """Left entities are named like the pictures of ``files``; right ones are f09 to f00."""
    links = np.stack([np.arange(10), np.arange(10)[::-1]], axis=1)
    none = np.empty((0, 3), np.int64)
    left = KnowledgeGraph(tuple(f"http://l/e{n:02}" for n in range(10)), (), none)
    right = KnowledgeGraph(tuple(f"f{9 - n:02}" for n in range(10)), (), none)
    return AlignmentTask(left, right, LinkSplit(links[:3], links[3:4], links[4:]), "drawn")
