"""Every request becomes fields, or an error that names the part that is wrong."""

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.errors import BadRequestError
from latchkey.web.http import (
    MAXIMUM_BODY_CHARACTERS,
    SECURITY_HEADERS,
    json_response,
    read_fields,
    text_field,
)

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def post(
    body: str | None = None,
    content_type: str | None = JSON,
    query: Mapping[str, str] | None = None,
    *,
    base64: bool = False,
    header: str = "Content-Type",
) -> dict[str, Any]:
    headers = None if content_type is None else {header: content_type}
    return {"headers": headers, "queryStringParameters": query, "body": body, "isBase64Encoded": base64}


def encoded(body: bytes) -> str:
    return b64encode(body).decode()


def refused_field(event: Mapping[str, Any]) -> str:
    with pytest.raises(BadRequestError) as refusal:
        read_fields(event)
    return refusal.value.field


@pytest.mark.parametrize(
    "event",
    [
        post('{"user": "alice"}'),
        post('{"user": "alice"}', "application/json; charset=utf-8"),
        post('{"user": "alice"}', "Application/JSON ;charset=UTF-8"),
        post('{"user": "alice"}', header="content-type"),
        post('{"user": "alice"}', header="CONTENT-TYPE"),
        post(encoded(b'{"user": "alice"}'), base64=True),
        post("user=alice", FORM),
        post("user=alice", f"{FORM};charset=UTF-8"),
        post(encoded(b"user=alice"), FORM, base64=True),
        post(None, None, {"user": "alice"}),
        post("", None, {"user": "alice"}),
        post(" \r\n", JSON, {"user": "alice"}),
        post("user=bob&user=alice", FORM),
        post('{"user": "bob", "user": "alice"}'),
        post('{"user": "alice"}', query={"user": "bob"}),
    ],
    ids=[
        "json",
        "json-with-charset",
        "json-in-capitals",
        "lower-case-header",
        "upper-case-header",
        "json-in-base64",
        "form",
        "form-with-charset",
        "form-in-base64",
        "query",
        "empty-body-and-query",
        "blank-body-and-query",
        "form-with-duplicate",
        "json-with-duplicate",
        "body-before-query",
    ],
)
def test_a_field_is_read_from_wherever_it_was_sent(event: dict[str, Any]) -> None:
    assert read_fields(event) == {"user": "alice"}


@pytest.mark.parametrize("event", [{}, post(None, None), post("", JSON), post("{}")])
def test_a_request_without_fields_has_none(event: dict[str, Any]) -> None:
    assert read_fields(event) == {}


@pytest.mark.parametrize(
    "body",
    [
        "user=alice",
        '{"user": "alice"',
        "{'user': 'alice'}",
        '["alice"]',
        '"alice"',
        "42",
        "null",
        "NaN",
        "[" * MAXIMUM_BODY_CHARACTERS,
        "[" * 2000 + "]" * 2000,
        '{"a":' * 600 + "1" + "}" * 599,
        "\x00",
        "\ufeff{}",
        "9" * MAXIMUM_BODY_CHARACTERS,
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body: str) -> None:
    assert refused_field(post(body)) == "body"


@pytest.mark.parametrize("body", ["user=%FF", "user=%C3", "&".join(f"field{n}=" for n in range(11))])
def test_a_form_that_is_malformed_is_refused(body: str) -> None:
    assert refused_field(post(body, FORM)) == "body"


@pytest.mark.parametrize("content_type", [JSON, FORM])
@pytest.mark.parametrize(
    "body", [encoded(b'{"user": "\xff"}'), encoded(b"user=\xff"), "no base64!", "%%%%", "é"]
)
def test_a_body_that_is_not_utf_8_is_refused(body: str, content_type: str) -> None:
    assert refused_field(post(body, content_type, base64=True)) == "body"


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "multipart/form-data; boundary=x", "application/jsonp", "xml"]
)
def test_another_content_type_is_refused(content_type: str | None) -> None:
    assert refused_field(post('{"user": "alice"}', content_type)) == "content-type"


@pytest.mark.parametrize("base64", [False, True])
def test_a_body_that_is_too_large_is_refused_unread(*, base64: bool) -> None:
    too_large = "x" * (MAXIMUM_BODY_CHARACTERS + 1)
    assert refused_field(post(too_large, "text/plain", base64=base64)) == "body"


