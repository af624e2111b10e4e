"""IAM: which resources and conditions a call is checked against.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/core/iam_evaluator.py
    `_resolve_condition_key`, `enforce`
https://github.com/ministackorg/ministack/blob/main/ministack/core/iam_actions.py
    `extract_resource_arn`
https://github.com/ministackorg/ministack/issues/1587
"""

# ruff: noqa: SLF001  # MiniStack has no public way in

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any, Self

from local.emulator.patches.base import Untyped, module, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


#: The values of condition keys; of those with several values, a list.
type Context = dict[str, Any]

#: What begins a path in one of DynamoDB's expressions, and names no function: the attribute at its top.
_TOP_ATTRIBUTE = re.compile(r"(?<![\w.#:])[#A-Za-z_][\w#]*(?!\w|\s*\()")
_EXPRESSIONS = ("UpdateExpression", "ConditionExpression", "ProjectionExpression")
_KEYWORDS = {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "IN", "BETWEEN"}


@dataclass(frozen=True)
class KeyUse:
    """What a service does with a key in its caller's name; `context` holds the condition keys."""

    action: str
    key_arn: str
    context: dict[str, str]


class Checked(str):
    """A resource, in the one place where MiniStack carries it, with what else AWS checks of the call."""

    __slots__ = ("context", "others", "uses")

    others: tuple[str, ...]
    context: Context
    uses: tuple[KeyUse, ...]

    def __new__(cls, resources: Sequence[str], context: Context | None = None) -> Self:
        """Name all resources of a call, and its condition keys."""
        checked = super().__new__(cls, resources[0])
        checked.others = tuple(resources[1:])
        checked.context = context or {}
        checked.uses = ()
        return checked

    def using(self, uses: Iterable[KeyUse]) -> Self:
        """Return the same, with the keys that a service uses for the call."""
        same = type(self)([str(self), *self.others], self.context)
        same.uses = tuple(uses)
        return same


def apply(machine_of_token: Callable[[str], str | None]) -> None:
    """AWS: a call is checked against each resource it names, and against the condition keys of its service.

    MiniStack checks calls that name several parameters, a path of parameters, a sender, a task token, a
    schedule, the API's account or the principal of a simulation against the resource `*`, which no policy
    that names resources allows, a log group against an ARN without `:*`, and knows none of
    `ses:FromAddress`, `events:source`, `cloudwatch:namespace` and `dynamodb:LeadingKeys`, and of
    `dynamodb:Attributes` those of reads alone. The user a call names it checks without path and tags.
    Raises PatchError.
    """
    users = module("services.iam", "_users")._users

    def resource(original: Untyped) -> Untyped:
        def extract(service: str, *rest: Untyped) -> str:
            _, path, _, body, query, region, account = rest
            sent = json_of(body) or {name: values[0] for name, values in query.items() if values}
            place = f"{region}:{account}"
            named = checked(service, sent, place, machine_of_token) or named_by(service, path, place)
            return named or with_path_and_tags(str(original(service, *rest)), users)

        return extract

    def every(original: Untyped) -> Untyped:
        def enforce(*call: Untyped, resource_arn: str = "*", service_context: Untyped = None) -> Untyped:
            if not isinstance(resource_arn, Checked):
                return original(*call, resource_arn=resource_arn, service_context=service_context)
            context = {**(service_context or {}), **resource_arn.context}
            for arn in (str(resource_arn), *resource_arn.others):
                denied = original(*call, resource_arn=arn, service_context=context)
                if denied:
                    return denied
            key_id, _, _, region = call
            uses = (
                original(
                    key_id, use.action, "kms", region, resource_arn=use.key_arn, service_context=use.context
                )
                for use in resource_arn.uses
            )
            return next(filter(None, uses), None)

        return enforce

    def encrypted(original: Untyped) -> Untyped:
        def resolve(key: str, context: Untyped) -> Untyped:
            return "true" if key.lower() == "aws:securetransport" else original(key, context)

        return resolve

    # AWS is spoken to over TLS. Nothing but this machine's loopback interface leads here.
    replace(module("core.iam_evaluator"), "_resolve_condition_key", encrypted)
    replace(module("core.iam_actions"), "extract_resource_arn", resource)
    replace(module("core.iam_evaluator"), "enforce", every)


