"""Check every state machine of the template for what would otherwise turn up in production."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from statelint.config import Config  # type: ignore[import-untyped]  # it ships no types
from statelint.linter import Linter  # type: ignore[import-untyped]  # as above
from statelint.problem import ProblemType  # type: ignore[import-untyped]  # as above

from tools.asl import (
    Json,
    UnreadableError,
    all_states,
    error_names,
    mapping,
    objects,
    read_definition,
    read_template,
)

_TASK_TOKEN: Final = "$states.context.Task.Token"  # noqa: S105  the expression's name, not a secret
_ERROR_OUTPUT: Final = "$states.errorOutput"
_INPUT_TYPE: Final = re.compile(r'Field "InputType" not allowed in .*\.ItemReader\.ReaderConfig')
_SUBSTITUTION: Final = re.compile(r"\$\{([\w:.]+)\}")
_FIXED_PARTITION: Final = re.compile(r"arn:aws[\w-]*:[\w-]*")
# A variable of JSONata, no call of a function; and one that an expression makes for itself.
_VARIABLE: Final = re.compile(r"\$([A-Za-z_]\w*)\b(?!\s*\()")
_ASSIGNED_WITHIN: Final = re.compile(r"\$(\w+)\s*:=")
_PASCAL_CASE: Final = re.compile(r"([A-Z][a-z0-9]+)+")

_THROTTLED: Final = "Lambda.TooManyRequestsException"
# What Lambda answers while a function that was idle for weeks gets its network back.
_ASLEEP: Final = frozenset(
    {
        "Lambda.ENINotReadyException",
        "Lambda.ResourceConflictException",
        "Lambda.ResourceNotReadyException",
    }
)
# With delays that double from two seconds to a minute these are minutes, in which functions end.
_PATIENCE: Final = 8

# Fields where both linters demand a number although JSONata may compute it.
_NUMERIC_FIELDS: Final = {
    "TimeoutSeconds",
    "HeartbeatSeconds",
    "Seconds",
    "MaxConcurrency",
    "ToleratedFailureCount",
    "ToleratedFailurePercentage",
}


# How every function is retried: after throttling and AWS's own failures, and after any other error.
_STANDARD_SCHEDULES: Final = (
    {
        "IntervalSeconds": 2,
        "BackoffRate": 2,
        "MaxDelaySeconds": 60,
        "MaxAttempts": 8,
        "JitterStrategy": "FULL",
    },
    {
        "IntervalSeconds": 1,
        "BackoffRate": 2,
        "MaxDelaySeconds": 10,
        "MaxAttempts": 2,
        "JitterStrategy": "FULL",
    },
)


@dataclass(frozen=True)
class Finding:
    """What is wrong; `state` is empty where it is the machine as a whole."""

    rule: str
    sentence: str
    state: str = ""

    def __str__(self) -> str:
        """Return the message without the file."""
        return ": ".join(part for part in (self.state, self.rule, self.sentence) if part)


@dataclass(frozen=True)
class Machine:
    """A state machine as the template has it; `path` is the template's DefinitionUri."""

    path: str
    definition: Json
    properties: Json
    resources: Json
    root: Path

    @property
    def name(self) -> str:
        """The folder under functions/ with this machine's modules."""
        return Path(self.path).name.removesuffix(".asl.json")

    @property
    def substitutions(self) -> Json:
        """What the template gives for each placeholder of the definition."""
        return mapping(self.properties.get("DefinitionSubstitutions"))


@dataclass
class Report:
    """What was looked at, and what was found in which file."""

    findings: list[tuple[str, Finding]] = field(default_factory=list)
    machines: int = 0
    states: int = 0


# Rules on a definition alone


def check_timeouts(definition: Json) -> Iterator[Finding]:
    """Find Tasks that may run for ever."""
    for name, state in _tasks(definition):
        if _is_number_or_expression(state.get("TimeoutSeconds")):
            continue
        if _is_callback(state):
            yield Finding(
                "callback-without-timeout",
                "waits for a task token without TimeoutSeconds: unanswered, it waits for a year",
                name,
            )
        else:
            yield Finding(
                "task-without-timeout", "has no TimeoutSeconds, a number or a JSONata expression", name
            )


