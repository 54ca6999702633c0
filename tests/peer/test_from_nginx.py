"""examples/from-nginx: the same checks against nginx + uWSGI and against slipway."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from front_page import page
from front_rows import ROWS, Row
from fronts import NGINX, UWSGI, Front, nginx_and_uwsgi, slipway
from http1 import Cut, Malformed
from program import ROOT

PAGE = ROOT / "docs" / "from-nginx.md"
STARTS = {"nginx": nginx_and_uwsgi, "slipway": slipway}
pytestmark = pytest.mark.skipif(
    not (shutil.which(NGINX) and shutil.which(UWSGI)), reason="no nginx or no uWSGI"
)


@pytest.fixture(scope="module", params=STARTS)
def front(request: pytest.FixtureRequest) -> Iterator[Front]:
    folder = Path(tempfile.mkdtemp(prefix="slipway-front-", dir="/tmp"))
    try:
        with STARTS[request.param](folder) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row(front: Front, row: Row) -> None:
    if front.name not in row.differs:
        row.check(front)
        return
    with pytest.raises((AssertionError, KeyError, Cut, Malformed)):
        row.check(front)


def test_the_page() -> None:
    made = page()
    old = PAGE.read_text() if PAGE.exists() else ""
    PAGE.write_text(made)
    assert made == old, "docs/from-nginx.md was old and is made anew"
