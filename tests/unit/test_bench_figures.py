"""How the figures are made of what was measured."""

import gc
import importlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cold_starts import Function, functions_of, most_expensive
from bench.comparison import function_in, role_in
from bench.figures import paired_ratio, percentile
from bench.process_usage import used_by_functions
from bench.quota import Outcome, highest_held, summary
from bench.resets import Times, cpu_per_call
from tools.asl import read_template

ROOT = Path(__file__).parents[2]
WORKER = "python\0/tmp/ministack-lambda-latchkey-local-StorePasswordFunction-1A2B-x/_worker.py"


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile([7.0], 0.99) == 7


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="of nothing"):
        percentile([], 0.5)


def test_a_slow_round_leaves_the_ratio_alone() -> None:
    assert paired_ratio([1.1, 11.0, 1.1], [1.0, 10.0, 1.0]) == pytest.approx(1.1)


def test_times_compare_wave_by_wave() -> None:
    times = Times()
    times.add([0.2, 0.2], [0.1, 0.1])
    times.add([2.0, 2.0], [1.0, 1.0])
    summary = times.summary()
    assert summary["ratio"] == pytest.approx(2)
    assert (summary["p99"], summary["baseline_p50"], summary["samples"]) == (2.0, 0.55, 4)


def test_every_function_of_the_template_is_found_with_its_environment() -> None:
    functions = {each.name: each for each in functions_of(read_template(ROOT / "template.yaml"))}
    store = functions["StorePasswordFunction"]
    assert store.module == "reset.store_password"
    assert store.environment["CLAIM_TTL_MINUTES"] == "60"
    assert store.environment["POWERTOOLS_SERVICE_NAME"] == "reset"
    assert functions["FindOrphansFunction"].environment["POWERTOOLS_SERVICE_NAME"] == "cleanup"


def test_a_function_has_its_own_memory_or_that_of_all() -> None:
    properties = {"Handler": "reset.a.handler", "MemorySize": 512}
    template = {
        "Globals": {"Function": {"MemorySize": 256, "Environment": {"Variables": {"X": {"Ref": "P"}}}}},
        "Parameters": {"P": {"Default": 7}},
        "Resources": {
            "A": {"Type": "AWS::Serverless::Function", "Properties": properties},
            "B": {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "reset.b.handler"}},
            "R": {"Type": "AWS::IAM::Role"},
        },
    }
    assert functions_of(template) == [
        Function("A", "reset.a", 512, {"X": "7"}),
        Function("B", "reset.b", 256, {"X": "7"}),
    ]


def test_starting_does_not_stop_to_look_for_garbage() -> None:
    importlib.import_module("latchkey")
    assert gc.get_threshold()[0] == 200_000


def test_imports_are_added_up_by_package() -> None:
    written = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       300 |        300 |     botocore.client\n"
        "import time:       200 |        500 |   botocore\n"
        "import time:        40 |        540 | boto3\n"
        "some other line\n"
    )
    assert most_expensive(written) == {"botocore": 0.0005, "boto3": 0.00004}


def test_names_are_found_in_what_the_cloud_makes_of_them() -> None:
    assert role_in("latchkey-local-StorePasswordRole-1A2B") == "StorePassword"
    assert role_in("root") is None
    assert function_in(WORKER) == "StorePasswordFunction"
    assert function_in("python -m local.emulator") is None


def process(proc: Path, pid: int, parent: int, ticks: int, command: str = WORKER) -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} (a (b) c) S {parent} " + "0 " * 9 + f"{ticks} {ticks} 0 0\n")
    (folder / "cmdline").write_text(command)
    (folder / "status").write_text(f"Name:\tpython\nVmHWM:\t   {pid * 1024} kB\n")


def test_a_function_is_the_sum_of_its_processes(tmp_path: Path) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    process(tmp_path, 50, parent=7, ticks=ticks)
    process(tmp_path, 60, parent=7, ticks=2 * ticks)
    process(tmp_path, 70, parent=8, ticks=ticks)  # another emulator's
    process(tmp_path, 80, parent=7, ticks=ticks, command="python\0other.py")
    (tmp_path / "self").mkdir()
    used = used_by_functions(7, tmp_path)
    assert list(used) == ["StorePasswordFunction"]
    store = used["StorePasswordFunction"]
    assert (store.cpu_seconds, store.peak_mib, store.processes) == (6, 60, 2)
    assert cpu_per_call(used, used, 10) == {"StorePasswordFunction": 0}


def outcomes(late: int = 0, mails: int = 1, *, opened: bool = True) -> list[Outcome]:
    """Return twenty resets asked for within ten seconds; of the last ones, mailed late, the rest is true."""
    usual = [Outcome(asked_at=each / 2, mailed_at=each / 2 + 0.1, mails=1, opened=True) for each in range(20)]
    on_time = len(usual) - late
    return usual[:on_time] + [
        replace(each, mailed_at=30, mails=mails, opened=opened) for each in usual[on_time:]
    ]


@pytest.mark.parametrize(
    ("found", "rate"),
    [
        (outcomes(), 2),
        (outcomes(late=2), 2),
        (outcomes(late=3), 0),
        (outcomes(late=1, mails=2), 0),
        (outcomes(late=1, opened=False), 0),
    ],
    ids=[
        "all at once",
        "a second's in the queue",
        "a queue that grows",
        "one mailed twice",
        "one that shows another password",
    ],
)
def test_a_rate_is_held_when_no_queue_grows_and_no_reset_is_lost(found: list[Outcome], rate: float) -> None:
    lower = summary(1, outcomes())
    lost = lower | {"opened": 0}
    assert highest_held([lost, summary(2, found)]) == rate
    assert highest_held([lower, summary(2, found)]) == (rate or 1)
