"""Unpacking an answer's body that came packed although nobody asked for that."""

from __future__ import annotations

import zlib
from typing import Final

from bridge.destinations.deadline import LostError

UNREADABLE: Final = "unreadable answer"


def unpacked(body: bytes, packed: str, cap: int) -> bytes:
    """Unpack a body as its Content-Encoding says; what that names besides gzip and deflate is left as it is.

    Raises:
        LostError: it can't be, or not within the cap.
    """
    for kind in reversed(packed.lower().split(",")):
        try:
            match kind.strip(" \t"):
                case "gzip":
                    body = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, cap + 1)
                case "deflate":
                    body = _inflated(body, cap)
        except zlib.error:
            raise LostError(UNREADABLE) from None
        if len(body) > cap:
            raise LostError(UNREADABLE)
    return body


def _inflated(body: bytes, cap: int) -> bytes:
    """Some send it with zlib's frame, some without."""
    try:
        return zlib.decompressobj().decompress(body, cap + 1)
    except zlib.error:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(body, cap + 1)
