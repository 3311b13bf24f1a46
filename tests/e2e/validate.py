#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""validate.py SCHEMA FILE [PATH=VALUE,VALUE...]: every line of the file is what the schema says,
every key of the schema is described, and each of the values stands at the path in some line."""
import json
import sys

from jsonschema import Draft202012Validator


def fail(text):
    sys.exit("validate.py: " + text)


def undescribed(schema, place):
    for key, value in schema.get("properties", {}).items():
        if not value.get("description"):
            yield place + key
        yield from undescribed(value, place + key + ".")
    for part in [schema.get("items")] + schema.get("oneOf", []):
        if isinstance(part, dict):
            yield from undescribed(part, place)


def at(value, path):
    """All that stands there; a list is looked at item by item."""
    if isinstance(value, list):
        return [found for item in value for found in at(item, path)]
    if not path:
        return [value]
    key, rest = path[0], path[1:]
    return at(value[key], rest) if isinstance(value, dict) and key in value else []


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    Draft202012Validator.check_schema(schema)
    for key in undescribed(schema, ""):
        fail(f"{sys.argv[1]}: {key} has no description")
    validator = Draft202012Validator(schema)
    seen = []
    with open(sys.argv[2], encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            seen.append(json.loads(line))
            for error in validator.iter_errors(seen[-1]):
                fail(f"{sys.argv[2]}:{number}: {error.json_path}: {error.message}: {line.strip()}")
    for wanted in sys.argv[3:]:
        path, values = wanted.split("=")
        found = {str(value) for value in at(seen, path.split("/"))}
        missing = set(values.split(",")) - found
        if missing:
            fail(f"{sys.argv[2]}: {path} is nowhere {', '.join(sorted(missing))}, only {found}")


main()
