"""What GitHub asks of the JWT with which an App gets a token for an installation."""

from __future__ import annotations

import base64
import json

from bridge.sandbox.github_checks import GitHubError

MOST_JWT_SECONDS = 600
"""How far ahead a JWT may end: 10 minutes."""


def check_jwt(token: str | None, now: float, key: str | None = None) -> None:
    """Checks an App's JWT.

    Args:
        token: the JWT.
        now: unix seconds.
        key: the App's public key as a PEM text; without one the signature is not looked at.

    Raises:
        GitHubError: it is no RS256 JWT, not signed with the App's key, or its times are not what GitHub takes.
    """
    try:
        parts = [
            json.loads(base64.urlsafe_b64decode(f"{p}{'=' * (-len(p) % 4)}")) for p in (token or "").split(".")[:2]
        ]
        header, claims = parts
        issued, expires, _ = claims["iat"], claims["exp"], claims["iss"]
    except (ValueError, KeyError, TypeError):
        raise GitHubError(401, "A JSON web token could not be decoded") from None
    if header.get("alg") != "RS256" or (token or "").count(".") != 2:  # noqa: PLR2004 (header, claims, signature)
        raise GitHubError(401, "A JSON web token could not be decoded")
    if key is not None:
        _check_signature(token or "", key)
    if not isinstance(issued, int) or issued > now:
        words = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        raise GitHubError(401, words)
    if not isinstance(expires, int) or not now < expires <= now + MOST_JWT_SECONDS:
        raise GitHubError(401, "'Expiration time' claim ('exp') is too far in the future")


def _check_signature(token: str, key: str) -> None:
    import jwt  # noqa: PLC0415 - only where a key is given

    try:
        jwt.api_jws.decode(token, key, algorithms=["RS256"])
    except jwt.PyJWTError:
        raise GitHubError(401, "A JSON web token could not be decoded") from None


def token_body(token: str, expires_at: str) -> dict[str, object]:
    """The answer to the request for an installation's token."""
    permissions = {"issues": "write", "metadata": "read"}
    return {"token": token, "expires_at": expires_at, "permissions": permissions, "repository_selection": "all"}
