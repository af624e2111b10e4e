"""Every order of the steps of some resets of one user, their claims and a cleanup, with crashes in between.

A search through all of them on the rules alone: what each write does to the item, the account, the parameters
and the executions that wait. The transitions are the product's own, and the order of the writes is given. So
conditions that are left out and writes that are swapped can be planted, and the search has to find them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import pytest

from latchkey.domain import resets
from latchkey.domain.resets import Attempt, Guard, Item, Phase, Reset, Transition
from latchkey.errors import ClaimNotReadyError, LatchkeyError, ResetInProgressError, SupersededError
from tests.unit.transition_rules import allows, refusal

# One unit of the model's clock is the life of a link, the grace, and the longest change alike.
LAST_TICK = 4
LAST_BEGINNING = 1
CLEANUP = "cleanup"
#: How a claim ended that was not shown anything.
REFUSED, CRASHED = -1, -2

#: The writes of each step, in the product's order.
STEPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "reset": ("begin", "tell", "set"),
        "store": ("put", "store"),
        "wait": ("wait",),
        "sleep": ("sleep",),
        "delete": ("delete",),
        "undo": ("revoke", "tell", "lock out", "finish", "delete"),
    }
)
NEXT = {"reset": "store", "store": "wait", "wait": "sleep"}


#: What a write meets: it is made, an earlier try made it, or the error that it fails with.
type Verdict = Literal["made", "done"] | type[LatchkeyError]


class World(NamedTuple):
    """Everything there is; each value is as small as the invariants allow."""

    item: Item
    account: str
    parameters: frozenset[str]
    #: For each execution: the step it is in, or how it ended; and how many of the step's writes are done.
    executions: tuple[tuple[str, str, int], ...]
    #: Executions that were stopped. A function that was at work goes on to the end of its step.
    stopped: frozenset[str]
    #: For each link: who claims it, how many of the claim's calls are done, and the password that was read.
    claims: tuple[tuple[str, int, str], ...]
    #: For each waiting execution what it was told: `claimed` or `superseded`.
    told: frozenset[tuple[str, str]]
    shown: tuple[str, ...]
    #: What the cleanup undoes, and how many writes it has done; None where there is no cleanup.
    cleanup: tuple[str, int] | None
    now: int
    crashes: int


class BrokenError(AssertionError):
    """When an invariant does not hold."""


@dataclass(frozen=True)
class Scene:
    """Who is there, how often something may crash, and the writes of each step, in the product's order."""

    executions: tuple[str, ...] = ("A", "B")
    claims: tuple[str, ...] = ()
    cleanup: bool = False
    crashes: int = 0
    steps: Mapping[str, tuple[str, ...]] = STEPS
    claim_steps: tuple[str, ...] = ("claim", "read", "complete")


def explore(scene: Scene) -> int:
    """Go through every order, and return how many different worlds there were. Raises BrokenError."""
    start = World(
        item=Item(),
        account="old",
        parameters=frozenset(),
        executions=tuple((name, "reset", 0) for name in scene.executions),
        stopped=frozenset(),
        claims=tuple((name, 0, "") for name in scene.claims),
        told=frozenset(),
        shown=(),
        cleanup=("", 0) if scene.cleanup else None,
        now=0,
        crashes=scene.crashes,
    )
    seen, open_ = {start}, [start]
    while open_:
        world = open_.pop()
        check(world)
        following = [each for each in moves(world, scene) if each != world]
        if not following:
            check_end(world)
        for each in following:
            if each not in seen:
                seen.add(each)
                open_.append(each)
    return len(seen)


def moves(world: World, scene: Scene) -> Iterator[World]:
    steps = scene.steps
    for number, (name, step, done) in enumerate(world.executions):
        if step not in steps:
            continue
        yield from advance(world, number, steps)
        if world.crashes and step != "sleep" and name not in world.stopped:
            less = world._replace(crashes=world.crashes - 1)
            yield at(less, number, name, step, 0)  # tried again
            if step not in {"undo", "delete"}:
                yield at(less, number, name, "undo", 0)  # given up
        if world.crashes and world.cleanup and name not in world.stopped:
            less = world._replace(crashes=world.crashes - 1, stopped=world.stopped | {name})
            yield less if done else at(less, number, name, "stopped", 0)
    for number in range(len(world.claims)):
        yield from visit(world, number, scene.claim_steps)
    yield from clean(world, steps["undo"])
    if world.now < max(LAST_TICK, world.item.due_at) and is_quiet(world):
        yield world._replace(now=world.now + 1)