def json_of(body: str | bytes | None) -> dict[str, Any]:
    """Read a request's body; empty where it is no JSON object."""
    try:
        parsed = json.loads(body or "{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def with_path_and_tags(arn: str, users: Mapping[str, Mapping[str, Any]]) -> str:
    """Complete what stands for a user: its ARN has its path, and its tags are condition keys."""
    service, _, resource = arn.partition("::")
    kind, _, name = resource.partition(":")[2].partition("/")
    user = users.get(name) if (service, kind) == ("arn:aws:iam", "user") else None
    if user is None:
        return arn
    tags = {f"aws:resourcetag/{tag['Key']}".lower(): str(tag["Value"]) for tag in user["Tags"]}
    return Checked([user["Arn"]], tags)


def checked(  # noqa: PLR0911  # one answer for each service
    service: str, request: dict[str, Any], place: str, machine_of_token: Callable[[str], str | None]
) -> Checked | None:
    """Name what AWS checks of a request where MiniStack names nothing; `place` is `region:account`."""
    match service, request:
        case "ssm", {"Names": [_, *_] as names}:
            return Checked([f"arn:aws:ssm:{place}:parameter/{str(name).lstrip('/')}" for name in names])
        case "ssm", {"Path": str(path)}:
            return Checked([f"arn:aws:ssm:{place}:parameter/{path.lstrip('/')}"])
        case "ses", {"FromEmailAddress": str(sender), "Content": _}:
            address = parseaddr(sender)[1]
            return Checked([f"arn:aws:ses:{place}:identity/{address}"], {"ses:FromAddress": address})
        case "iam", {"Action": "SimulatePrincipalPolicy", "PolicySourceArn": str(principal)}:
            return Checked([principal])
        case "events", {"Entries": [{"Source": str(source), **_entry}]}:
            return Checked([f"arn:aws:events:{place}:event-bus/default"], {"events:source": source})
        case "monitoring" | "cloudwatch", {"Action": "PutMetricData", "Namespace": str(namespace)}:
            return Checked(["*"], {"cloudwatch:namespace": namespace})
        case "dynamodb", (
            {"TableName": str(table), "Key": {"id": {"S": str(name)}}}
            | {"TableName": str(table), "Item": {"id": {"S": str(name)}}}
        ):
            context: Context = {
                "dynamodb:LeadingKeys": name,
                "dynamodb:Attributes": attributes_named(request),
            }
            return Checked([f"arn:aws:dynamodb:{place}:table/{table}"], context)
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
        case "logs", {"logGroupName": str(name)}:
            return Checked([f"arn:aws:logs:{place}:log-group:{name}:log-stream:"])
        case "states", {"taskToken": str(token)}:
            machine = machine_of_token(token)
            return Checked([machine]) if machine else None
    return None


def attributes_named(request: Mapping[str, Any]) -> list[str]:
    """Return the attributes at the top of an item that the expressions of a request name.

    AWS checks those of writes and of their conditions too, MiniStack the projections alone:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    text = " ".join(request.get(name, "") for name in _EXPRESSIONS)
    names = request.get("ExpressionAttributeNames", {})
    found = (token for token in _TOP_ATTRIBUTE.findall(text) if token.upper() not in _KEYWORDS)
    return sorted({names.get(token, token) for token in found})


def named_by(service: str, path: str, place: str) -> Checked | None:
    """Name what AWS checks of a request whose path says it, where MiniStack names nothing."""
    match service, path.split("/"):
        case "scheduler", ["", "schedules", name]:
            return Checked([f"arn:aws:scheduler:{place}:schedule/default/{name}"])
        case "apigateway", ["", "account"]:
            return Checked([f"arn:aws:apigateway:{place.partition(':')[0]}::/account"])
    return None
