"""``report.html``: the page of a run as one file, with the data inside."""

from ..report.page import page, with_data
from ..result.answers import Answers
from .static import static_data
from .view import RunView

MOST_BYTES = 5_000_000  # of the file
RESERVE = 20_000  # bytes of the file that are kept free, for names of sections and separators


def report_of(result: Answers) -> str:
    """The page of a run as one file of less than 5 MB, which needs no network; larger runs are sampled."""
    text = page()
    return with_data(text, static_data(RunView(result), MOST_BYTES - RESERVE - len(text.encode())))
