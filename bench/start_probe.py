"""One start in a process of its own; run by `bench.cold_starts`, it imports nothing that is not measured."""

import json
import os
import sys
import time

#: boto3 knows no directories.
_DIRECTORY_CLIENT = "ldap3"


def peak_kib() -> int:
    """Return the most memory this process has had, in KiB.

    Not getrusage's, which begins with the size of the process that started this one.
    """
    with open("/proc/self/status") as status:  # noqa: PTH123  # pathlib would be part of what is measured
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def start(module: str) -> dict[str, object]:
    """Import a module."""
    processor = time.process_time()
    __import__(module)
    return {"cpu": time.process_time() - processor}


def bare(clients: list[str]) -> dict[str, object]:
    """Import boto3 and make clients."""
    processor = time.process_time()
    import boto3  # noqa: PLC0415

    for service in clients:
        if service == _DIRECTORY_CLIENT:
            __import__(_DIRECTORY_CLIENT)
        else:
            boto3.client(service)  # type: ignore[call-overload]
    return {"cpu": time.process_time() - processor}


def clients_of(module: str) -> dict[str, object]:
    """Import a module and return the services it makes clients of."""
    import boto3.session  # noqa: PLC0415

    clients: set[str] = set()
    original = boto3.session.Session.client

    def client(session: object, service_name: str, *rest: object, **options: object) -> object:
        clients.add(service_name)
        return original(session, service_name, *rest, **options)  # type: ignore[call-overload]

    boto3.session.Session.client = client  # type: ignore[method-assign,assignment]
    __import__(module)
    clients |= {_DIRECTORY_CLIENT} & set(sys.modules)
    return {"clients": sorted(clients)}


def main() -> None:
    """Do what the one argument says, and print what it took."""
    given = json.loads(sys.argv[1])
    sys.path[:0] = given["path"]
    match given["do"]:
        case "start":
            found = start(given["with"])
        case "bare":
            found = bare(given["with"])
        case _:
            found = clients_of(given["with"])
    sys.stdout.write(json.dumps({**found, "peak_kib": peak_kib()}))
    sys.stdout.flush()
    # Shutting down is no part of a start.
    os._exit(0)


main()
