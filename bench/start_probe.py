"""One start in a process of its own; run by `bench.starts`, it imports nothing that is not measured."""

import gc
import json
import os
import sys
import time


def peak_kib() -> int:
    """Return the most memory this process has had, in KiB.

    Not getrusage's, which begins with the size of the process that started this one.
    """
    with open("/proc/self/status") as status:  # noqa: PTH123  # pathlib would be part of what is measured
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def start(module: str) -> dict[str, object]:
    """Import a module."""
    wall, processor = time.perf_counter(), time.process_time()
    __import__(module)
    return {"cpu": time.process_time() - processor, "wall": time.perf_counter() - wall}


def bare(wanted: list[list[str]]) -> dict[str, object]:
    """Import boto3 once, and make each set of clients from a session of its own.

    The first clients of a process also pay for what is done once; so the first set is made twice, and what
    the second time took less belongs to every set.
    """
    processor = time.process_time()
    import boto3  # noqa: PLC0415

    once = time.process_time() - processor
    took = []
    for clients in [wanted[0], *wanted]:
        # What the set before left behind is not this one's to clear away.
        gc.collect()
        processor = time.process_time()
        session = boto3.Session()
        for service in clients:
            session.client(service)  # type: ignore[call-overload]
        took.append(time.process_time() - processor)
    once += took[0] - took[1]
    return {"cpu": [once + each for each in took[1:]]}


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
    # Taking everything down again is no part of a start.
    os._exit(0)


main()
