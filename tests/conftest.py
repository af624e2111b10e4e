"""The local cloud that the tests in `workflow` and `e2e` share; started when the first of them asks.

Where several processes share the tests, each has a cloud of its own, and runs whole files.
"""

import gc
import os
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest
from coverage import Coverage

from local.cloud import LocalCloud
from local.driver.product import Product
from tests.names import name_of

#: Retries and waits pass a hundred times faster than on AWS; time-outs are not scaled.
WAIT_SCALE = 0.01
#: A cloud takes a gigabyte, three while fifty people claim at once, and each further one its deployment.
MOST_WORKERS = 4
#: The files that take more than a quarter of a minute, longest first: so the last to be begun are short, and
#: no process is left alone with a long one. Found by adding up, by file, the times that `--junit-xml` writes
#: of a whole run. The cleanup's is before them all the same, and so the first on its cloud, however many
#: processes there are: there no other test left a reset behind.
LONGEST_FIRST = (
    "workflow/test_cleanup",
    "workflow/test_reminders",
    "e2e/test_runbook",
    "workflow/test_reset",
    "workflow/test_rotation",
    "e2e/test_claims",
    "e2e/test_pages",
    "e2e/test_damaged_links",
    "e2e/test_leaks",
    "workflow/test_directory_reset",
    "e2e/test_reminders",
    "e2e/test_access",
    "e2e/test_replaced_functions",
    "e2e/test_supersede",
    "e2e/test_command_line",
    "e2e/test_smoke",
    "workflow/test_runtime",
    "workflow/test_directory",
    "e2e/test_accounts",
)

_UNIT_TESTS = Path(__file__).parent / "unit"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, and keep the order otherwise."""

    def place(item: pytest.Item) -> int:
        name = f"{item.path.parent.name}/{item.path.stem}"
        return (*LONGEST_FIRST, name).index(name)

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Keep what importing left out of every later collection of garbage: none of it goes away."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Collect once what the tests left; pytest does so ten times over, for other kinds of Python."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure coverage in the unit tests alone.

    What the others call runs in processes of its own, and measuring makes every line of Python cost half as
    much again.
    """
    measuring = Coverage.current()
    if measuring is None or item.path.is_relative_to(_UNIT_TESTS):
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a value in a test's name, see `names`."""
    return name_of(val)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Choose the number of processes for `-n auto`: two more than processors, as these tests mostly wait.

    `-n logical` is one a processor, for those that do not.
    """
    if config.option.numprocesses != "auto":
        return None
    return min((os.process_cpu_count() or 1) + 2, MOST_WORKERS)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests noted as cells of the matrix of browsers, each as row, column and text."""
    reports = terminalreporter.stats.get("passed", [])
    cells = [cell for report in reports for name, cell in report.user_properties if name == "matrix"]
    if not cells:
        return
    rows, columns = (list(dict.fromkeys(cell[place] for cell in cells)) for place in (0, 1))
    known = {(row, column): text for row, column, text in cells}
    width = max(map(len, rows))
    terminalreporter.section("how people reached their password")
    for row, *texts in [("", *columns)] + [
        (row, *(known.get((row, column), "-") for column in columns)) for row in rows
    ]:
        line = "  ".join(
            f"{text:{max(len(column), 11)}}" for text, column in zip(texts, columns, strict=True)
        )
        terminalreporter.write_line(f"{row:{width}}  {line}".rstrip())


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalCloud]:
    """Start a local cloud with the real stack; anyone may ask for a reset."""
    with LocalCloud(tmp_path_factory.mktemp("cloud"), wait_scale=WAIT_SCALE) as running:
        running.deploy()
        yield running


@pytest.fixture(scope="session")
def product(cloud: LocalCloud) -> Generator[Product]:
    """Meet the deployed product from outside."""
    with closing(Product(cloud)) as outside:
        yield outside
