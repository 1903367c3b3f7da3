"""Files that pages need and that never change under their address: it holds a digest of what they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from flask import Blueprint, Response, abort

from bridge.render.folders import template_folder

blueprint = Blueprint("static_files", __name__)
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_DIGEST = 16
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    digest: str
    type: str


@cache
def _files() -> dict[str, _File]:
    found = {path.name: path.read_bytes() for path in (template_folder() / "console" / "static").iterdir()}
    found["drawn.css"] = files("bridge.drawn").joinpath("data", "drawn.css").read_bytes()
    types = {name: _TYPES.get("." + name.rpartition(".")[2]) for name in found}
    return {
        name: _File(body, hashlib.sha256(body).hexdigest()[:_DIGEST], kind)
        for name, body in found.items()
        if (kind := types[name])
    }


def address(name: str) -> str:
    """Return where a file is served."""
    return f"/static/{_files()[name].digest}/{name}"


@blueprint.get("/static/<digest>/<name>")
def served(digest: str, name: str) -> Response:
    """Return a file, for everybody; under an address of another version there is nothing."""
    found = _files().get(name)
    if found is None or found.digest != digest:
        abort(404)
    return Response(found.body, content_type=found.type, headers={"Cache-Control": FOREVER})
