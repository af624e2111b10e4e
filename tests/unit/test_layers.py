"""The path says the layer: rules know nothing of the outside, handlers nothing of each other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"
MACHINES = ("reset", "directory", "cleanup", "rotation", "reminders")

#: What each layer may import of ours; handlers stand on top of all of it.
MAY_IMPORT = {
    "latchkey.errors": (),
    "latchkey.domain": ("latchkey.domain", "latchkey.errors"),
    "latchkey.languages": ("latchkey.languages", "latchkey.domain", "latchkey.errors"),
    "latchkey.emails": ("latchkey.emails", "latchkey.languages", "latchkey.domain", "latchkey.errors"),
    "latchkey.observability": (),
    "latchkey.adapters": (
        "latchkey.adapters",
        "latchkey.domain",
        "latchkey.emails",
        "latchkey.errors",
        "latchkey.observability",
    ),
    "latchkey.settings": ("latchkey.domain",),
    "latchkey.web": (
        "latchkey.web",
        "latchkey.languages",
        "latchkey.domain",
        "latchkey.errors",
        "latchkey.version",
    ),
    "latchkey.handler": ("latchkey.web", "latchkey.errors", "latchkey.observability"),
    "latchkey.addressees": ("latchkey.adapters", "latchkey.domain"),
    "latchkey.listing": ("latchkey.adapters", "latchkey.domain"),
    "latchkey.notices": ("latchkey.adapters", "latchkey.domain", "latchkey.emails", "latchkey.settings"),
    "latchkey.version": (),
    "latchkey.undoing": ("latchkey.adapters", "latchkey.domain", "latchkey.errors"),
}
#: The variables an adapter may read: which resource of the stack it stands for, and what belongs to it alone.
MAY_READ = {
    "latchkey.adapters.access_keys": ("SMTP_USER",),
    "latchkey.adapters.reminder_idempotency": ("IDEMPOTENCY_TABLE",),
    "latchkey.adapters.s3": ("REMINDER_RUNS_BUCKET",),
    "latchkey.adapters.smtp_secret": ("SMTP_SECRET", "SMTP_HOST", "SMTP_PORT"),
    "latchkey.adapters.ssm": ("PASSWORDS_PATH",),
    "latchkey.adapters.stepfunctions": ("RESET_STATE_MACHINE_ARN",),
    "latchkey.adapters.table": ("REGISTRY_TABLE",),
}
#: What is given its settings as values.
READS_NO_SETTINGS = (
    "latchkey.domain",
    "latchkey.adapters",
    "latchkey.emails",
    "latchkey.languages",
    "latchkey.web",
)
#: What no rule may know: the network, AWS, and the directory.
OUTSIDE = ("boto3", "botocore", "aws_lambda_powertools", "ldap3", "smtplib", "socket", "urllib.request")

#: A longer module has two subjects.
MOST_LINES = 250
_ENVIRONMENT = re.compile(r"\b(?:environb?|getenvb?)\b(?:\[['\"](\w+)['\"]\])?")


def imported(source: str) -> Iterator[str]:
    """Yield the modules that a source imports: of `from a import b` the name `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def read_variables(source: str) -> Iterator[str]:
    """Yield each variable of the environment that a source reads; of any other use of it, the word."""
    yield from (match[1] or match[0] for match in _ENVIRONMENT.finditer(source))


def violations(module: str, source: str) -> list[str]:
    """Return what a module imports or reads although its layer may not."""
    found = []
    machine = module.partition(".")[0]
    layer = next((each for each in MAY_IMPORT if is_within(module, (each,))), None)
    for name in imported(source):
        ours = is_within(name, ("latchkey", *MACHINES))
        if ours and layer and not is_within(name, MAY_IMPORT[layer]):
            found.append(f"{module} imports {name}")
        if is_within(name, MACHINES) and machine in MACHINES:
            found.append(f"{module}, a handler, imports {name}, a handler")
        if layer == "latchkey.domain" and is_within(name, OUTSIDE):
            found.append(f"{module}, a rule, imports {name}")
    if layer in READS_NO_SETTINGS:
        found += [
            f"{module} reads {name}"
            for name in read_variables(source)
            if name not in MAY_READ.get(module, ())
        ]
    return found


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(FUNCTIONS.rglob("*.py")):
        parts = path.relative_to(FUNCTIONS).with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__"), path


def test_every_module_keeps_to_its_layer() -> None:
    found = [each for module, path in modules() for each in violations(module, path.read_text("utf-8"))]
    assert found == []


def test_each_variable_that_an_adapter_may_read_is_read() -> None:
    sources = {module: path.read_text("utf-8") for module, path in modules() if module in MAY_READ}
    assert {module: {*read_variables(source)} for module, source in sources.items()} == {
        module: {*names} for module, names in MAY_READ.items()
    }


def test_every_module_can_be_read_at_once() -> None:
    lines = {name: path.read_text("utf-8").count("\n") for name, path in modules()}
    assert {name: number for name, number in lines.items() if number > MOST_LINES} == {}


def test_every_module_of_ours_has_a_layer() -> None:
    ours = [name for name, _ in modules() if name.startswith("latchkey.")]
    assert ours
    assert [name for name in ours if not is_within(name, tuple(MAY_IMPORT))] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("latchkey.domain.users", "import boto3"),
        ("latchkey.domain.users", "from botocore.config import Config"),
        ("latchkey.domain.users", "from ldap3 import Server"),
        ("latchkey.domain.users", "import smtplib"),
        ("latchkey.domain.users", "import os\nLENGTH = os.environ['LENGTH']"),
        ("latchkey.domain.users", "import os\nLENGTH = os.getenv('LENGTH')"),
        ("latchkey.domain.users", "from os import environ"),
        ("latchkey.adapters.ses", "import os\nSENDER = os.environ['SENDER_ADDRESS']"),
        ("latchkey.adapters.ses", "import os\nSENDER = os.environ.get('SENDER_ADDRESS')"),
        ("latchkey.adapters.table", "import os\nSENDER = os.environ['SENDER_ADDRESS']"),
        ("latchkey.adapters.smtp_secret", "import os\nSENDER = os.environ['SENDER_ADDRESS']"),
        ("latchkey.adapters.iam", "from latchkey.settings import protection"),
        ("latchkey.web.http", "import os\nURL = os.environ['PUBLIC_BASE_URL']"),
        ("latchkey.domain.users", "from latchkey.adapters import iam"),
        ("latchkey.adapters.iam", "from latchkey.handler import task_handler"),
        ("latchkey.adapters.iam", "from reset.validate_user import handler"),
        ("latchkey.web.http", "from latchkey.adapters import iam"),
        ("latchkey.emails.messages", "from latchkey.adapters.ses import send"),
        ("latchkey.languages.text", "from latchkey.emails import Mail"),
        ("reset.notify_failed", "from reset.notify_expired import handler"),
        ("cleanup.remove_orphans", "from reset import revoke_password"),
    ],
)
def test_what_a_layer_may_not_import_or_read_is_found(module: str, source: str) -> None:
    assert violations(module, source)
