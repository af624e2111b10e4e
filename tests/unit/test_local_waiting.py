"""Who waits for the local cloud is answered as soon as it is so, without asking again and again."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Condition, Event
from typing import Any, override

import pytest

from local.emulator.call_log import Request
from local.emulator.faults import Faults
from local.emulator.gateway import Gateway
from local.emulator.mailbox import Mail, Mailbox
from local.emulator.patches.base import module
from local.emulator.patches.executions import tell_of_events

ARN = "arn:aws:states:us-east-1:000000000000:execution:latchkey-local-reset:one"
#: Far longer than telling takes; a request that is never told waits twice as long.
PATIENCE_SECONDS = 30

type Waiting = Callable[[Request], Future[None]]


class Watched(Condition):
    """Tells that someone waits."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = Event()

    @override
    def wait(self, timeout: float | None = None) -> bool:
        self.begun.set()
        return super().wait(timeout)


@pytest.fixture
def gateway() -> Gateway:
    unused: Any = None
    return Gateway(unused, Mailbox(Watched()), unused, unused, Faults(), Watched())


@pytest.fixture
def execution(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have MiniStack know an execution, and return what adds to its events."""
    sfn = module("services.stepfunctions", "_add_event", "_executions")
    found: dict[str, Any] = {"status": "RUNNING", "events": []}
    monkeypatch.setattr(sfn, "_executions", {ARN: found})
    monkeypatch.setattr(sfn, "_add_event", sfn._add_event)  # noqa: SLF001  # as the patches do
    tell_of_events(sfn, gateway.changed)

    def go_on(state: str, status: str = "RUNNING") -> None:
        found["status"] = status
        sfn._add_event(found, "Any", {"stateEnteredEventDetails": {"name": state}})  # noqa: SLF001

    return go_on


def get(what: str, **query: object) -> Request:
    given = {name: [str(value)] for name, value in query.items()}
    return Request("GET", f"/_latchkey/{what}", {}, given, b"")


def mail(to: str, subject: str) -> Mail:
    return Mail("ses", "a@example.com", (to,), subject, "", "", "2026-11-20T12:00:00.000000+00:00")


@pytest.fixture
def waiting(gateway: Gateway) -> Iterator[Waiting]:
    """Return what lets a request wait in a thread of its own."""
    mails, events = gateway.mailbox.changed, gateway.changed
    with ThreadPoolExecutor(1) as pool:

        def begin(request: Request) -> Future[None]:
            waits = pool.submit(gateway.wait, request)
            changed = mails if request.path.endswith("mailbox") else events
            assert isinstance(changed, Watched)
            assert changed.begun.wait(PATIENCE_SECONDS)
            return waits

        yield begin


def test_the_mailbox_has_what_is_asked_once_so_many_mails_are_those(gateway: Gateway) -> None:
    asked = get("mailbox", to="b@example.com", about="Hello", number=2)
    for sent in (
        mail("b@example.com", "Hello"),
        mail("c@example.com", "Hello"),
        mail("b@example.com", "Bye"),
    ):
        gateway.mailbox.add(sent)
        assert not gateway.is_there(asked)
    gateway.mailbox.add(mail("b@example.com", "Hello again"))
    assert gateway.is_there(asked)


def test_an_execution_is_waited_for_until_it_has_entered_the_state_or_is_over(
    gateway: Gateway, execution: Callable[..., None]
) -> None:
    state, end = get("execution", arn=ARN, state="Work"), get("execution", arn=ARN)
    execution("Before")
    assert (gateway.is_there(state), gateway.is_there(end)) == (False, False)
    execution("Work")
    assert (gateway.is_there(state), gateway.is_there(end)) == (True, False)
    execution("After", "FAILED")
    assert (gateway.is_there(get("execution", arn=ARN, state="Never")), gateway.is_there(end)) == (True, True)


def test_who_waits_is_told_of_each_mail(gateway: Gateway, waiting: Waiting) -> None:
    waits = waiting(get("mailbox", number=1, within=2 * PATIENCE_SECONDS))
    gateway.mailbox.add(mail("b@example.com", "Hello"))
    waits.result(PATIENCE_SECONDS)


def test_who_waits_is_told_of_each_event(execution: Callable[..., None], waiting: Waiting) -> None:
    waits = waiting(get("execution", arn=ARN, within=2 * PATIENCE_SECONDS))
    execution("Work", "SUCCEEDED")
    waits.result(PATIENCE_SECONDS)


def test_what_does_not_come_is_waited_for_as_long_as_asked(gateway: Gateway) -> None:
    gateway.wait(get("mailbox", number=1, within=0.01))
    assert not gateway.is_there(get("mailbox", number=1))
