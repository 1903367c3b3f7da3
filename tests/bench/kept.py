"""What is shown of many runs: each case as it was measured last, with the size that it was measured in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def merged(before: Mapping[str, Any], now: Mapping[str, Any], apart: Collection[str]) -> dict[str, Any]:
    """Return the results of earlier runs with a new run's in their place, in the order of the earlier ones.

    A case is replaced whole, for its figures count beside each other only where they are of the same rounds; one of
    those in `apart` subject by subject, where both runs were of the same size.
    """
    found, sizes = dict(before["found"]), {**before["sizes"], **now["sizes"]}
    for case, by in now["found"].items():
        stays = case in apart and before["sizes"].get(case) == now["sizes"][case]
        found[case] = {**found[case], **by} if stays else by
    return {"machine": now["machine"], "sizes": sizes, "found": found}
