"""A reset whose functions die right after any one of their calls of AWS, while all but the registry is stale.

What is found to be called in a run without deaths is what the others die after: once, so that the step is
tried again, or at each try, so that the reset is undone.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.client import BaseClient

from latchkey.adapters import registry, ssm
from latchkey.domain.claims import user_key
from latchkey.domain.resets import Phase
from reset import generate_password, reset_iam_password, revoke_password, send_claim_link, store_password
from reset.reveal_password import handler as reveal
from tests.unit.mailbox import Mail
from tests.unit.stack import CONTEXT, Stack, load_event

#: What reads a service that is eventually consistent. The registry's reads are strongly consistent.
STALE = {"GetUser", "ListGroupsForUser", "GetLoginProfile"}
#: How often Parameter Store does not show yet what was put there.
UNSEEN = 2
#: A first try, and as many again as Step Functions makes of a function that died.
TRIES = 3


class DiedError(BaseException):
    """Lambda ended a function: nothing in it can catch that."""


class GaveUpError(Exception):
    """Every try of a step died."""


@dataclass
class Ordeal:
    """One user's reset; the function of a step dies after one of its calls, as often as is told."""

    stack: Stack
    user: str
    step: str = ""
    call: int = 0
    deaths: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    _running: str = ""
    _made: int = 0
    _unseen: int = UNSEEN
    _before: dict[str, Any] = field(default_factory=dict)

    def answer(self, client: BaseClient, operation: str, parameters: dict[str, Any]) -> object:
        """Answer a call, stale where it may be, and die after it where that is its turn."""
        if operation == "GetParameter" and self._unseen:
            self._unseen -= 1
            self.stack.refuse(operation, "ParameterNotFound")
        dies = self._is_its_turn()
        try:
            found = Stack.call(self.stack, client, operation, parameters)
            return self._before.setdefault(operation, found) if operation in STALE else found
        finally:
            if dies:
                raise DiedError

    def _is_its_turn(self) -> bool:
        if not self._running:
            return False
        self._made += 1
        self.calls[self._running] = max(self._made, self.calls.get(self._running, 0))
        dies = self.deaths > 0 and (self._running, self._made) == (self.step, self.call)
        self.deaths -= dies
        return dies

    def run(self, step: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401  # what the step returns
        """Run a step as Step Functions does. Raises GaveUpError when all tries died."""
        for _ in range(TRIES):
            self._running, self._made = step, 0
            try:
                return do()
            except DiedError:
                continue
            finally:
                self._running = ""
        raise GaveUpError

    def reset(self) -> bool:
        """Run a reset until its link waits; where a step gives up it is undone. Return whether it waits."""
        known: Any = {"execution": f"reset-of-{self.user}", "user": self.user, "window": ""}
        known |= {
            "name": self.user,
            "mail": self.user,
            "language": "",
            "entered_at": datetime.now(UTC).isoformat(),
        }
        known |= generate_password.handler(known, CONTEXT)
        try:
            self.run("ResetIamPassword", lambda: reset_iam_password.handler(known, CONTEXT))
            known |= self.run("StorePassword", lambda: store_password.handler(known, CONTEXT))
            self.run("SendClaimLink", lambda: send_claim_link.handler(known, CONTEXT))
        except GaveUpError:
            self.undo()
            return False
        item = registry.read(user_key(self.user))
        assert item.current
        waiting = replace(item.current, phase=Phase.WAITING, task_token="token")
        self.stack.keep(replace(item, current=waiting), self.user)
        return True

    def undo(self) -> None:
        """Undo the reset, as its state machine does after an expiry and after a failure."""
        event: Any = {"execution": f"reset-of-{self.user}", "user": self.user, "began": True}
        self.run("RevokePassword", lambda: revoke_password.handler(event, CONTEXT))

    def is_over(self) -> bool:
        """Say whether nothing is left to claim, and no link that was mailed opens anything."""
        parameter = ssm.password_parameter(f"reset-of-{self.user}")
        left = parameter in self.stack.passwords() or any(self.press(link, "late") for link in self.links())
        return not left and self.stack.phase(self.user) in {None, Phase.OVER}

    def links(self) -> list[dict[str, str]]:
        """Return what each mailed link opens."""
        texts = [mail.text for mail in self.mails()]
        pattern = r"#ph=(?P<ph>\S+?)&rs=(?P<rs>\S+)"
        return [match.groupdict() for text in texts for match in re.finditer(pattern, text)]

    def mails(self) -> list[Mail]:
        """Return the user's mails."""
        return [mail for mail in self.stack.mails() if mail.to == self.user]

    def press(self, link: dict[str, str], request: str = "request") -> str | None:
        """Press Reveal; return the password, or None where the person got none."""
        event = load_event("reveal_password_valid") | {"body": json.dumps(link)}
        event["requestContext"]["extendedRequestId"] = request
        self._running, self._made = "RevealPassword", 0
        try:
            answer = reveal(event, CONTEXT)
        except DiedError:
            return None
        finally:
            self._running = ""
        password: str | None = json.loads(answer["body"]).get("password")
        return password


@pytest.fixture
def begin(sealing_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ordeal]:
    """Return what prepares an ordeal of a new user."""
    monkeypatch.setattr("latchkey.adapters.ssm.time.sleep", lambda _seconds: None)
    sealing_stack.answer("SendTaskSuccess", {})
    users = (f"user-{number}@example.com" for number in range(1000))

    def begin(step: str = "", call: int = 0, deaths: int = 0) -> Ordeal:
        # A temporary password already: stale, it does not look like one that its user chose meanwhile.
        user = sealing_stack.add_user(next(users), must_change=True)
        ordeal = Ordeal(sealing_stack, user, step, call, deaths)
        monkeypatch.setattr(sealing_stack, "call", ordeal.answer)
        return ordeal

    return begin


def calls_of(ordeal: Ordeal, steps: set[str]) -> list[tuple[str, int]]:
    """Return each call of these steps."""
    assert set(ordeal.calls) >= steps
    return [(step, call + 1) for step in sorted(steps) for call in range(ordeal.calls[step])]


CHANGING = {"ResetIamPassword", "StorePassword", "SendClaimLink"}


def test_a_step_that_died_once_is_made_good_by_its_next_try(begin: Callable[..., Ordeal]) -> None:
    usual = begin()
    assert usual.reset()
    for step, call in calls_of(usual, CHANGING):
        ordeal = begin(step, call, deaths=1)
        assert ordeal.reset(), (step, call)
        shown = ordeal.press(ordeal.links()[-1])
        assert shown, (step, call)
        assert shown == ordeal.stack.password_of(ordeal.user), (step, call)
        assert ordeal.deaths == 0


def test_a_step_that_always_dies_is_undone_and_no_mailed_link_opens_anything(
    begin: Callable[..., Ordeal],
) -> None:
    usual = begin()
    assert usual.reset()
    for step, call in calls_of(usual, CHANGING):
        ordeal = begin(step, call, deaths=TRIES)
        assert not ordeal.reset(), (step, call)
        assert ordeal.is_over(), (step, call)


def test_an_undoing_that_died_once_is_finished_by_its_next_try(begin: Callable[..., Ordeal]) -> None:
    usual = begin()
    assert usual.reset()
    usual.undo()
    for step, call in calls_of(usual, {"RevokePassword"}):
        ordeal = begin(step, call, deaths=1)
        assert ordeal.reset()
        set_by_reset = ordeal.stack.password_of(ordeal.user)
        ordeal.undo()
        assert ordeal.is_over(), (step, call)
        assert ordeal.stack.password_of(ordeal.user) != set_by_reset, (step, call)


def test_a_claim_that_died_shows_nothing_then_or_later_and_is_undone(begin: Callable[..., Ordeal]) -> None:
    usual = begin()
    assert usual.reset()
    assert usual.press(usual.links()[0])
    for step, call in calls_of(usual, {"RevealPassword"}):
        ordeal = begin(step, call, deaths=1)
        assert ordeal.reset()
        set_by_reset = ordeal.stack.password_of(ordeal.user)
        assert [ordeal.press(ordeal.links()[0], request) for request in ("first", "second")] == [None, None]
        ordeal.undo()
        assert ordeal.is_over(), (step, call)
        assert ordeal.stack.password_of(ordeal.user) != set_by_reset, (step, call)
