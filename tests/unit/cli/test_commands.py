"""What operators do to executions: list, show, ask, revoke, rotate, remind."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli import follow, render
from cli.readers import logs
from latchkey.domain.claims import item_id, user_key
from latchkey.domain.resets import Phase, revocation_of
from tests.unit.cli.account import (
    NOW,
    RESOURCES,
    STACK,
    Account,
    action,
    documented_actions,
    error,
    person,
)
from tools.asl import read_template

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Latchkey

ROOT = Path(__file__).parents[3]
ALICE = "Alice@Example.com"
NAME = f"{user_key(ALICE)}-20260301T0845Z"
PASSWORD = "PlantedPassword-9"


def machine(name: str) -> str:
    return RESOURCES[f"{name.capitalize()}StateMachine"][1]


def arn(of: str, name: str) -> str:
    return f"{machine(of).replace(':stateMachine:', ':execution:')}:{name}"


def user(name: str) -> dict[str, Any]:
    return {"User": {**person(name), "UserId": "AIDA1234567890123456", "CreateDate": NOW}}


class Machines:
    """The stack's state machines: what runs there, and what was asked of them."""

    def __init__(self, account: Account) -> None:
        self.executions: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.started: list[tuple[str, str, dict[str, Any]]] = []
        self.stopped: list[str] = []
        #: What an execution that is started becomes.
        self.outcome: dict[str, Any] = {"status": "RUNNING"}
        self.states: tuple[str, ...] = ()
        account.plant("stepfunctions.ListExecutions", self._list)
        account.plant("stepfunctions.DescribeExecution", self._describe)
        account.plant("stepfunctions.GetExecutionHistory", self._history)
        account.plant("stepfunctions.StartExecution", self._start)
        account.plant("stepfunctions.StopExecution", self._stop)
        account.plant("iam.GetUser", lambda asked: user(asked["UserName"]))
        account.plant("dynamodb.UpdateItem", self._write)
        account.plant(
            "dynamodb.Query", lambda _asked: {"Items": [{"id": {"S": each}} for each in self.items]}
        )
        account.plant("dynamodb.GetItem", lambda asked: {"Item": self.items.get(asked["Key"]["id"]["S"], {})})
        #: What was written to the registry, and what it holds of users.
        self.written: list[dict[str, Any]] = []
        self.items: dict[str, dict[str, Any]] = {}

    def _write(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.written.append(asked)
        return {}

    def leave(self, execution: str, phase: Phase) -> None:
        """Let the registry say how far a reset of Alice's has come in the end."""
        current = {"execution": {"S": execution}, "phase": {"S": phase}}
        self.items[item_id(user_key(ALICE))] = {"current": {"M": current}}

    def run(self, of: str, name: str, states: tuple[str, ...] = (), **more: Any) -> str:  # noqa: ANN401
        """Let an execution be there, two minutes old; each state took a minute but the last."""
        started = NOW - timedelta(minutes=2)
        self.executions[arn(of, name)] = {
            "executionArn": arn(of, name),
            "stateMachineArn": machine(of),
            "name": name,
            "status": "RUNNING",
            "startDate": started,
            "input": "{}",
            **more,
        }
        self.events[arn(of, name)] = [
            event
            for number, state in enumerate(states)
            for event in (
                {
                    "id": 3 * number + 1,
                    "type": "TaskStateEntered",
                    "timestamp": started + timedelta(minutes=number),
                    "stateEnteredEventDetails": {"name": state},
                },
                {"id": 3 * number + 2, "type": "TaskScheduled", "timestamp": started},
                *(
                    [
                        {
                            "id": 3 * number + 3,
                            "type": "TaskStateExited",
                            "timestamp": started + timedelta(minutes=number + 1),
                            "stateExitedEventDetails": {"name": state},
                        }
                    ]
                    if number + 1 < len(states)
                    else []
                ),
            )
        ]
        return arn(of, name)

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        keys = {"executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate"}
        return {
            "executions": [
                {key: each[key] for key in keys & each.keys()}
                for each in self.executions.values()
                if each["stateMachineArn"] == asked["stateMachineArn"]
                and each["status"] == asked.get("statusFilter", each["status"])
            ]
        }

    def _describe(self, asked: dict[str, Any]) -> Any:  # noqa: ANN401  # an answer or an error
        return self.executions.get(asked["executionArn"]) or error("ExecutionDoesNotExist")

    def _history(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["includeExecutionData"] is False, "states carry what is sealed"
        return {"events": self.events[asked["executionArn"]]}

    def _start(self, asked: dict[str, Any]) -> dict[str, Any]:
        of = asked["stateMachineArn"].rpartition("-")[2]
        name = asked.get("name", "started")
        self.started.append((of, name, json.loads(asked.get("input", "{}"))))
        return {"executionArn": self.run(of, name, self.states, **self.outcome), "startDate": NOW}

    def _stop(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.executions[asked["executionArn"]]["status"] = "ABORTED"
        self.stopped.append(asked["executionArn"].rpartition(":")[2])
        return {"stopDate": NOW}


@pytest.fixture
def machines(account: Account, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """Return state machines on which nothing runs; following one waits for nothing."""
    monkeypatch.setenv("LATCHKEY_STACK", STACK)
    monkeypatch.setattr(follow, "pause", lambda: pytest.fail("there is nothing to wait for"))
    account.plant("logs.FilterLogEvents", {"events": []})
    return Machines(account)


# list


def test_nothing_under_way_is_an_empty_list(machines: Machines, latchkey: Latchkey) -> None:
    machines.run("reset", NAME, status="SUCCEEDED")
    assert latchkey("list").output == ""
    assert json.loads(latchkey("list", "--json").output) == []


def test_what_is_under_way_is_listed_with_its_state(machines: Machines, latchkey: Latchkey) -> None:
    machines.run("reset", NAME, ("ValidateUser", "WaitForClaim"), input=json.dumps({"user": ALICE}))
    machines.run("rotation", "r1", ("Overlap",))
    head, *rows = latchkey("list").output.splitlines()
    assert head.split() == ["machine", "user", "since", "(UTC)", "state", "for", "execution"]
    assert rows[0].split()[:5] == ["reset", ALICE, "2026-03-01", "08:58:00", "WaitForClaim"]
    assert rows[0].split()[5:] == ["1", "min", "0", "s", NAME]
    assert rows[1].split()[0] == "rotation"
    reset, _ = json.loads(latchkey("list", "--json").output)
    assert reset == {
        "machine": "reset",
        "user": ALICE,
        "since": "2026-03-01T08:58:00+00:00",
        "state": "WaitForClaim",
        "seconds": 60,
        "execution": NAME,
    }


@pytest.mark.parametrize(
    "trick", ["\x1b]0;title\x07", "\x1b[2J", "\x9b2J", "\x9d52;c;eA==\x9c", "\x08", "\x7f", "\r", "\u202e"]
)
def test_names_and_causes_make_a_terminal_do_nothing(
    trick: str, machines: Machines, latchkey: Latchkey
) -> None:
    ended: Any = {"status": "FAILED", "startDate": NOW, "stopDate": NOW}
    given = json.dumps({"user": f"{trick}mallory"})
    machines.run("reset", NAME, ("ValidateUser",), input=given, error="Error", cause=f"{trick}cause", **ended)
    machines.run("reset", "2nd", ("ValidateUser",), input=given)
    commands = [("list",), ("list", "--failed"), ("show", NAME), ("show", "--json", NAME), ("revoke", "2nd")]
    for command in commands:
        output = latchkey(*command, input="n").output
        assert "mallory" in output, command
        assert trick not in output, command
        assert {each for each in output if unicodedata.category(each)[0] == "C"} <= {"\n"}, command


def test_what_failed_lately_is_listed_with_its_cause_and_the_last_first(
    machines: Machines, latchkey: Latchkey
) -> None:
    def end(of: str, name: str, status: str, hours: int, **more: Any) -> None:  # noqa: ANN401
        ended = NOW - timedelta(hours=hours)
        machines.run(of, name, status=status, startDate=ended - timedelta(days=4), stopDate=ended, **more)

    end("reset", NAME, "FAILED", 3, error="MailRefusedError", cause="Paused.", input=f'{{"user": "{ALICE}"}}')
    end("rotation", "r1", "ABORTED", 1, error="Replaced", cause="by an operator")
    end("cleanup", "c1", "FAILED", 25, error="States.Timeout")
    end("cleanup", "c2", "SUCCEEDED", 1)
    rows = json.loads(latchkey("list", "--failed", "--json").output)
    assert [(row["execution"], row["state"], row["because"]) for row in rows] == [
        ("r1", "ABORTED", "Replaced: by an operator"),
        (NAME, "FAILED", "MailRefusedError: Paused."),
    ]
    assert rows[1]["user"] == ALICE
    assert "MailRefusedError: Paused." in latchkey("list", "--failed").output


def test_a_narrow_terminal_shows_names_whole(
    monkeypatch: pytest.MonkeyPatch, machines: Machines, latchkey: Latchkey
) -> None:
    monkeypatch.setattr(render, "_PIPE_COLUMNS", 100)
    name, other = (f"{user_key(ALICE)}-{digit * 32}" for digit in "01")
    given: Any = {"input": json.dumps({"user": ALICE}), "startDate": NOW}
    machines.run("reset", name, ("WaitForClaim",), **given)
    machines.run("reset", other, status="FAILED", stopDate=NOW, error="ThrottledError", **given)
    assert f"  {other}" in latchkey("list", "--failed").output.splitlines()
    assert name in "".join(latchkey("list").output.split()), "folded, not cut off"


def test_users_who_could_not_be_told_are_listed(
    account: Account, machines: Machines, latchkey: Latchkey
) -> None:
    claimed = RESOURCES["NotifyClaimedFunction"][1]
    told, gone = f"{user_key('bob')}-1", f"{user_key('carol')}-1"
    ended: Any = {"status": "SUCCEEDED", "stopDate": NOW - timedelta(minutes=1)}
    for name, who in ((NAME, ALICE), (told, "bob"), (gone, "carol")):
        machines.run("reset", name, input=json.dumps({"user": who}), **ended)
    machines.run("reset", f"{user_key('dave')}-1", input=json.dumps({"user": "dave"}))
    lines = [
        *(logged(each, "Gave up: MailRefusedError: paused", function_name=claimed) for each in (NAME, told)),
        logged(told, "Done.", function_name=claimed),
        logged(f"{user_key('dave')}-1", "Gave up: ThrottledError: slow", function_name=claimed),
        logged("deleted-since", "Gave up: MailRefusedError: paused", function_name=claimed),
    ]
    account.plant(
        "logs.FilterLogEvents", lambda asked: {"events": lines if claimed in asked["filterPattern"] else []}
    )
    unsent = [row for row in json.loads(latchkey("list", "--json").output) if row["state"] == "NoticeUnsent"]
    assert [(row["user"], row["execution"], row["seconds"]) for row in unsent] == [(ALICE, NAME, 60)]
    assert "NoticeUnsent" in latchkey("list").output


def test_every_state_that_counts_an_unsent_notice_is_looked_at() -> None:
    states = json.loads((ROOT / "statemachines" / "reset.asl.json").read_text("utf-8"))["States"]
    counting = [
        name
        for name, state in states.items()
        if "CountUnsentNotice" in [caught["Next"] for caught in state.get("Catch", [])]
    ]
    assert sorted(logs.NOTIFYING) == sorted(counting)


# show


def logged(execution: str, message: str, **more: str) -> dict[str, Any]:
    line = {"level": "INFO", "message": message, "execution": execution, **more}
    return {"timestamp": int(NOW.timestamp() * 1000), "message": json.dumps(line)}


@pytest.mark.parametrize("what", [ALICE, NAME, arn("reset", NAME)])
def test_an_execution_is_found_by_user_name_or_arn(what: str, machines: Machines, latchkey: Latchkey) -> None:
    machines.run("reset", f"{user_key('bob')}-20260301T0845Z")
    machines.run("reset", NAME, ("ValidateUser",), input=json.dumps({"user": ALICE}))
    shown = json.loads(latchkey("show", "--json", what).output)
    assert (shown["execution"], shown["user"]) == (arn("reset", NAME), ALICE)


@pytest.mark.parametrize("typed", [ALICE.lower(), ALICE.upper()])
def test_a_reset_is_found_in_whichever_spelling_it_was_asked_for(
    typed: str, account: Account, machines: Machines, latchkey: Latchkey
) -> None:
    account.plant("iam.GetUser", user(ALICE))
    asked = f"{user_key('aLiCe@example.com')}-1"
    machines.run("reset", asked, ("WaitForClaim",), input=json.dumps({"user": "aLiCe@example.com"}))
    machines.leave(asked, Phase.WAITING)
    assert json.loads(latchkey("show", "--json", typed).output)["execution"] == arn("reset", asked)
    refused = latchkey("ask", typed)
    assert (refused.exit_code, asked in refused.output, machines.started) == (1, True, [])


def test_a_spelling_that_iam_does_not_take_finds_a_recent_reset(
    machines: Machines, latchkey: Latchkey
) -> None:
    machines.run("reset", NAME, ("WaitForClaim",), input=json.dumps({"user": ALICE}))
    for typed in (ALICE.lower(), ALICE.upper()):
        assert json.loads(latchkey("show", "--json", typed).output)["execution"] == arn("reset", NAME)
        assert latchkey("ask", typed).exit_code == 1
    assert machines.started == []


def test_of_a_claim_that_was_revoked_the_reset_is_shown(machines: Machines, latchkey: Latchkey) -> None:
    asked = f"{user_key('another spelling')}-1"
    machines.run("reset", asked, status="SUCCEEDED")
    machines.leave(revocation_of(asked), Phase.OVER)
    assert json.loads(latchkey("show", "--json", ALICE).output)["execution"] == arn("reset", asked)


def test_of_two_resets_the_later_one_is_shown(machines: Machines, latchkey: Latchkey) -> None:
    machines.run("reset", NAME, status="SUCCEEDED", startDate=NOW)
    machines.run("reset", f"{user_key('x')}-1", status="SUCCEEDED", startDate=NOW - timedelta(hours=1))
    machines.leave(f"{user_key('x')}-1", Phase.OVER)
    assert json.loads(latchkey("show", "--json", ALICE).output)["execution"] == arn("reset", NAME)


@pytest.mark.parametrize(("code", "ends"), [("NoSuchEntity", 1), ("ValidationError", 1), ("AccessDenied", 3)])
def test_a_name_that_iam_does_not_have_is_taken_as_typed(
    code: str, ends: int, account: Account, machines: Machines, latchkey: Latchkey
) -> None:
    assert machines
    account.plant("iam.GetUser", error(code))
    assert latchkey("show", "no such user").exit_code == ends


def test_a_timeline_has_states_causes_and_log_lines(
    account: Account, machines: Machines, latchkey: Latchkey
) -> None:
    machines.run(
        "reset",
        NAME,
        ("ValidateUser", "SendClaimLink"),
        status="FAILED",
        stopDate=NOW,
        error="MailRefusedError",
        cause="Sending is paused.",
        input=json.dumps({"user": ALICE}),
    )
    account.plant(
        "logs.FilterLogEvents",
        {
            "events": [
                logged(
                    NAME, "Gave up: MailRefusedError", function_name=RESOURCES["SendClaimLinkFunction"][1]
                ),
                logged("another", "Done."),
                {"timestamp": 0, "message": "no JSON"},
            ]
        },
    )
    text = latchkey("show", NAME).output
    assert "reset of Alice@Example.com: FAILED, 2026-03-01 08:58:00 UTC, 2 min 0 s" in text
    assert "MailRefusedError: Sending is paused." in text
    assert [line.split()[:6] for line in text.splitlines() if "ValidateUser" in line] == [
        ["0.0", "s", "ValidateUser", "1", "min", "0"]
    ]
    assert "INFO   SendClaimLink  Gave up: MailRefusedError" in text
    assert "Done." not in text
    shown = json.loads(latchkey("show", "--json", NAME).output)
    assert [state["state"] for state in shown["states"]] == ["ValidateUser", "SendClaimLink"]
    assert [line["message"] for line in shown["log"]] == ["Gave up: MailRefusedError"]


def test_the_state_in_which_an_execution_was_stopped_takes_no_more_time(
    machines: Machines, latchkey: Latchkey
) -> None:
    stopped = NOW - timedelta(seconds=30)
    machines.run("reset", NAME, ("ValidateUser", "WaitForClaim"), status="ABORTED", stopDate=stopped)
    (waited,) = [
        line.split() for line in latchkey("show", NAME).output.splitlines() if "WaitForClaim" in line
    ]
    assert waited == ["1", "min", "0", "s", "WaitForClaim", "30", "s", "1"]


def test_no_data_of_a_state_is_shown(account: Account, machines: Machines, latchkey: Latchkey) -> None:
    given = json.dumps({"user": ALICE, "sealed": PASSWORD})
    output = json.dumps({"because": "protected", "sealed": PASSWORD})
    machines.run("reset", NAME, ("Rejected",), status="SUCCEEDED", stopDate=NOW, input=given, output=output)
    account.plant("logs.FilterLogEvents", {"events": [logged(NAME, "Done.", extra=PASSWORD)]})
    for words in (["show", NAME], ["show", "--json", NAME]):
        said = latchkey(*words).output
        assert PASSWORD not in said
        assert "protected" in said


def test_what_is_not_there_is_said(machines: Machines, latchkey: Latchkey) -> None:
    assert machines
    result = latchkey("show", "carol")
    assert (result.exit_code, "carol" in result.output) == (1, True)


# ask


def test_a_reset_is_started_under_a_name_that_nothing_else_can_take(
    machines: Machines, latchkey: Latchkey
) -> None:
    result = latchkey("ask", ALICE)
    assert result.exit_code == 0
    ((of, name, given),) = machines.started
    assert (of, given) == ("reset", {"user": ALICE})
    assert re.fullmatch(rf"{user_key(ALICE)}-[0-9a-f]{{32}}", name)
    assert f"latchkey show {name}" in result.output


def test_the_user_can_be_asked_first(machines: Machines, latchkey: Latchkey) -> None:
    answer = json.loads(latchkey("ask", "--json", "--confirm", ALICE).output)
    ((_, name, given),) = machines.started
    assert given == {"user": ALICE, "confirm": True}
    assert answer == {"execution": arn("reset", name)}


def test_a_second_reset_is_not_started_beside_the_first(machines: Machines, latchkey: Latchkey) -> None:
    machines.run("reset", NAME)
    result = latchkey("ask", ALICE)
    assert (result.exit_code, machines.started) == (1, [])
    assert NAME in result.output


# revoke


@pytest.mark.parametrize("what", [ALICE, NAME])
def test_a_reset_that_is_under_way_is_stopped_and_undone(
    what: str, machines: Machines, latchkey: Latchkey
) -> None:
    machines.run("reset", NAME, input=json.dumps({"user": ALICE}))
    machines.outcome, machines.states = {"status": "SUCCEEDED"}, ("FindOrphans", "Cleaned")
    machines.leave(NAME, Phase.OVER)
    result = latchkey("revoke", "--yes", what)
    assert result.exit_code == 0
    assert [line.split()[-1] for line in result.output.splitlines()[:2]] == list(machines.states)
    assert "Undone" in result.output
    assert machines.stopped == [NAME]
    assert [started[0] for started in machines.started] == ["cleanup"]
    (written,) = machines.written
    assert written["Key"] == {"id": {"S": item_id(user_key(ALICE))}}
    assert written["ExpressionAttributeValues"][":execution"] == {"S": NAME}


def test_a_reset_that_is_changing_the_account_is_left_to_the_hourly_cleanup(
    machines: Machines, account: Account, latchkey: Latchkey
) -> None:
    account.plant("dynamodb.UpdateItem", error("ConditionalCheckFailedException"))
    machines.run("reset", NAME, input=json.dumps({"user": ALICE}))
    machines.leave(NAME, Phase.RESETTING)
    result = latchkey("revoke", "--yes", ALICE)
    assert (result.exit_code, "90 minutes" in result.output) == (1, True)
    assert (machines.stopped, machines.started) == ([NAME], [])


def test_a_reset_that_waits_for_its_user_s_yes_has_nothing_to_undo(
    machines: Machines, account: Account, latchkey: Latchkey
) -> None:
    account.plant("dynamodb.UpdateItem", error("ConditionalCheckFailedException"))
    arn = machines.run("reset", NAME, input=json.dumps({"user": ALICE}))
    answer = json.loads(latchkey("revoke", "--json", "--yes", ALICE).output)
    assert answer == {"stopped": arn, "cleanup": "", "undone": True}
    machines.run("reset", NAME, input=json.dumps({"user": ALICE}))
    assert "before it changed" in latchkey("revoke", "--yes", ALICE).output
    assert machines.started == []


def test_a_cleanup_that_undoes_nothing_is_no_success(machines: Machines, latchkey: Latchkey) -> None:
    machines.run("reset", NAME, input=json.dumps({"user": ALICE}))
    machines.outcome = {"status": "FAILED"}
    machines.leave(NAME, Phase.WAITING)
    result = latchkey("revoke", "--yes", ALICE)
    assert (result.exit_code, "not undone yet" in result.output) == (1, True)


@pytest.mark.parametrize("typed", [ALICE.lower(), "alias@example.com", "corp-alice"])
def test_the_item_of_a_reset_is_found_whatever_name_was_typed(
    typed: str, machines: Machines, latchkey: Latchkey
) -> None:
    machines.outcome = {"status": "SUCCEEDED"}
    name = f"{user_key(typed)}-1"
    machines.run("reset", name, input=json.dumps({"user": typed}))
    machines.items[item_id("another")] = {"current": {"M": {"execution": {"S": "another-1"}}}}
    machines.leave(name, Phase.OVER)
    assert latchkey("revoke", "--yes", typed).exit_code == 0
    (written,) = machines.written
    assert written["Key"] == {"id": {"S": item_id(user_key(ALICE))}}


def test_the_cleanup_starts_once_step_functions_says_that_the_reset_has_stopped(
    machines: Machines, account: Account, latchkey: Latchkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.outcome = {"status": "SUCCEEDED"}
    arn = machines.run("reset", NAME, input=json.dumps({"user": ALICE}))
    machines.leave(NAME, Phase.OVER)
    account.plant("stepfunctions.StopExecution", {"stopDate": NOW})

    def stop() -> None:
        assert machines.started == []
        machines.executions[arn]["status"] = "ABORTED"

    monkeypatch.setattr(follow, "pause", stop)
    assert latchkey("revoke", "--yes", ALICE).exit_code == 0
    assert machines.executions[arn]["status"] == "ABORTED"
    assert [started[0] for started in machines.started] == ["cleanup"]


def test_revoking_asks_before_it_acts(machines: Machines, latchkey: Latchkey) -> None:
    machines.run("reset", NAME, input=json.dumps({"user": ALICE}))
    result = latchkey("revoke", ALICE, input="n\n")
    assert (result.exit_code, machines.stopped, machines.started) == (1, [], [])
    assert ALICE in result.output
    machines.outcome = {"status": "SUCCEEDED"}
    assert latchkey("revoke", "--json", ALICE, input="y\n").exit_code == 0
    assert machines.stopped == [NAME]


def test_what_is_over_cannot_be_revoked(machines: Machines, latchkey: Latchkey) -> None:
    machines.run("reset", NAME, status="SUCCEEDED")
    machines.run("rotation", "r1")
    for what in (ALICE, NAME, "r1"):
        assert latchkey("revoke", "--yes", what).exit_code == 1
    assert machines.stopped == []


# rotate


def test_a_rotation_is_told_until_the_new_credentials_are_current(
    machines: Machines, latchkey: Latchkey
) -> None:
    machines.states = ("CreateCredentials", "PromoteCredentials", "Overlap")
    result = latchkey("rotate")
    assert result.exit_code == 0
    assert [line.split()[-1] for line in result.output.splitlines()[:3]] == list(machines.states)
    assert "are current" in result.output
    assert machines.started == [("rotation", "started", {})]


def test_a_rotation_that_fails_says_why(machines: Machines, latchkey: Latchkey) -> None:
    machines.outcome = {"status": "FAILED", "error": "KeyLimitError", "cause": "Two keys."}
    result = latchkey("rotate")
    assert (result.exit_code, "KeyLimitError: Two keys." in result.output) == (1, True)
    assert json.loads(latchkey("rotate", "--json").output)["error"] == "KeyLimitError"


def test_a_second_rotation_is_not_started_beside_the_first(machines: Machines, latchkey: Latchkey) -> None:
    machines.run("rotation", "r1")
    result = latchkey("rotate")
    assert (result.exit_code, "latchkey show r1" in result.output) == (1, True)
    assert machines.started == []


def test_leaked_credentials_end_at_once(machines: Machines, latchkey: Latchkey) -> None:
    machines.run("rotation", "r1")
    machines.outcome = {"status": "SUCCEEDED"}
    assert latchkey("rotate", "--leaked", input="n\n").exit_code == 1
    assert (machines.stopped, machines.started) == ([], [])
    assert latchkey("rotate", "--leaked", "--yes").exit_code == 0
    assert machines.stopped == ["r1"]
    assert machines.started == [("rotation", "started", {"overlap_seconds": 0, "grace_seconds": 0})]


def test_an_execution_is_asked_about_until_it_ends(
    machines: Machines, latchkey: Latchkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end() -> None:
        machines.executions[arn("rotation", "started")]["status"] = "SUCCEEDED"

    machines.states = ("PlanRotation",)
    monkeypatch.setattr(follow, "pause", end)
    result = latchkey("rotate", "--leaked", "--yes")
    assert result.exit_code == 0
    assert result.output.count("PlanRotation") == 1


# remind


REPORT = {"counts": {"mailed": 3, "not due": 40}, "problems": [], "report": "s3://runs/report.csv"}


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["--yes"], {}),
        (["--dry-run"], {"mode": "dry-run"}),
        (["--test", "me@example.com"], {"mode": "test", "to": "me@example.com"}),
    ],
)
def test_a_run_of_the_reminders_is_reported(
    words: list[str], given: dict[str, str], machines: Machines, latchkey: Latchkey
) -> None:
    machines.outcome = {"status": "SUCCEEDED", "output": json.dumps(REPORT)}
    result = latchkey("remind", *words)
    assert result.exit_code == 0
    assert machines.started == [("reminders", "started", given)]
    assert ["3", "mailed"] in [line.split() for line in result.output.splitlines()]
    assert "s3://runs/report.csv" in result.output
    assert json.loads(latchkey("remind", "--json", *words).output)["output"] == REPORT


def test_one_user_can_be_asked_about(machines: Machines, latchkey: Latchkey) -> None:
    answer = {
        "source": "iam",
        "user": "alice",
        "expires": "2026-03-08T09:00:00+00:00",
        "days_left": 7,
        "policy": "the account's password policy: 90 days",
        "would_be_mailed": True,
        "because": "",
    }
    output = {"answers": [answer], "not_found": ["directory: no such user"], "not_asked": []}
    machines.outcome = {"status": "SUCCEEDED", "output": json.dumps(output)}
    said = latchkey("remind", "--user", "alice").output
    assert "alice (iam): expires 2026-03-08T09:00:00+00:00, in 7 days; is mailed today" in said
    assert "directory: no such user" in said
    assert machines.started == [("reminders", "started", {"user": "alice"})]


def test_people_are_mailed_only_after_a_yes(machines: Machines, latchkey: Latchkey) -> None:
    assert latchkey("remind", input="n\n").exit_code == 1
    assert latchkey("remind", "--dry-run", "--user", "alice").exit_code == 2
    assert machines.started == []


def test_a_run_that_went_wrong_says_what(machines: Machines, latchkey: Latchkey) -> None:
    machines.outcome = {"status": "FAILED", "error": "RemindersIncompleteError", "cause": "2 not sent"}
    result = latchkey("remind", "--dry-run")
    assert (result.exit_code, "2 not sent" in result.output) == (1, True)


# all of them


def without_machines(account: Account) -> None:
    """Let a rollback have taken everything: CloudFormation goes on listing it."""
    gone = [
        {
            "LogicalResourceId": logical,
            "ResourceType": kind,
            "PhysicalResourceId": physical,
            "LastUpdatedTimestamp": NOW,
            "ResourceStatus": "DELETE_COMPLETE",
        }
        for logical, (kind, physical) in RESOURCES.items()
    ]
    account.plant("cloudformation.ListStackResources", {"StackResourceSummaries": gone})


@pytest.mark.parametrize("words", [["rotate"], ["remind", "--dry-run"]])
def test_a_stack_without_reminders_says_so(
    words: list[str], account: Account, machines: Machines, latchkey: Latchkey
) -> None:
    without_machines(account)
    assert latchkey(*words).exit_code == 1
    assert machines.started == []


COMMANDS = ("ask", "check", "list", "remind", "revoke", "rotate", "show")


def test_each_command_is_in_the_help(latchkey: Latchkey) -> None:
    listed = latchkey("--help").output.partition("Commands:")[2].splitlines()
    assert tuple(line.split()[0] for line in listed if line.strip()) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str, latchkey: Latchkey) -> None:
    result = latchkey(command, "--help")
    assert result.exit_code == 0
    for option in ("--stack", "--profile", "--region", "--endpoint-url", "--json"):
        assert option in result.output


@pytest.mark.parametrize(
    "words", [["list"], ["show", "x"], ["ask", "x"], ["revoke", "x"], ["rotate"], ["remind"]]
)
def test_each_command_needs_a_stack_that_is_there(
    words: list[str], account: Account, machines: Machines, latchkey: Latchkey
) -> None:
    assert machines
    assert latchkey(*words, LATCHKEY_STACK=None).exit_code == 2
    account.plant("cloudformation.DescribeStacks", error("ValidationError"))
    assert latchkey(*words).exit_code == 1
    account.plant("cloudformation.DescribeStacks", error("AccessDenied"))
    assert latchkey(*words).exit_code == 3


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_takes_a_secret(command: str, latchkey: Latchkey) -> None:
    for secret in ("--password", "--secret", "--token"):
        assert secret not in latchkey(command, "--help").output


def test_the_operators_policy_has_what_the_commands_call_and_no_more(
    account: Account, machines: Machines, latchkey: Latchkey
) -> None:
    machines.run("reset", NAME, ("WaitForClaim",), input=json.dumps({"user": ALICE}))
    machines.outcome = {"status": "SUCCEEDED", "output": json.dumps(REPORT)}
    machines.leave(NAME, Phase.OVER)
    for words in (
        ["list"],
        ["show", NAME],
        ["ask", "bob"],
        ["revoke", "--yes", ALICE],
        ["rotate", "--leaked", "--yes"],
        ["remind", "--dry-run"],
    ):
        assert latchkey(*words).exit_code == 0, words
    template = read_template(ROOT / "template.yaml")
    policy: Any = template["Resources"]["OperatorsPolicy"]["Properties"]["PolicyDocument"]
    given = [statement["Action"] for statement in policy["Statement"]]
    granted = [name for names in given for name in ([names] if isinstance(names, str) else names)]
    called = {action(call) for call in account.calls}
    assert sorted(granted) == sorted({*documented_actions(), *called} - {""})
