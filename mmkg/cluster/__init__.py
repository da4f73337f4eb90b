"""CLUSTER: a run on several machines that Ray joins, with files in shared or object storage."""

from .align import align_on

__all__ = ["align_on"]
