"""Of several executions of one state machine the first goes on."""

from datetime import UTC, datetime, timedelta

from latchkey.domain.executions import Execution, earlier

BEGIN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def executions(*minutes: int) -> list[Execution]:
    return [Execution(BEGIN + timedelta(minutes=each), f"arn:{each}") for each in minutes]


def test_the_first_of_several_executions_goes_on_and_the_others_know_it() -> None:
    running = executions(3, 1, 2)
    assert earlier("arn:1", running) is None
    assert earlier("arn:2", running) == earlier("arn:3", running) == running[1]


def test_an_execution_alone_goes_on_though_no_list_shows_it_yet() -> None:
    assert earlier("arn:1", []) is None


def test_of_executions_that_started_together_one_goes_on() -> None:
    together = [Execution(BEGIN, f"arn:{name}") for name in "abc"]
    assert [earlier(each.arn, together) is None for each in together].count(True) == 1
