"""One local cloud: an emulator of its own, the product deployed to it, and its users."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import boto3
import httpx

from local import ROOT, sam, system
from local.directory import samba
from local.directory.users import directory_users
from local.emulator import HOST, PROCESS_FILE, REGION
from local.emulator.smtp import CA_FILE
from local.seed import ADMIN, SENDER, seed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

STACK_NAME = "latchkey-local"
STACK_FILE = "stack.json"

_STAGE = "local"
# Tests and benchmarks send more requests a second than the defaults allow.
_RATES = {
    "GenerateRate": "100",
    "GenerateBurst": "200",
    "ExtractRate": "500",
    "ExtractBurst": "1000",
    "OtherRate": "500",
    "OtherBurst": "1000",
}
# The mailed link's base holds the API's id, and a first deployment needs to know it: MiniStack gives a REST
# API the id that this tag names, and a stack's tags are its resources' tags.
_API_ID = "latchkey"
_DIRECTORY_SECRET = f"{STACK_NAME}/directory"
_DIRECTORY_RESET_SECRET = f"{STACK_NAME}/directory-resets"
API_ID_TAG = "ms-custom-id"
_START_DEADLINE_SECONDS = 60
_STOP_DEADLINE_SECONDS = 15
_FIRST_RUNS_DEADLINE_SECONDS = 120
_POLL_SECONDS = 0.05
_LOG_TAIL = 4_000


class CloudError(RuntimeError):
    """When the local cloud does not start, deploy or stop; the message says why."""


@dataclass(frozen=True)
class Stack:
    """What `stack.json` holds. `smtp` is `{"host", "port"}`."""

    endpoint_url: str
    region: str
    stack_name: str
    api_url: str
    mailbox_url: str
    smtp: dict[str, Any]
    outputs: dict[str, str]

    @classmethod
    def read(cls, state_dir: Path) -> Stack:
        """Read the stack of a running local cloud. Raises FileNotFoundError when there is none."""
        return cls(**json.loads((state_dir / STACK_FILE).read_text()))

    def write(self, state_dir: Path) -> None:
        """Write it where others look for it."""
        (state_dir / STACK_FILE).write_text(json.dumps(asdict(self), indent=2) + "\n")


class LocalCloud:
    """A local cloud below `state_dir`; as a context manager it stops at the end.

    `wait_scale` scales Wait states and retry intervals, not time-outs. With `with_parent` the emulator ends
    when this process has gone, however it ended. With `resets_only` there is no directory, and `deploy` does
    not wait for the first rotation: that saves time where neither is needed.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        root: Path = ROOT,
        with_parent: bool = True,
        wait_scale: float = 1,
        resets_only: bool = False,
    ) -> None:
        """Describe a cloud; nothing happens yet."""
        self.state_dir = state_dir
        self.root = root
        self.with_parent = with_parent
        self.wait_scale = wait_scale
        self.resets_only = resets_only
        self.directory: samba.Samba | None = None
        #: People the directory gets beside those of every local cloud.
        self.more_users: Sequence[samba.DirectoryUser] = ()
        self._child: subprocess.Popen[bytes] | None = None
        # The credentials every local cloud takes.
        self._session = boto3.Session("test", "test", region_name=REGION)
        self._clients: dict[str, Any] = {}
        self._making_clients = Lock()

    def __enter__(self) -> Self:
        """Start the emulator."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    # The emulator

    @property
    def running(self) -> bool:
        """Whether the emulator of this state directory lives."""
        return self._process() is not None

    @property
    def endpoint_url(self) -> str:
        """Where AWS clients go. Raises CloudError when the emulator does not run."""
        return f"http://{HOST}:{self._living()['port']}"

    @property
    def pid(self) -> int:
        """The process whose children run the functions. Raises CloudError when the emulator does not run."""
        return self._living()["pid"]

    @property
    def smtp(self) -> dict[str, Any]:
        """Where SMTP clients go. Raises CloudError when the emulator does not run."""
        return {"host": HOST, "port": self._living()["smtp_port"]}

    @property
    def smtp_ca_file(self) -> Path:
        """The certificate authority by which SMTP clients know the endpoint."""
        return self.state_dir / CA_FILE

    def api_url(self, api_id: str) -> str:
        """Where an API is that was deployed with this id in `API_ID_TAG`."""
        return f"{self.endpoint_url}/_aws/execute-api/{api_id}/{_STAGE}"

    @property
    def mailbox_url(self) -> str:
        """Where the mails are."""
        return f"{self.endpoint_url}/_latchkey/mailbox"

    @property
    def stack(self) -> Stack:
        """What is deployed. Raises FileNotFoundError when nothing is."""
        return Stack.read(self.state_dir)

    def _living(self) -> dict[str, int]:
        process = self._process()
        if process is None:
            raise CloudError(f"No local cloud runs for {self.state_dir}")
        return process

    def _process(self) -> dict[str, int] | None:
        """Read the emulator's pid and port, if it lives.

        It holds a lock on the file for as long as it lives, so that a pid given to another process since then
        is never taken for it.
        """
        try:
            with (self.state_dir / PROCESS_FILE).open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    text = file.read()
                    # Locked and still empty: it is about to write.
                    process: dict[str, int] | None = json.loads(text) if text else None
                    return process
                return None
        except FileNotFoundError:
            return None

    def start(self) -> None:
        """Start the emulator on a free port and wait until it answers.

        Raises CloudError, with the end of its log, when it does not.
        """
        self.state_dir.mkdir(parents=True, exist_ok=True)
        if self.running:
            raise CloudError(f"A local cloud already runs for {self.state_dir}")
        command = [sys.executable, "-m", "local.emulator", "--state-dir", str(self.state_dir)]
        command += ["--wait-scale", str(self.wait_scale)]
        if self.with_parent:
            command += ["--with-parent", str(os.getpid())]
        log = self.state_dir / "emulator.log"
        with log.open("w") as output:
            # A session of its own: it outlives `make`, and its process group holds only what it started.
            # Kept: a child that is dropped while it runs is a warning, and an error in tests.
            self._child = process = subprocess.Popen(  # noqa: S603  # our own module, and no shell
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

        def answers(http: httpx.Client) -> bool:
            if process.poll() is not None:
                raise CloudError(f"The emulator ended at once:\n{log.read_text()[-_LOG_TAIL:]}")
            if not self.running:
                return False
            with contextlib.suppress(httpx.TransportError):
                return http.get(f"{self.endpoint_url}/_ministack/health").is_success
            return False

        # A client reads the system's certificates: made for each look, it would keep a processor busy.
        with httpx.Client() as http:
            answered = _within(_START_DEADLINE_SECONDS, lambda: answers(http))
        if not answered:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise CloudError(f"The emulator did not answer:\n{log.read_text()[-_LOG_TAIL:]}")

    def stop(self) -> None:
        """Stop the emulator and what it started; nothing happens when it does not run."""
        process = self._process()
        (self.state_dir / STACK_FILE).unlink(missing_ok=True)
        while self._clients:
            self._clients.popitem()[1].close()
        if process is None:
            return
        os.kill(process["pid"], signal.SIGTERM)
        if not _within(_STOP_DEADLINE_SECONDS, lambda: not self.running):
            os.killpg(process["pid"], signal.SIGKILL)
        if self._child is not None:
            self._child.wait()
        (self.directory or samba.Samba(self.state_dir / "samba")).stop()

    # The product

    def client(self, service: str) -> Any:  # noqa: ANN401
        """Return this cloud's boto3 client of a service, with an administrator's rights.

        It is made once: that takes longer than most calls.
        """
        # A session makes one client at a time.
        with self._making_clients:
            if service not in self._clients:
                self._clients[service] = self._session.client(  # type: ignore[call-overload]
                    service, endpoint_url=self.endpoint_url
                )
            return self._clients[service]

    def deploy(self, parameters: Mapping[str, str] | None = None, *, ttl_seconds: int | None = None) -> Stack:
        """Build and deploy the product, seed its users, wait for the first rotation, write `stack.json`.

        `parameters` override the template's. `ttl_seconds` is the life of a claim, if shorter than the
        template allows. Raises SamError or CloudError.
        """
        with ThreadPoolExecutor(1) as aside:
            directory = aside.submit(self._start_directory)
            sam.build(self.root)
        seed(self.client("iam"), self.client("sesv2"), self.client("apigateway"))
        sam.package(self.root, self.endpoint_url, self.client("s3"), STACK_NAME)
        api_url = self.api_url(_API_ID)
        given = {
            "Stage": _STAGE,
            "SenderAddress": SENDER,
            "AdminAddress": ADMIN,
            "RequestAccess": "Public",
            "PublicBaseUrl": api_url,
            "SmtpHost": self.smtp["host"],
            "SmtpPort": str(self.smtp["port"]),
            "RemindIamUsers": "true",
            "CreateOperatorsPolicy": "true",
            "CreateDashboard": "true",
            **_RATES,
            **directory.result(),
            **(parameters or {}),
        }
        sam.deploy(self.root, self.endpoint_url, STACK_NAME, given, {API_ID_TAG: _API_ID})
        if ttl_seconds is not None:
            self._shorten_claims(ttl_seconds)
        if not self.resets_only:
            self.wait_for_first_runs()
        stack = Stack(
            endpoint_url=self.endpoint_url,
            region=REGION,
            stack_name=STACK_NAME,
            api_url=api_url,
            mailbox_url=self.mailbox_url,
            smtp=self.smtp,
            outputs=self.outputs(STACK_NAME),
        )
        stack.write(self.state_dir)
        return stack

    def _start_directory(self) -> dict[str, str]:
        """Start a domain controller, and return the parameters that name it; none where that cannot be."""
        if self.resets_only or system.missing(system.SAMBA):
            return {}
        self.directory = samba.Samba(self.state_dir / "samba", owner=self.pid)
        self.directory.start([*directory_users(time.time()), *self.more_users])
        for name, user in (
            (_DIRECTORY_SECRET, samba.SERVICE_ACCOUNT),
            (_DIRECTORY_RESET_SECRET, samba.RESET_ACCOUNT),
        ):
            account = {"username": user, "password": self.directory.password}
            self.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(account))
        return {
            "DirectoryHosts": self.directory.host,
            "DirectoryCaCertificate": self.directory.ca,
            "DirectorySecretName": _DIRECTORY_SECRET,
            "DirectoryResetSecretName": _DIRECTORY_RESET_SECRET,
            "DirectorySearchBases": samba.USERS_BASE,
            "DirectoryExclusionGroup": samba.EXCLUSION_GROUP,
            # MiniStack has no real networks; any names will do.
            "DirectorySubnetIds": "subnet-00000000",
            "DirectorySecurityGroupIds": "sg-00000000",
        }

    def wait_for_first_runs(self) -> None:
        """Wait until what the schedules start at once is over. Raises CloudError when that takes too long."""
        if not _within(_FIRST_RUNS_DEADLINE_SECONDS, self._first_runs_are_over):
            raise CloudError("What the schedules start at once did not end, or did not fill the SMTP secret")

    def _first_runs_are_over(self) -> bool:
        """Say whether what the schedules started at once is over, and the SMTP secret filled by it."""
        secret = self.client("secretsmanager").get_secret_value(SecretId=f"{STACK_NAME}/smtp")
        if not json.loads(secret["SecretString"]):
            return False
        executions = self.client("stepfunctions")
        return not any(
            executions.list_executions(stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING")[
                "executions"
            ]
            for machine in executions.list_state_machines()["stateMachines"]
        )

    def outputs(self, stack_name: str) -> dict[str, str]:
        """Return the outputs of a stack."""
        stacks = self.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}

    def function_name(self, logical_id: str) -> str:
        """Find the name of a function by its resource in the template."""
        resource = self.client("cloudformation").describe_stack_resource(
            StackName=STACK_NAME, LogicalResourceId=logical_id
        )
        return str(resource["StackResourceDetail"]["PhysicalResourceId"])

    def _shorten_claims(self, seconds: int) -> None:
        functions = self.client("lambda")
        name = self.function_name("StorePasswordFunction")
        known = (
            functions.get_function_configuration(FunctionName=name)
            .get("Environment", {})
            .get("Variables", {})
        )
        variables = {**known, "CLAIM_TTL_SECONDS": str(seconds)}
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)


def _within(seconds: float, done: Callable[[], bool]) -> bool:
    """Poll until something is done; say whether it was, in time."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