def check_task_tokens(definition: Json) -> Iterator[Finding]:
    """Find task tokens that are waited for but not passed on, and those passed on in vain."""
    for name, state in all_states(definition):
        if not _is_callback(state):
            if _TASK_TOKEN in json.dumps(state):
                yield Finding(
                    "token-outside-callback", f"mentions {_TASK_TOKEN} but waits for no token", name
                )
        elif not _evaluates(_TASK_TOKEN, state.get("Arguments")):
            yield Finding(
                "callback-without-token",
                f"waits for a task token but no JSONata expression in its Arguments passes {_TASK_TOKEN}",
                name,
            )


def check_error_handling(definition: Json) -> Iterator[Finding]:
    """Find Tasks without Retry or Catch."""
    for name, state in _tasks(definition):
        for handling in ("Retry", "Catch"):
            if not objects(state.get(handling)):
                yield Finding(f"task-without-{handling.lower()}", f"has no {handling}", name)


def check_retriers(definition: Json) -> Iterator[Finding]:
    """Find retries that come in step, grow without a ceiling, or repeat what no retry can mend."""
    for name, state in all_states(definition):
        wildcard_passed = non_retryable_passed = False
        for retrier in objects(state.get("Retry")):
            errors = ", ".join(error_names(retrier))
            if retrier.get("MaxAttempts") == 0:
                non_retryable_passed = True
                if wildcard_passed:
                    yield Finding("retry-order", f"{errors}: never retried, yet after a wildcard", name)
                continue
            if not {"States.ALL", "States.TaskFailed"}.isdisjoint(error_names(retrier)):
                wildcard_passed = True
                if not non_retryable_passed:
                    yield Finding(
                        "retry-order",
                        f"{errors}: retried, but no retrier with MaxAttempts 0 before it says what not to",
                        name,
                    )
            if retrier.get("JitterStrategy") != "FULL":
                yield Finding(
                    "retry-without-jitter", f'{errors}: retried without JitterStrategy "FULL"', name
                )
            if "MaxDelaySeconds" not in retrier:
                yield Finding("retry-without-ceiling", f"{errors}: retried without MaxDelaySeconds", name)


def check_throttled_functions(definition: Json) -> Iterator[Finding]:
    """Find Tasks that do not wait for a place: a new account runs ten functions at once."""
    for name, state in _tasks(definition):
        if "lambda:invoke" in _resource(state) and _THROTTLED not in _waited_for(state):
            yield Finding("throttled-function", f"does not try {_THROTTLED} {_PATIENCE} times again", name)


def _waited_for(state: Json) -> set[str]:
    """Return the errors that a Task waits out for minutes."""
    return {
        error
        for retrier in objects(state.get("Retry"))
        if isinstance(attempts := retrier.get("MaxAttempts"), int) and attempts >= _PATIENCE
        for error in error_names(retrier)
    }


def check_standard_retriers(definition: Json) -> Iterator[Finding]:
    """Find functions that are not tried again, in the end, as every function is."""
    for name, state in _tasks(definition):
        if "lambda:invoke" not in _resource(state):
            continue
        retriers = [dict(each) for each in objects(state.get("Retry"))[-2:]]
        errors = [error_names(each) for each in retriers]
        if len(errors) < 2 or "ThrottledError" not in errors[0] or errors[1] != ["States.ALL"]:  # noqa: PLR2004  both
            yield Finding(
                "standard-retriers", "does not end with retriers of ThrottledError and of States.ALL", name
            )
            continue
        for standard, retrier in zip(_STANDARD_SCHEDULES, retriers, strict=True):
            del retrier["ErrorEquals"]
            if retrier != standard:
                yield Finding(
                    "standard-retriers", f"retries by {retrier}, every other function by {standard}", name
                )


def check_wildcards(definition: Json) -> Iterator[Finding]:
    """Find States.ALL where it does not stand alone and last: Step Functions refuses that."""
    for name, state in all_states(definition):
        for handling in ("Retry", "Catch"):
            handlers = [error_names(handler) for handler in objects(state.get(handling))]
            for place, errors in enumerate(handlers, start=1):
                if "States.ALL" in errors and (place < len(handlers) or len(errors) > 1):
                    yield Finding("wildcard-not-last", f"{handling} has States.ALL not alone and last", name)


