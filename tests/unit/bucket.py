"""S3 in memory, for tests that take whole runs through it."""

from io import BytesIO
from typing import Any

from botocore.response import StreamingBody


class Bucket:
    """Stands for S3's client: the simulation takes longer than everything else in these tests."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Key: str, Body: Any, **_: object) -> None:  # noqa: ANN401, N803  # as boto3 calls it
        self.objects[Key] = Body.read()

    def get_object(self, *, Key: str, **_: object) -> dict[str, StreamingBody]:  # noqa: N803
        body = self.objects[Key]
        return {"Body": StreamingBody(BytesIO(body), len(body))}

    def get_paginator(self, _operation: str) -> "Bucket":
        return self

    def paginate(self, *, Prefix: str, **_: object) -> list[dict[str, list[dict[str, str]]]]:  # noqa: N803
        return [{"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)]}]