def test_a_body_of_the_largest_size_is_read() -> None:
    body = json.dumps({"user": "x" * (MAXIMUM_BODY_CHARACTERS - len('{"user": ""}'))})
    assert len(body) == MAXIMUM_BODY_CHARACTERS
    assert read_fields(post(body)).keys() == {"user"}


def read_or_refuse(event: Mapping[str, Any]) -> dict[str, object] | str:
    """Return the fields, or the name of the part that is wrong."""
    try:
        return read_fields(event)
    except BadRequestError as refusal:
        return refusal.field


@given(value=json_values)
def test_a_json_object_gives_its_fields_and_any_other_value_a_refusal(value: object) -> None:
    body = json.dumps(value)
    read = read_or_refuse(post(body))
    assert (read == "body") is (not isinstance(value, dict) or len(body) > MAXIMUM_BODY_CHARACTERS)


@given(user=json_values)
def test_any_json_value_as_field_gives_clean_text_or_a_refusal(user: object) -> None:
    try:
        text = text_field({"user": json.loads(json.dumps(user))}, "user", 64)
    except BadRequestError:
        return
    assert text.isprintable()
    assert 0 < len(text.encode()) <= 256


@given(
    body=st.text() | st.binary().map(encoded),
    content_type=st.sampled_from([JSON, FORM, ""]),
    base64=st.booleans(),
)
def test_any_body_gives_fields_or_a_refusal(body: str, content_type: str, *, base64: bool) -> None:
    read = read_or_refuse(post(body, content_type, base64=base64))
    assert isinstance(read, dict) or read in {"body", "content-type"}


@given(user=st.text(st.characters(codec="utf-8"), max_size=64))
def test_json_form_and_query_say_the_same(user: str) -> None:
    sent = {"user": user}
    json_fields = read_fields(post(json.dumps(sent)))
    assert (
        json_fields == read_fields(post(urlencode(sent), FORM)) == read_fields(post(None, None, sent)) == sent
    )


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (None, "missing"),
        ("", "empty"),
        (" \t\n", "empty"),
        ("\u00a0", "empty"),
        (7, "must be text"),
        (1.5, "must be text"),
        (float("nan"), "must be text"),
        (0, "must be text"),
        (True, "must be text"),
        (False, "must be text"),
        ([], "must be text"),
        (["alice"], "must be text"),
        ({}, "must be text"),
        ({"user": "alice"}, "must be text"),
        ("x" * 65, "at most 64 characters"),
        ("ali\x00ce", "printable"),
        ("ali\nce", "printable"),
        ("ali\r\nce", "printable"),
        ("ali\x7fce", "printable"),
        ("ali\u202ece", "printable"),
        ("ali\ufffdce", "printable"),
        (f"ali{chr(0xD800)}ce", "printable"),
        (chr(0xDCFF), "printable"),
    ],
)
def test_a_field_that_is_no_clean_text_is_refused_by_name(value: object, complaint: str) -> None:
    with pytest.raises(BadRequestError, match=rf"'user'.*{complaint}") as refusal:
        text_field({"user": value}, "user", 64)
    assert refusal.value.field == "user"


def test_a_field_that_was_not_sent_is_missing() -> None:
    with pytest.raises(BadRequestError, match="'rs' is missing"):
        text_field({"ph": "handle"}, "rs", 64)


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(BadRequestError) as refusal:
        text_field({"rs": "PlantedSecret\n!"}, "rs", 64)
    assert "PlantedSecret" not in str(refusal.value)


@pytest.mark.parametrize("value", ["alice", " alice ", "\talice\r\n"])
def test_blanks_around_a_field_do_not_count(value: str) -> None:
    assert text_field({"user": value}, "user", 64) == "alice"


def test_a_field_may_have_as_many_characters_as_the_limit() -> None:
    assert text_field({"user": " " + "é" * 64}, "user", 64) == "é" * 64


def test_an_answer_is_json_with_every_security_header() -> None:
    given_answer = json_response(202, {"message": "naïve"}, {"Retry-After": "2"})
    assert given_answer["statusCode"] == 202
    assert json.loads(given_answer["body"]) == {"message": "naïve"}
    assert given_answer["headers"] == {
        **SECURITY_HEADERS,
        "Content-Type": "application/json; charset=utf-8",
        "Retry-After": "2",
    }
