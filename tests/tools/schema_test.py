"""Checks what the inspector prints with --json against its schema; a field that the schema does not name is an error too.

usage: schema_test.py SCHEMA KIND FILE     every line of FILE (-: standard input) is one object
Exit status: 0 right, 1 wrong, 77 without the module jsonschema.
"""
import json
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)


def closed(schema):
    """The same, but for objects with fields that are not named."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: closed(part) for key, part in schema.items()}
    if schema.get("type") == "object":
        strict["additionalProperties"] = False
    return strict


def main():
    path, kind, name = sys.argv[1:]
    with open(path) as file:
        schema = json.load(file)
    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema)
    strict = closed({"$defs": schema["$defs"], "$ref": "#/$defs/" + kind})
    with (sys.stdin if name == "-" else open(name)) as file:
        objects = [json.loads(line) for line in file if line.strip()]
    wrong = 0 if objects else 1
    for entry in objects:
        validator(schema).validate(entry)
        for error in validator(strict).iter_errors(entry):
            print(f"{name}: {error.json_path}: {error.message}")
            wrong += 1
    print(f"{len(objects)} objects of {kind}: {wrong} wrong")
    return 1 if wrong else 0


sys.exit(main())
