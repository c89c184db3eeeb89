# SPDX-License-Identifier: Apache-2.0
"""schema_check.py FILE...: is each a record by results/schema.json? Says where not; exit status 1."""

import json
import os
import sys

import jsonschema

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "results", "schema.json")


def validator():
    with open(SCHEMA, encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def errors(check, value) -> list[str]:
    """`$.benchmarks[0].samples[2]: 'x' is not of type 'number'`"""
    return sorted(f"{e.json_path}: {e.message:.200}" for e in check.iter_errors(value))


def main(paths: list[str]) -> int:
    check, bad = validator(), 0
    for path in paths:
        with open(path, encoding="utf-8") as f:
            found = errors(check, json.load(f))
        for line in found:
            print(f"{path}: {line}")
        bad += bool(found)
    print(f"{len(paths) - bad} of {len(paths)} records are by the schema")
    return 1 if bad or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