def check_caught_errors(definition: Json) -> Iterator[Finding]:
    """Find catchers that lose the error."""
    for name, state in all_states(definition):
        for catcher in objects(state.get("Catch")):
            if not _evaluates(_ERROR_OUTPUT, [catcher.get("Assign"), catcher.get("Output")]):
                errors = ", ".join(error_names(catcher))
                yield Finding(
                    "error-lost",
                    f"{errors}: caught, but {_ERROR_OUTPUT} is neither assigned nor output",
                    name,
                )


def check_ends(definition: Json) -> Iterator[Finding]:
    """Find ends that do not say how the execution ended."""
    for name, state in all_states(definition):
        if state.get("End"):
            yield Finding(
                "end-in-passing", "has End: lead to a Succeed or Fail state that names the outcome", name
            )
        for key in ("Error", "Cause"):
            if state.get("Type") == "Fail" and not state.get(key):
                yield Finding("fail-without-cause", f"has no {key}", name)


def check_distributed_maps(definition: Json) -> Iterator[Finding]:
    """Find variables of earlier states in a distributed Map: neither it nor its children can see them.

    https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html#variable-scope
    """
    for name, state in all_states(definition):
        processor = mapping(state.get("ItemProcessor"))
        if mapping(processor.get("ProcessorConfig")).get("Mode") != "DISTRIBUTED":
            continue
        # What comes after the Map, or is assigned when it failed, is the outer scope's again.
        inside = json.dumps({key: value for key, value in state.items() if key != "Catch"})
        own = {"states", *_ASSIGNED_WITHIN.findall(inside), *_assigned(processor)}
        for variable in sorted(set(_VARIABLE.findall(inside)) - own):
            yield Finding(
                "outer-variable", f"${variable} is a variable of earlier states, which no child sees", name
            )


def _assigned(scope: Json) -> Iterator[str]:
    """Yield the variables that the states of a scope assign, also where they catch an error."""
    for _, state in all_states(scope):
        for assigning in (state, *objects(state.get("Catch"))):
            yield from mapping(assigning.get("Assign"))


def check_events(definition: Json) -> Iterator[Finding]:
    """Find events that are put by an SDK call: it succeeds though EventBridge took none of them."""
    for name, state in _tasks(definition):
        if ":states:::aws-sdk:eventbridge:putEvents" in _resource(state):
            yield Finding("events-lost", "is no states:::events:putEvents, which fails instead", name)


def check_partitions(definition: Json) -> Iterator[Finding]:
    """Find ARNs of one partition: in another, such as GovCloud, no execution gets past them."""
    for arn in sorted(set(_FIXED_PARTITION.findall(json.dumps(definition)))):
        yield Finding("fixed-partition", f'"{arn}" is of one partition: arn:${{Partition}}:…')


def check_names(definition: Json) -> Iterator[Finding]:
    """Find state names that no file and resource can be named after."""
    for name, _ in all_states(definition):
        if not _PASCAL_CASE.fullmatch(name):
            yield Finding("state-name", "is no PascalCase name", name)


def check_head(definition: Json) -> Iterator[Finding]:
    """Find a machine that does not say its query language, and what does not say what it is for."""
    if definition.get("QueryLanguage") != "JSONata":
        yield Finding("query-language", 'does not say "QueryLanguage": "JSONata"')
    if not definition.get("Comment"):
        yield Finding("no-comment", "has no Comment that says what it is for")
    for name, state in all_states(definition):
        if not state.get("Comment"):
            yield Finding("no-comment", "has no Comment that says why it is there", name)


def _tasks(definition: Json) -> Iterator[tuple[str, Json]]:
    return ((name, state) for name, state in all_states(definition) if state.get("Type") == "Task")


def _resource(state: Json) -> str:
    return str(state.get("Resource", ""))


def _is_callback(state: Json) -> bool:
    return _resource(state).endswith(".waitForTaskToken")


def _is_expression(value: object) -> bool:
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def _is_number_or_expression(value: object) -> bool:
    return (isinstance(value, (int, float)) and not isinstance(value, bool)) or _is_expression(value)


def _evaluates(variable: str, value: object) -> bool:
    """Say whether some JSONata expression in `value` mentions the variable; plain text is not evaluated."""
    if isinstance(value, dict):
        return any(_evaluates(variable, item) for item in value.values())
    if isinstance(value, list):
        return any(_evaluates(variable, item) for item in value)
    return _is_expression(value) and variable in str(value)


