"""Where MiniStack 1.5 differs from AWS in ways the product notices.

Each patch names its difference. Its module's docstring links what it mends upstream, where AWS's behaviour
belongs in the end: file, function, and the thread where there is one. All of them fail at start-up when what
they replace has gone from MiniStack, so that an upgrade never leaves the local cloud silently unlike AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.emulator.patches import (
    access_logs,
    api,
    api_logs,
    boundary,
    concurrency,
    conditions,
    configuration_sets,
    deployments,
    environments,
    events,
    executions,
    functions,
    key_policies,
    keys,
    mails,
    maps,
    metrics,
    notifications,
    packages,
    parameters,
    permissions,
    schedules,
    sdk_calls,
    sending,
    simulation,
    stale,
    suppression,
    tracking,
    users,
)

if TYPE_CHECKING:
    from local.emulator.gateway import Gateway


def apply(gateway: Gateway) -> None:
    """Apply every patch; before the first request.

    Raises PatchError when MiniStack has changed too much.
    """
    tokens = executions.apply(gateway.changed)
    permissions.apply(tokens.machine_of)
    configuration_sets.apply()
    key_policies.apply()
    maps.apply(sdk_calls.apply(gateway.faults, gateway.calls).may_read)
    tokens.fail_with_function()
    functions.apply()
    concurrency.apply()
    packages.apply()
    environments.apply()
    api.apply()
    deployments.apply()
    access_logs.apply()
    boundary.apply()
    conditions.apply()
    users.apply(gateway.sign_ins)
    simulation.apply()
    sending.apply()
    suppression.apply()
    tracking.apply()
    mails.apply(gateway.mailbox.add)
    notifications.apply(gateway.mailbox.add)
    metrics.apply()
    api_logs.apply()
    parameters.apply()
    keys.apply()
    schedules.apply()
    events.apply()
    stale.apply(gateway.faults)
