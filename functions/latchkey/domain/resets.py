"""Who may move a user's reset from which phase to which: the table of transitions, and how a refusal reads.

A user has one item in the registry. It holds the reset that has the account and, for a moment, the one
before. Every transition is one conditional write on that item, so of any number of callers one succeeds.
Nothing else orders two resets of one user: no lock, no list, no clock of a service.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, StrEnum

from latchkey.errors import ClaimGoneError, ClaimNotReadyError, ResetInProgressError, SupersededError

#: How long the cleanup leaves a reset alone after its time, or after an actor began to undo it.
#: No function runs longer than 75 seconds, so what began before is over by then.
GRACE = timedelta(minutes=5)

#: How long an execution may take from the state that sets the password to `StorePassword`: each has eight
#: tries a minute apart at most, of 30 seconds at most each, and two more, so both are over after 28 minutes.
LONGEST_CHANGE = timedelta(minutes=30)

#: How long an item stays after its last write. The longest link lives for a day; the rest of the week is for
#: people who look into a complaint.
KEPT = timedelta(days=7)


#: No name of an execution has a slash
#: (https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html).
_REVOCATION = "revoke/"


def revocation_of(execution: str) -> str:
    """Return the name of the revocation of an execution's claim, which no execution can have."""
    return f"{_REVOCATION}{execution}"


class Phase(StrEnum):
    """How far a reset has come."""

    RESETTING = "resetting"
    STORED = "stored"
    WAITING = "waiting"
    CLAIMED = "claimed"
    REVOKING = "revoking"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """One reset, as the registry keeps it; times are seconds since 1970, and 0 or empty means not yet."""

    execution: str
    phase: Phase
    #: The user's name; for an account of the directory, the name of the account.
    user: str
    #: What such a user types to sign in; empty where `user` is that.
    name: str = ""
    #: The key of the request window that let it through; empty where an operator started it.
    window: str = ""
    begun_at: int = 0
    stored_at: int = 0
    expires_at: int = 0
    secret_sha256: str = field(default="", repr=False)
    task_token: str = field(default="", repr=False)
    #: The request whose claim won.
    claimed_by: str = ""
    #: Who undoes it: its own execution, a cleanup's, or the request that revokes it.
    undone_by: str = ""

    @property
    def sign_in_name(self) -> str:
        """What the user types to sign in."""
        return self.name or self.user

    @property
    def revokes_claim(self) -> str:
        """The execution whose claim it revokes for the mailbox's owner; empty where it is a reset."""
        return self.execution.removeprefix(_REVOCATION) if self.execution.startswith(_REVOCATION) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A user's item. `older` is the reset that `current` replaced, until that one was told of it.

    `superseded_sha256` is the hash of the older's link, kept for people who open it: they proved enough to be
    told of the newer link.
    """

    current: Reset | None = None
    older: Reset | None = None
    superseded_sha256: str = field(default="", repr=False)
    #: When the cleanup may look at it, in seconds since 1970; 0 for never.
    due_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt to move a reset: by which actor, and when (in seconds since 1970)."""

    #: The reset. A link does not name it: the secret's hash finds it.
    execution: str = ""
    actor: str
    now: int
    secret_sha256: str = ""


class Guard(Enum):
    """What a transition of one's own reset asks beside the phase."""

    NONE = ""
    LINK = "the link's secret, and its time lies ahead"
    FREE = "no other actor undoes it; the cleanup waits until it is due"
    HELD = "it is this actor who undoes it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A step: from which phases of its own reset, and over which other resets, it moves the item on."""

    step: str
    to: Phase
    own: frozenset[Phase] = frozenset()
    guard: Guard = Guard.NONE
    #: Phases in which it may replace another reset; then also where there is none.
    replaces: frozenset[Phase] = frozenset()
    #: Phases of its own reset in which it finds itself done.
    done: frozenset[Phase] = frozenset()


_SETTLED = frozenset({Phase.STORED, Phase.WAITING, Phase.CLAIMED, Phase.OVER})

BEGIN = Transition(
    step="ResetIamPassword, ResetDirectoryPassword",
    to=Phase.RESETTING,
    replaces=_SETTLED,
    done=frozenset({Phase.RESETTING}),
)
STORE = Transition(
    step="StorePassword",
    to=Phase.STORED,
    own=frozenset({Phase.RESETTING}),
    done=frozenset({Phase.STORED}),
)
WAIT = Transition(step="WaitForClaim", to=Phase.WAITING, own=frozenset({Phase.STORED, Phase.WAITING}))
CLAIM = Transition(step="RevealPassword", to=Phase.CLAIMED, own=frozenset({Phase.WAITING}), guard=Guard.LINK)
REVOKE = Transition(
    step="RevokePassword, RemoveOrphans",
    to=Phase.REVOKING,
    own=frozenset(Phase) - {Phase.OVER},
    guard=Guard.FREE,
    done=frozenset({Phase.OVER}),
)
REVOKE_CLAIM = Transition(
    step="RevokeClaim",
    to=Phase.REVOKING,
    replaces=_SETTLED,
    done=frozenset({Phase.REVOKING, Phase.OVER}),
)
FINISH = Transition(
    step="the end of undoing", to=Phase.OVER, own=frozenset({Phase.REVOKING}), guard=Guard.HELD
)
TRANSITIONS = (BEGIN, STORE, WAIT, CLAIM, REVOKE, REVOKE_CLAIM, FINISH)


def ensure_done(transition: Transition, item: Item, attempt: Attempt) -> None:
    """Return if a step whose condition failed was made by an earlier try of it; else say why it failed.

    Raises:
        ResetInProgressError: when another is changing the account; a moment later it works.
        SupersededError: when another reset has the account, or none has.
        ClaimNotReadyError, ClaimGoneError: when the step is a claim.
    """
    if transition.guard is Guard.LINK:
        _ensure_claimed(item, attempt)
        return
    current = item.current
    if current is None or current.execution != attempt.execution:
        is_busy = bool(transition.replaces)
    elif current.phase in transition.done:
        return
    else:
        is_busy = transition.guard is Guard.FREE
    if is_busy:
        raise ResetInProgressError("Another reset of the user is changing the account.")
    raise SupersededError("Another reset of the user has the account, or none has.")


def _ensure_claimed(item: Item, attempt: Attempt) -> None:
    """Return if an earlier try of the same request took the claim; else say why the link opens nothing."""
    current = item.current
    is_own = current is not None and current.secret_sha256 == attempt.secret_sha256
    if current and is_own and current.phase == Phase.CLAIMED and current.claimed_by == attempt.actor:
        return
    if current and current.expires_at > attempt.now and current.phase in {Phase.STORED, Phase.WAITING}:
        if is_own:
            raise ClaimNotReadyError("The workflow does not wait for this claim yet.")
        if attempt.secret_sha256 == item.superseded_sha256 != "":
            raise ClaimGoneError("A newer link was mailed, and waits.", current.stored_at)
    raise ClaimGoneError("No claim waits under this handle and secret, or it has expired.")