# Rules on a definition within its template


def check_substitutions(machine: Machine) -> Iterator[Finding]:
    """Find placeholders that the template does not fill, and values for which there is no placeholder."""
    used = set(_SUBSTITUTION.findall(json.dumps(machine.definition)))
    for name in sorted(used - set(machine.substitutions)):
        yield Finding("missing-substitution", f"${{{name}}} is in no DefinitionSubstitutions of the template")
    for name in sorted(set(machine.substitutions) - used):
        yield Finding("unused-substitution", f"the template gives {name}, which the definition does not use")


def check_logging(machine: Machine) -> Iterator[Finding]:
    """Find logging that is not said to leave out what passes between states."""
    logging = mapping(machine.properties.get("Logging"))
    if logging.get("IncludeExecutionData") is not False:
        yield Finding(
            "execution-data-logged", "the template does not say Logging.IncludeExecutionData: false"
        )
    if not logging.get("Level"):
        yield Finding("log-level", "the template gives no Logging.Level")


def check_modules(machine: Machine) -> Iterator[Finding]:
    """Find where state, module and function do not go by the same name, and modules without a function."""
    for name, state in _tasks(machine.definition):
        if ":states:::lambda:invoke" not in _resource(state):
            continue
        module = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        if not (machine.root / "functions" / machine.name / f"{module}.py").is_file():
            yield _mismatch(f"functions/{machine.name}/{module}.py does not exist", name)
        if not _has_function(machine, name, module):
            yield _mismatch(_no_function(machine, name, module), name)
        placeholder = f"{name}FunctionArn"
        if mapping(state.get("Arguments")).get("FunctionName") != f"${{{placeholder}}}":
            yield _mismatch(f"its FunctionName is not ${{{placeholder}}}", name)
        if machine.substitutions.get(placeholder) != {"Fn::GetAtt": [f"{name}Function", "Arn"]}:
            yield _mismatch(f"the template does not give {placeholder}: !GetAtt {name}Function.Arn", name)
    for path in sorted((machine.root / "functions" / machine.name).glob("*.py")):
        name = "".join(word.capitalize() for word in path.stem.split("_"))
        if path.stem != "__init__" and not _has_function(machine, name, path.stem):
            yield _mismatch(f"{path.name}: {_no_function(machine, name, path.stem)}")


def check_sleeping_functions(machine: Machine) -> Iterator[Finding]:
    """Find Tasks that do not wait for a function in a VPC, which Lambda may have taken its network from."""
    for name, state in _tasks(machine.definition):
        function = mapping(mapping(machine.resources.get(f"{name}Function")).get("Properties"))
        if "VpcConfig" in function and (missing := sorted(_ASLEEP - _waited_for(state))):
            yield Finding(
                "sleeping-function", f"does not try {', '.join(missing)} {_PATIENCE} times again", name
            )


def _has_function(machine: Machine, name: str, module: str) -> bool:
    function = mapping(machine.resources.get(f"{name}Function"))
    handler = mapping(function.get("Properties")).get("Handler")
    return (
        function.get("Type") == "AWS::Serverless::Function" and handler == f"{machine.name}.{module}.handler"
    )


def _no_function(machine: Machine, name: str, module: str) -> str:
    return f"the template has no function {name}Function with Handler {machine.name}.{module}.handler"


def _mismatch(sentence: str, state: str = "") -> Finding:
    return Finding("one-state-one-module", sentence, state)


# Linters of others


def check_with_statelint(definition: Json) -> Iterator[Finding]:
    """Run statelint, which checks the fields of each state, retrier and catcher, targets and names.

    It does not parse JSONata. That it wants BackoffRate written 2.0 is ignored: JSON has one kind of number.
    So is that it knows no InputType in a ReaderConfig, where Step Functions demands one.
    """
    try:
        problems = [
            problem
            for problem in Linter.validate(_as_linters_read(definition), Config({ProblemType.FLOAT}))
            if not _INPUT_TYPE.fullmatch(problem)
        ]
    except Exception as error:  # noqa: BLE001  whatever it stumbles over is the definition's fault
        problems = [f"cannot read this definition: {error!r}"]
    for problem in problems:
        yield Finding("statelint", problem)


