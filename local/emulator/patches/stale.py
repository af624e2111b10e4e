"""SSM, IAM and Secrets Manager: reads that do not see a write yet.

Upstream:
https://github.com/ministackorg/ministack/blob/main/ministack/services/ssm.py
    `handle_request`
https://github.com/ministackorg/ministack/blob/main/ministack/services/iam.py
    `handle_request`
https://github.com/ministackorg/ministack/blob/main/ministack/services/secretsmanager.py
    `handle_request`
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from local.emulator.call_log import Request, identify
from local.emulator.patches.base import Untyped, module, replace

if TYPE_CHECKING:
    from local.emulator.faults import Faults

# Where each service keeps what its reads tell.
_STORES = {
    "ssm": ("_parameters", "_parameter_history"),
    "iam": ("_users", "_login_profiles", "_access_keys"),
    "secretsmanager": ("_secrets",),
}
_READS = ("Describe", "Get", "List")


def apply(faults: Faults) -> None:
    """AWS: a read may still answer as before a write. MiniStack's reads see every write at once.

    A fault with `stale` lets the reads it matches do so. Of IAM it is said in
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html, of SSM in
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ssm-parameter.html
    Raises PatchError.
    """
    for name, stores in _STORES.items():
        service = module(f"services.{name}", *stores)
        replace(service, "handle_request", _StaleReads(faults, name, service).wrap)


class _StaleReads:
    """The reads of one service."""

    def __init__(self, faults: Faults, name: str, service: Untyped) -> None:
        self._faults, self._name, self._service = faults, name, service

    def wrap(self, original: Untyped) -> Untyped:
        async def handle(method: str, path: str, headers: Untyped, body: bytes, query: Untyped) -> Untyped:
            operation = identify(Request(method, path, headers, query, body))
            if not operation.action.startswith(_READS):
                self._faults.remember(self._name, self._state)
                return await original(method, path, headers, body, query)
            before = self._faults.take_stale(operation, body)
            if before is None:
                return await original(method, path, headers, body, query)
            now = {store: getattr(self._service, store) for store in before}
            self._put(before)
            try:
                # It never yields to the event loop: no other request is served meanwhile.
                return await original(method, path, headers, body, query)
            finally:
                self._put(now)

        return handle

    def _state(self) -> dict[str, Any]:
        return {store: copy.deepcopy(getattr(self._service, store)) for store in _STORES[self._name]}

    def _put(self, state: dict[str, Any]) -> None:
        for store, value in state.items():
            setattr(self._service, store, value)
