"""The local cloud that the tests in `workflow` and `e2e` share; started when the first of them asks."""

from collections.abc import Generator
from contextlib import closing

import pytest

from local.cloud import LocalCloud
from local.product import Product

#: Retries and waits pass a hundred times faster than on AWS; time-outs take what they take.
WAIT_SCALE = 0.01


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalCloud]:
    """Start a local cloud with the real stack; anybody may ask for a reset."""
    with LocalCloud(tmp_path_factory.mktemp("cloud"), wait_scale=WAIT_SCALE) as running:
        running.deploy()
        yield running


@pytest.fixture(scope="session")
def product(cloud: LocalCloud) -> Generator[Product]:
    """Meet the deployed product from outside."""
    with closing(Product(cloud)) as outside:
        yield outside