def is_quiet(world: World) -> bool:
    """Tell whether the clock may go on: nothing outlives GRACE, and no change LONGEST_CHANGE."""
    current = world.item.current
    working = any(
        (step == "undo" and done > 0)
        or (step in {"reset", "store"} and (done > 0 or (current is not None and current.execution == name)))
        for name, step, done in world.executions
    )
    return not working and world.cleanup in {None, ("", 0)}


def at(world: World, number: int, name: str, step: str, done: int) -> World:
    changed = list(world.executions)
    changed[number] = (name, step, done)
    return world._replace(executions=tuple(changed))


def advance(world: World, number: int, steps: Mapping[str, tuple[str, ...]]) -> Iterator[World]:
    """Do the next write of an execution's step."""
    name, step, done = world.executions[number]
    attempt = Attempt(execution=name, actor=name, now=world.now, secret_sha256=name)
    write = steps[step][done]
    if write == "sleep":
        yield from wake(world, number)
        return
    after, verdict = apply(world, write, attempt)
    if write == "begin" and (verdict is ResetInProgressError or world.now > LAST_BEGINNING):
        yield at(world, number, name, "failed", 0)  # or it is tried again later: nothing has changed
    elif verdict is ResetInProgressError:
        return
    elif verdict is SupersededError and step in {"reset", "wait"}:
        yield at(after, number, name, "stopped" if name in world.stopped else "undo", 0)
    elif verdict is SupersededError:
        after = after._replace(parameters=after.parameters - {name})
        yield at(after, number, name, "superseded", 0)
    elif write == "revoke" and verdict == "done":
        yield at(after, number, name, "undo", len(steps["undo"]) - 1)
    elif done + 1 < len(steps[step]):
        yield at(after, number, name, step, done + 1)
    elif name in world.stopped:
        yield at(after, number, name, "stopped", 0)
    elif step in NEXT:
        yield at(after, number, name, NEXT[step], 0)
    else:
        yield at(after, number, name, "claimed" if step == "delete" else "undone", 0)


def wake(world: World, number: int) -> Iterator[World]:
    name = world.executions[number][0]
    if (name, "superseded") in world.told:
        yield at(world, number, name, "superseded", 0)
    elif (name, "claimed") in world.told:
        yield at(world, number, name, "delete", 0)
    elif world.now > 0:
        yield at(world, number, name, "undo", 0)


def apply(world: World, write: str, attempt: Attempt) -> tuple[World, Verdict]:
    """Do one write for an execution, or for the actor that undoes it."""
    if write in TRANSITIONS:
        return transit(world, TRANSITIONS[write](), attempt, moved(world.item, write, attempt))
    name, older = attempt.execution, world.item.older
    match write:
        case "tell" if older and older.phase != Phase.OVER:
            knows = {each for each, _ in world.told}
            told = (
                {(older.execution, "superseded")}
                if older.task_token and older.execution not in knows
                else set()
            )
            world = world._replace(told=world.told | told, parameters=world.parameters - {older.execution})
        case "set":
            world = world._replace(account=name)
        case "lock out":
            world = world._replace(account="unknown")
        case "put":
            world = world._replace(parameters=world.parameters | {name})
        case "delete":
            world = world._replace(parameters=world.parameters - {name})
    return world, "made"


# Looked up when they are used, so that a test can plant another.
TRANSITIONS = {
    "begin": lambda: resets.BEGIN,
    "store": lambda: resets.STORE,
    "wait": lambda: resets.WAIT,
    "revoke": lambda: resets.REVOKE,
    "finish": lambda: resets.FINISH,
}


def moved(item: Item, write: str, attempt: Attempt) -> Item:
    """Return the item after a transition that is allowed."""
    now = attempt.now
    match write:
        case "begin":
            begun = Reset(execution=attempt.execution, phase=Phase.RESETTING, user="u", begun_at=now)
            return Item(current=begun, older=item.current, due_at=now + 1)
        case "store":
            stored = change(item, Phase.STORED, expires_at=now + 1, secret_sha256=attempt.secret_sha256)
            return replace(stored, older=None, due_at=now + 2)
        case "wait":
            return change(item, Phase.WAITING, task_token=attempt.execution)
        case "revoke":
            return replace(change(item, Phase.REVOKING, undone_by=attempt.actor), due_at=now + 1)
    return replace(change(item, Phase.OVER), older=None, due_at=0)