def check_with_cfn_lint(definitions: dict[str, Json]) -> Iterator[tuple[str, Finding]]:
    """Run cfn-lint, which looks into a definition (E3601) only in a plain resource, not in SAM's.

    It follows no Next, and passes over the jitter of a Retry and whatever a JSONata expression says. All
    machines go in one run, as most of its time is its start.
    """
    # It takes longer than all the rest of the checks to import; who asks for these alone does without it.
    from cfnlint.api import lint  # type: ignore[import-untyped]  # noqa: PLC0415  # as above

    paths = {f"Machine{n}": path for n, path in enumerate(definitions)}
    wrapped = {
        logical_id: {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": "arn:aws:iam::123456789012:role/any",
                "Definition": _as_linters_read(definitions[path]),
            },
        }
        for logical_id, path in paths.items()
    }
    for match in lint(json.dumps({"Resources": wrapped})):
        _, logical_id, _, *where = match.path
        place = ".".join(str(step) for step in where)
        yield paths[logical_id], Finding(f"cfn-lint-{match.rule.id}", f"{place}: {match.message}")


def _as_linters_read(definition: Json) -> Json:
    """Return the definition with a number where JSONata computes one, and in the partition that they know.

    Both wrongly refuse a number that is computed, and cfn-lint each partition but `aws`.
    """

    def read(value: object) -> object:
        if isinstance(value, list):
            return [read(item) for item in value]
        if isinstance(value, dict):
            return {
                key: 1 if key in _NUMERIC_FIELDS and _is_expression(item) else read(item)
                for key, item in value.items()
            }
        return value.replace("${Partition}", "aws") if isinstance(value, str) else value

    return mapping(read(definition))


# The whole

RULES: Final[tuple[Callable[[Json], Iterator[Finding]], ...]] = (
    check_timeouts,
    check_task_tokens,
    check_error_handling,
    check_retriers,
    check_throttled_functions,
    check_standard_retriers,
    check_wildcards,
    check_caught_errors,
    check_ends,
    check_distributed_maps,
    check_events,
    check_partitions,
    check_names,
    check_head,
    check_with_statelint,
)
TEMPLATE_RULES: Final[tuple[Callable[[Machine], Iterator[Finding]], ...]] = (
    check_substitutions,
    check_logging,
    check_modules,
    check_sleeping_functions,
)


def check_template(template_path: Path) -> Report:
    """Check each AWS::Serverless::StateMachine of a template, and the functions it calls."""
    report = Report()
    try:
        resources = mapping(read_template(template_path).get("Resources"))
    except UnreadableError as error:
        report.findings.append((template_path.name, Finding("unreadable", str(error))))
        return report
    definitions: dict[str, Json] = {}
    for logical_id, resource in resources.items():
        if mapping(resource).get("Type") != "AWS::Serverless::StateMachine":
            continue
        properties = mapping(resource.get("Properties"))
        path = properties.get("DefinitionUri")
        if not isinstance(path, str):
            finding = Finding("unreadable", f"{logical_id} has no DefinitionUri that names a file")
            report.findings.append((template_path.name, finding))
            continue
        try:
            definition = read_definition(template_path.parent / path)
        except UnreadableError as error:
            report.findings.append((path, Finding("unreadable", str(error))))
            continue
        machine = Machine(path, definition, properties, resources, template_path.parent)
        definitions[path] = definition
        report.findings += [(path, finding) for rule in RULES for finding in rule(definition)]
        report.findings += [(path, finding) for rule in TEMPLATE_RULES for finding in rule(machine)]
    report.findings += check_with_cfn_lint(definitions)
    report.machines = len(definitions)
    report.states = sum(1 for definition in definitions.values() for _ in all_states(definition))
    if not report.machines and not report.findings:
        report.findings.append((template_path.name, Finding("no-machine", "holds no state machine to check")))
    return report


def main(arguments: list[str] | None = None) -> int:
    """Print the findings and return 1, or one line and 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--template", type=Path, default=Path("template.yaml"))
    report = check_template(parser.parse_args(arguments).template)
    for path, finding in report.findings:
        sys.stdout.write(f"{path}: {finding}\n")
    if report.findings:
        return 1
    sys.stdout.write(f"{report.machines} state machine(s) with {report.states} states checked\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
