"""S3: the lists of a reminder run, of any length; states carry only their keys."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from tempfile import TemporaryFile
from typing import Any

import boto3
from botocore.config import Config

from latchkey.adapters.aws import CLIENT_CONFIG, translate_errors

# A list of many megabytes takes longer than a look-up.
_s3 = boto3.client("s3", config=CLIENT_CONFIG.merge(Config(read_timeout=20)))


def folder(execution: str) -> str:
    """Return the prefix of everything that one run keeps."""
    return f"runs/{execution}"


def write(key: str, parts: Iterable[bytes], content_type: str) -> None:
    """Store the parts as one object, of any size."""
    # Through a file: a list may be larger than a function's memory.
    with TemporaryFile() as file:
        file.writelines(parts)
        file.seek(0)
        with translate_errors(f"store {key}"):
            _s3.put_object(
                Bucket=os.environ["REMINDER_RUNS_BUCKET"], Key=key, Body=file, ContentType=content_type
            )


def write_lines(key: str, values: Iterable[Mapping[str, Any]]) -> int:
    """Store values as one line of JSON each, and return their number."""
    count = 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        for value in values:
            # Invalid Unicode is written as JSON escapes.
            yield json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
            count += 1

    write(key, lines(), "application/jsonl")
    return count


def read_lines(key: str) -> Iterator[dict[str, Any]]:
    """Yield what `write_lines` stored, a part at a time."""
    with translate_errors(f"read {key}"):
        body = _s3.get_object(Bucket=os.environ["REMINDER_RUNS_BUCKET"], Key=key)["Body"]
        with closing(body):
            yield from (json.loads(line) for line in body.iter_lines(chunk_size=64 * 1024))


def read_json(key: str) -> Any:  # noqa: ANN401  # whatever was stored
    """Return the JSON that is stored there."""
    with translate_errors(f"read {key}"):
        return json.load(_s3.get_object(Bucket=os.environ["REMINDER_RUNS_BUCKET"], Key=key)["Body"])


def write_json(key: str, value: object) -> None:
    """Store a value as JSON."""
    write(key, [json.dumps(value, ensure_ascii=False).encode()], "application/json")


def keys_below(prefix: str) -> list[str]:
    """Return every key with that prefix, in order."""
    pages = _s3.get_paginator("list_objects_v2").paginate(
        Bucket=os.environ["REMINDER_RUNS_BUCKET"], Prefix=prefix
    )
    with translate_errors(f"list {prefix}"):
        return [found["Key"] for page in pages for found in page.get("Contents", [])]


def result_key(batch: str) -> str:
    """Return where the results of a batch are stored, beside it."""
    return batch.replace("/batches/", "/results/")