def change(item: Item, phase: Phase, **more: Any) -> Item:  # noqa: ANN401
    """Return the item moved on; without a reset there is nothing to move."""
    return replace(item, current=replace(item.current, phase=phase, **more)) if item.current else item


def transit(world: World, transition: Transition, attempt: Attempt, item: Item) -> tuple[World, Verdict]:
    if allows(transition, world.item, attempt):
        return world._replace(item=item), "made"
    return world, refusal(transition, world.item, attempt) or "done"


def visit(world: World, number: int, claim_steps: tuple[str, ...]) -> Iterator[World]:
    """Do the next call of a claim; each may be its last, if the function crashes."""
    name, done, read = world.claims[number]
    if done < 0 or done == len(claim_steps):
        return
    mailed = any(each == name and step in {"wait", "sleep"} for each, step, _ in world.executions)
    if done == 0 and not mailed:
        return

    def to(after: World, done: int, read: str = read) -> World:
        changed = list(after.claims)
        changed[number] = (name, done, read)
        return after._replace(claims=tuple(changed))

    visitor = Attempt(actor=f"{number}", now=world.now, secret_sha256=name)
    match claim_steps[done]:
        case "claim":
            claimed = replace(
                change(world.item, Phase.CLAIMED, claimed_by=visitor.actor), due_at=world.now + 1
            )
            after, verdict = transit(world, resets.CLAIM, visitor, claimed)
            if verdict is not ClaimNotReadyError:
                yield to(after, done + 1 if verdict in {"made", "done"} else REFUSED)
        case "read" if name in world.parameters:
            yield to(world, done + 1, "good" if world.account == name else "dead")
        case "complete":
            waits = (name, "sleep", 0) in world.executions and name not in {each for each, _ in world.told}
            if waits:
                after = world._replace(told=world.told | {(name, "claimed")})
                yield to(after._replace(shown=(*world.shown, read)) if read else after, done + 1)
            else:
                yield to(world, REFUSED)
        case _:
            yield to(world, REFUSED)
    if world.crashes:
        yield to(world._replace(crashes=world.crashes - 1), CRASHED)


def clean(world: World, undo: tuple[str, ...]) -> Iterator[World]:
    """Do the next write of a cleanup, which looks for a reset that is due and whose execution is over."""
    if world.cleanup is None:
        return
    name, done = world.cleanup
    if done == 0:
        current = world.item.current
        # The index may be behind, so that what is not due is tried as well.
        running = {each for each, step, _ in world.executions if step in STEPS} - world.stopped
        if current is None or current.execution in running:
            return
        name = current.execution
    after, verdict = apply(world, undo[done], Attempt(execution=name, actor=CLEANUP, now=world.now))
    over = verdict != "made" or done + 1 == len(undo)
    yield after._replace(cleanup=("", 0) if over else (name, done + 1))


def check(world: World) -> None:
    current = world.item.current
    if current and current.phase in {Phase.STORED, Phase.WAITING}:
        if world.account != current.execution:
            raise BrokenError(
                f"The link of {current.execution} shows a password the account has not: {world}"
            )
        if current.execution not in world.parameters:
            raise BrokenError(f"The link of {current.execution} leads to nothing: {world}")
    won = [name for name, done, _ in world.claims if done > 0]
    if len(won) > len(set(won)):
        raise BrokenError(f"Two requests won one claim: {world}")
    if current and current.claimed_by and world.claims[int(current.claimed_by)][0] != current.execution:
        raise BrokenError(f"A link took the claim of another: {world}")
    if "dead" in world.shown:
        raise BrokenError(f"A claim showed a password that another reset had replaced: {world}")
    if len(world.shown) > sum(told == "claimed" for _, told in world.told):
        raise BrokenError(f"A password was shown without its execution knowing: {world}")


