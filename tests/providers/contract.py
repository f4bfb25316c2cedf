"""Logged requests against what the providers document: their OpenAPI files where they are, else a compact copy."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema
from server import Request

HERE = Path(__file__).parent
SPECS = HERE.parents[2] / "shared" / "specs"
COMPACT = HERE / "wire_facts.json"
PUBLISHED = ("together", "openai")
"""Those whose documents lie in the folder; the facts of Fireworks are those of its own client (1.2.30)."""


def check(requests: Iterable[Request], provider: str) -> None:
    """Assert that every request is one that the provider documents; what goes to a store is its own affair."""
    sent = [request for request in requests if "/__store/" not in request.path]
    assert violations(sent, provider, published=False) == []
    if SPECS.exists() and provider in PUBLISHED:
        assert violations(sent, provider, published=True) == []


def violations(requests: Iterable[Request], provider: str, *, published: bool) -> list[str]:
    """Return a sentence for each request that a provider's document does not allow."""
    paths = published_paths(provider) if published else json.loads(COMPACT.read_text())[provider]
    return [words for request in requests for words in _faults(request, paths)]


def _faults(request: Request, paths: dict[str, Any]) -> list[str]:
    path = request.path.removeprefix("/v1")
    name = f"{request.method} {path}"
    for pattern, known in paths.items():
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(pattern)), name):
            unknown = [key for key in request.query if key.split("[")[0] not in known["query"]]
            body = _body(request)
            errors = (
                []
                if known["body"] is None
                else list(jsonschema.Draft202012Validator(known["body"]).iter_errors(body))
            )
            names = _names(known["body"] or {})
            unknown += [key for key in body or {} if key not in names]
            return [
                *(f"{name}: {key} is not known" for key in unknown),
                *(f"{name}: {error.json_path}: {error.message[:200]}" for error in errors),
            ]
    return [f"{name} is not in the document"]


def _names(schema: dict[str, Any]) -> set[str]:
    """Return the keys that a body may have."""
    parts = [part for key in ("allOf", "anyOf", "oneOf") for part in schema.get(key, [])]
    return set(schema.get("properties", {})).union(*(_names(part) for part in parts))


def _body(request: Request) -> Any:
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/"):
        return {
            key: value.decode("latin-1")
            for key, value in request.form().items()
            if not key.endswith(".filename")
        }
    return json.loads(request.body) if kind.startswith("application/json") and request.body else None


@functools.cache
def published_paths(provider: str) -> dict[str, Any]:
    """Return what the published document says of the paths that we use, references resolved."""
    document = _document(provider)
    used = json.loads(COMPACT.read_text())[provider] if COMPACT.exists() else {}
    return {name: _described(document, name) for name in used}


def _document(provider: str) -> Any:
    if provider == "openai":
        return json.loads((SPECS / "openai.openapi.json").read_text())
    import yaml

    document = yaml.load((SPECS / "together.openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    overlay = json.loads((SPECS / "together.overlay.json").read_text())
    for path, methods in overlay["paths"].items():
        document["paths"].setdefault(path, {}).update(methods)
    for name, extra in overlay["extra_body_properties"].items():
        method, path = name.split()
        content = document["paths"][path][method.lower()]["requestBody"]["content"]
        content["application/json"]["schema"]["properties"].update(extra)
    create = document["paths"]["/fine-tunes"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    create["required"] = ["training_file"]  # the official client sends a model or a checkpoint, not both
    document["components"]["schemas"]["LRScheduler"].update(overlay["schemas"]["LRScheduler"])
    return document


def _described(document: Any, name: str) -> dict[str, Any]:
    method, path = name.split()
    operation = document["paths"][path][method.lower()]
    query = [one["name"] for one in operation.get("parameters") or [] if one.get("in") == "query"]
    content = (operation.get("requestBody") or {}).get("content") or {}
    schema = next(
        (content[kind]["schema"] for kind in ("application/json", "multipart/form-data") if kind in content),
        None,
    )
    return {"query": query, "body": None if schema is None else plain(document, schema)}


def plain(document: Any, schema: Any, depth: int = 0) -> Any:
    """Return a schema with its references in place and without its prose."""
    if isinstance(schema, list):
        return [plain(document, one, depth) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = functools.reduce(lambda place, step: place[step], schema["$ref"].split("/")[1:], document)
        return plain(document, target, depth + 1) if depth < 12 else {}
    if schema.get("format") == "binary":
        return {}
    prose = {"description", "example", "examples", "title", "default", "deprecated", "format"}
    kept = {key: value for key, value in schema.items() if key not in prose and not key.startswith("x-")}
    if "properties" in kept:
        kept["properties"] = {key: plain(document, value, depth) for key, value in kept["properties"].items()}
    nullable = kept.pop("nullable", False)
    if isinstance(kept.get("exclusiveMinimum"), bool):
        kept["exclusiveMinimum"] = kept.pop("minimum", 0)
    if "oneOf" in kept and "type" in kept and kept["type"] != "object":
        del kept["type"]  # a published slip: the type of one branch stands beside all of them
    kept = {
        key: value if key == "properties" else plain(document, value, depth) for key, value in kept.items()
    }
    return {"anyOf": [kept, {"type": "null"}]} if nullable else kept
