"""State machine definitions: read, walked, and compared with the way an execution went."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

type Json = dict[str, Any]

# No wildcard stands for these: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
_ALWAYS_FATAL: Final = {"States.DataLimitExceeded", "States.Runtime"}

# Where each event that ends an attempt carries the error's name.
_FAILURE_DETAILS: Final = {
    "TaskFailed": "taskFailedEventDetails",
    "TaskStartFailed": "taskStartFailedEventDetails",
    "TaskSubmitFailed": "taskSubmitFailedEventDetails",
    "TaskTimedOut": "taskTimedOutEventDetails",
    "EvaluationFailed": "evaluationFailedEventDetails",
}


class UnreadableError(Exception):
    """When a definition or a template is no valid JSON or YAML, or names one thing twice."""


@dataclass(frozen=True, order=True)
class Transition:
    """A way out of a state: `kind` is `next`, `choice:<n>`, `default` or `catch:<n>`, n counting from 0."""

    source: str
    kind: str
    target: str

    def __str__(self) -> str:
        """Return what a test prints for a transition that was never taken."""
        return f"{self.source} --{self.kind}--> {self.target}"


def read_definition(path: Path) -> Json:
    """Read an Amazon States Language file.

    Raises UnreadableError where it is missing, no JSON object, or has a key twice: JSON parsers silently keep
    the last one, so that a state could vanish unnoticed.
    """
    try:
        definition = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique_keys)
    except (OSError, ValueError) as error:
        raise UnreadableError(f"cannot be read as JSON: {error}") from error
    if not isinstance(definition, dict):
        raise UnreadableError("holds no JSON object")
    return definition


def _unique_keys(pairs: list[tuple[str, object]]) -> Json:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise UnreadableError(f'has the key "{key}" twice')
    return dict(pairs)


def read_template(path: Path) -> Json:
    """Read a CloudFormation template, short forms of functions spelt out: `!Ref X` becomes `{"Ref": "X"}`.

    Raises UnreadableError where it is missing or no YAML mapping.
    """
    try:
        template = _TemplateLoader(path.read_text(encoding="utf-8")).get_single_data()
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UnreadableError(f"cannot be read as YAML: {error}") from error
    if not isinstance(template, dict):
        raise UnreadableError("holds no YAML mapping")
    return template


class _TemplateLoader(yaml.CSafeLoader):
    """Safe YAML by the fast parser, plus the short forms of CloudFormation's functions."""

    def construct_function(self, name: str, node: yaml.Node) -> Json:
        value: object
        if isinstance(node, yaml.MappingNode):
            value = self.construct_mapping(node, deep=True)
        elif isinstance(node, yaml.SequenceNode):
            value = self.construct_sequence(node, deep=True)
        else:
            value = node.value
        if name == "GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


_TemplateLoader.add_multi_constructor("!", _TemplateLoader.construct_function)


def mapping(value: object) -> Json:
    """Return `value` if it is an object, else an empty one: malformed parts are for a schema to report."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Json]:
    """Return the objects of a list; as for `mapping`, anything else counts as none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def own_states(scope: Json) -> dict[str, Json]:
    """Return the states of one scope (a machine, a branch, a map's processor), not those nested in them."""
    return {name: mapping(state) for name, state in mapping(scope.get("States")).items()}


def scopes(definition: Json) -> Iterator[Json]:
    """Yield the machine, then each branch of a Parallel and each processor of a Map within it."""
    yield definition
    for state in own_states(definition).values():
        nested = [*objects(state.get("Branches")), state.get("ItemProcessor"), state.get("Iterator")]
        for scope in objects(nested):
            yield from scopes(scope)


def all_states(definition: Json) -> Iterator[tuple[str, Json]]:
    """Yield the name and the body of every state, however deeply nested."""
    for scope in scopes(definition):
        yield from own_states(scope).items()


def error_names(handler: Json) -> list[str]:
    """Return what a retrier or a catcher names in `ErrorEquals`."""
    names = handler.get("ErrorEquals")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def ways_out(state: Json) -> dict[str, str]:
    """Return the target of each kind of transition.

    Choice rules that lead to one state count as their first, and so does a default: no history tells them
    apart.
    """
    ways = {"next": state.get("Next")}
    rules = {f"choice:{n}": rule.get("Next") for n, rule in enumerate(objects(state.get("Choices")))}
    for kind, target in (rules | {"default": state.get("Default")}).items():
        if target not in ways.values():
            ways[kind] = target
    ways |= {f"catch:{n}": catcher.get("Next") for n, catcher in enumerate(objects(state.get("Catch")))}
    return {kind: target for kind, target in ways.items() if isinstance(target, str)}


def transitions(definition: Json) -> frozenset[Transition]:
    """Return every transition between the machine's own states, not those inside a Map or Parallel."""
    return frozenset(
        Transition(source, kind, target)
        for source, state in own_states(definition).items()
        for kind, target in ways_out(state).items()
    )


def taken(history: Iterable[Mapping[str, Any]], definition: Json) -> set[Transition]:
    """Return the transitions that an execution took, from the events of GetExecutionHistory in either order.

    Raises ValueError where the history is not one of this definition, or an error was caught otherwise than
    Step Functions would.
    """
    states = own_states(definition)
    found: set[Transition] = set()
    source: str | None = None
    error: str | None = None
    for event in sorted(history, key=lambda event: event["id"]):
        kind = event["type"]
        if kind.endswith("StateEntered"):
            target = event["stateEnteredEventDetails"]["name"]
            if target not in states:
                continue
            if source is not None:
                found.add(_transition(source, states[source], error, target))
            source, error = target, None
        elif source is None or states[source].get("Type") != "Task":
            # What happens to tasks inside a Map or Parallel is settled there.
            continue
        elif kind in _FAILURE_DETAILS:
            error = event.get(_FAILURE_DETAILS[kind], {}).get("error", "States.Timeout")
        elif kind == "TaskSucceeded":
            error = None
    return found


def _transition(source: str, state: Json, error: str | None, target: str) -> Transition:
    ways = ways_out(state)
    if error is None:
        # Of a Map or Parallel that failed a history tells no error: what follows may be what caught it.
        nested = state.get("Type") in {"Map", "Parallel"}
        kinds = [kind for kind in ways if nested or not kind.startswith("catch:")]
    else:
        catchers = enumerate(objects(state.get("Catch")))
        kinds = [f"catch:{n}" for n, catcher in catchers if _catches(catcher, error)][:1]
    for kind in kinds:
        if ways[kind] == target:
            return Transition(source, kind, target)
    after = f"after {error}" if error else "without an error"
    raise ValueError(f"{source} went to {target} {after}; its definition says otherwise")


def _catches(catcher: Json, error: str) -> bool:
    names = error_names(catcher)
    if error in names:
        return True
    if error in _ALWAYS_FATAL:
        return False
    return "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")