def check_end(world: World) -> None:
    """Check a world in which nothing moves any more."""
    current = world.item.current
    for name, step, _ in world.executions:
        if step in STEPS:
            raise BrokenError(f"{name} hangs in {step}: {world}")
        if step != "stopped" and name in world.parameters:
            raise BrokenError(f"The password of {name} was left behind: {world}")
        if step == "superseded" and current and current.execution == name:
            raise BrokenError(f"{name} calls itself superseded, and nothing took over: {world}")
        if step == "undone" and world.account == name:
            raise BrokenError(f"{name} was to be undone, and its password still opens the account: {world}")
    claimed = sum(told == "claimed" for _, told in world.told)
    if claimed > len(world.shown) and CRASHED not in {done for _, done, _ in world.claims}:
        raise BrokenError(f"A claim was told and nothing shown: {world}")
    stopped = world.stopped
    left = {Phase.RESETTING, Phase.STORED, Phase.WAITING, Phase.CLAIMED}  # Claimed, and never used.
    if world.cleanup and current and current.phase in left:
        raise BrokenError(f"The cleanup left something of {stopped}: {world}")
    if world.cleanup and world.account in stopped:
        raise BrokenError(f"The cleanup left a password that opens the account: {world}")


SCENES = {
    "two resets": Scene(),
    "two resets and a crash": Scene(crashes=1),
    "three resets": Scene(executions=("A", "B", "C")),
    "two resets and a claim of each": Scene(claims=("A", "B")),
    "two claims of one link, and a newer reset": Scene(claims=("A", "A")),
    "a reset, a claim, a cleanup and two crashes": Scene(("A",), claims=("A",), cleanup=True, crashes=2),
    "two resets, a cleanup and a crash": Scene(cleanup=True, crashes=1),
}


@pytest.mark.parametrize("scene", SCENES)
def test_whatever_the_order_a_link_shows_the_password_or_nothing(scene: str) -> None:
    assert explore(SCENES[scene]) > 100


EVERY_PHASE = frozenset(Phase)

#: What is planted: the transition and what it lacks, and the scene that shows it.
CONDITIONS_LEFT_OUT: dict[str, tuple[str, dict[str, Any], str]] = {
    "a reset begins though another changes the account": (
        "BEGIN",
        {"replaces": resets.BEGIN.replaces | {Phase.RESETTING}},
        "two resets",
    ),
    "a reset begins though another is being undone": (
        "BEGIN",
        {"replaces": resets.BEGIN.replaces | {Phase.REVOKING}},
        "two resets and a crash",
    ),
    "waiting does not mind who has the account": ("WAIT", {"replaces": EVERY_PHASE}, "two resets"),
    "a claim does not mind that there was one": (
        "CLAIM",
        {"own": frozenset({Phase.WAITING, Phase.CLAIMED})},
        "two claims of one link, and a newer reset",
    ),
    "a claim does not mind whose link it is": (
        "CLAIM",
        {"replaces": frozenset({Phase.WAITING})},
        "two resets and a claim of each",
    ),
    "undoing does not mind who has the account": ("REVOKE", {"replaces": EVERY_PHASE}, "two resets"),
    "undoing does not mind who else undoes": (
        "REVOKE",
        {"guard": Guard.NONE},
        "two resets, a cleanup and a crash",
    ),
}


@pytest.mark.parametrize("mistake", CONDITIONS_LEFT_OUT)
def test_the_search_finds_a_condition_left_out(monkeypatch: pytest.MonkeyPatch, mistake: str) -> None:
    name, planted, scene = CONDITIONS_LEFT_OUT[mistake]
    monkeypatch.setattr(resets, name, replace(getattr(resets, name), **planted))
    with pytest.raises(BrokenError):
        explore(SCENES[scene])


WRITES_SWAPPED: dict[str, dict[str, tuple[str, ...]]] = {
    "the password is set before the account is taken": {"reset": ("set", "begin", "tell")},
    "the registry names a password that is not stored yet": {"store": ("store", "put")},
    "the password is replaced before the account is taken": {
        "undo": ("tell", "lock out", "revoke", "finish", "delete")
    },
    "the account is given back before its password is replaced": {
        "undo": ("revoke", "tell", "finish", "lock out", "delete")
    },
}


@pytest.mark.parametrize("mistake", WRITES_SWAPPED)
def test_the_search_finds_writes_in_another_order(mistake: str) -> None:
    with pytest.raises(BrokenError):
        explore(Scene(crashes=1, steps={**STEPS, **WRITES_SWAPPED[mistake]}))


def test_the_search_finds_a_claim_that_is_told_before_the_password_is_read() -> None:
    with pytest.raises(BrokenError):
        explore(Scene(("A",), claims=("A",), claim_steps=("claim", "complete", "read")))
