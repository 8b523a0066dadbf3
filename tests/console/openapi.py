"""The API as console/openapi.json describes it. An Api is a Web whose every answer is held against that file."""

import json
import os
import re
import urllib.parse

import jsonschema

from ops.stack import repository
from web import Web

with open(os.path.join(repository(), "console", "openapi.json"), encoding="utf-8") as f:
    DOCUMENT = json.load(f)
PATHS = DOCUMENT["paths"]


def operation(method, path):
    """What the file says about a request; None when it is not there. Patterns without a part go before others."""
    for pattern in sorted(PATHS, key=lambda p: p.count("{")):
        if re.fullmatch(re.sub(r"\\{\w+(\\\*)?\\}", "[^/]+", re.escape(pattern)), path):
            return PATHS[pattern].get(method.lower())
    return None


def validate(value, schema):
    resolver = jsonschema.RefResolver("", DOCUMENT)
    jsonschema.Draft202012Validator(schema, resolver=resolver).validate(value)


def schema_of(method, path, status):
    op = operation(method, path)
    if op is None:
        return named("Error") if status >= 400 else None  # a file of the page
    said = op["responses"].get(str(status)) or op["responses"]["default"]
    return said.get("content", {}).get("application/json", {}).get("schema")


def named(name):
    return {"$ref": "#/components/schemas/" + name}


class Api(Web):
    called = set()  # (method, pattern) that were answered with 200

    def call(self, method, path, body=None, timeout=20, **headers):
        answer = super().call(method, path, body, timeout, **headers)
        plain = urllib.parse.urlsplit(path).path
        schema = schema_of(method, plain, answer.status)
        if schema is not None:
            validate(answer.json, schema)
        return answer
