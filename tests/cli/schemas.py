#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every schema against the metaschema, every example against its schema, and each schema must refuse an example without a required key.

    schemas.py [FOLDER]      FOLDER: default ../../schemas. Needs the Python package jsonschema for the validation; says so without.
With $OPAPAIRS in the environment also: 'opapairs schema NAME' prints each file as it is.
"""
import copy
import json
import os
import subprocess
import sys
from pathlib import Path

try:
    import jsonschema
except ImportError:
    jsonschema = None


def load(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f] if path.suffix == ".jsonl" else [json.load(f)]


def validator_of(schema, schemas):
    """References between the files are by file name. Newer jsonschema resolves them by a registry, Debian 12's by a resolver."""
    kind = jsonschema.Draft202012Validator
    try:
        from referencing import Registry, Resource
        registry = Registry().with_resources((name, Resource.from_contents(s)) for name, s in schemas.items())
        return kind(schema, registry=registry)
    except ImportError:
        return kind(schema, resolver=jsonschema.RefResolver(base_uri=schema["$id"], referrer=schema, store=dict(schemas)))


def described(schema, path=""):
    """Paths of properties without a description."""
    missing = []
    if not isinstance(schema, dict):
        return missing
    for name, sub in schema.get("properties", {}).items():
        if not (isinstance(sub, dict) and ("description" in sub or "const" in sub)):
            missing.append(f"{path}/{name}")
    for key, sub in schema.items():
        if key in ("properties", "patternProperties"):
            for name, s in sub.items():
                missing += described(s, f"{path}/{name}")
        elif key in ("items", "else"):
            missing += described(sub, f"{path}/{key}")
        elif key in ("anyOf", "oneOf"):
            for i, s in enumerate(sub):
                missing += described(s, f"{path}/{key}{i}")
    return missing


def without_required(schema, document):
    """Copies of the document that lack one required key each."""
    target = document[0] if isinstance(document, list) and document else document
    required = (schema.get("items", {}) if isinstance(document, list) else schema).get("required", [])
    for key in required:
        if isinstance(target, dict) and key in target:
            broken = copy.deepcopy(document)
            del (broken[0] if isinstance(broken, list) else broken)[key]
            yield key, broken


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent.parent / "schemas"
    schemas = {p.name: load(p)[0] for p in sorted(folder.glob("*.schema.json"))}
    errors, checks = [], 0
    if not schemas:
        errors.append(f"{folder}: no schemas")
    for name, schema in schemas.items():
        stem = name[: -len(".schema.json")]
        examples = [p for p in (folder / "examples" / (stem + ext) for ext in (".json", ".jsonl")) if p.exists()]
        if schema.get("$id") != name or "title" not in schema or "description" not in schema:
            errors.append(f"{name}: $id, title or description is missing")
        errors += [f"{name}: no description at {path}" for path in described(schema)]
        if len(examples) != 1:
            errors.append(f"{name}: {len(examples)} examples")
        if not jsonschema:
            continue
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as e:
            errors.append(f"{name}: {e.message}")
            continue
        validator = validator_of(schema, schemas)
        for path in examples:
            for i, document in enumerate(load(path)):
                checks += 1
                errors += [f"{path.name}:{i + 1}: {'/'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(document)]
                for key, broken in without_required(schema, document):
                    checks += 1
                    if validator.is_valid(broken):
                        errors.append(f"{path.name}:{i + 1}: still valid without {key}")
    for name in schemas if os.environ.get("OPAPAIRS") else []:
        checks += 1
        run = subprocess.run([os.environ["OPAPAIRS"], "schema", name[: -len(".schema.json")]], capture_output=True)
        if run.returncode != 0 or run.stdout != (folder / name).read_bytes():
            errors.append(f"{name}: 'opapairs schema' prints something else: {run.stderr.decode(errors='replace').strip()}")
    for e in errors:
        print(e, file=sys.stderr)
    if not jsonschema:
        print("the Python package jsonschema is not there: schemas and examples were read, but not validated", file=sys.stderr)
    print(f"{len(schemas)} schemas, {checks} checks, {len(errors)} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
