"""Singular and plural of the nouns that alerts count: pods, queries, statuses, CPUs, people.

A table of our own: `inflect` 7.6 knows no singular of bus, gas, alias or virus ("bu", "ga"), reads CPUs and cpus as
singular ("cpuses"), makes PRS of PR, and takes a second and a half to import.
"""

from __future__ import annotations

_IRREGULAR = {
    "analysis": "analyses", "axis": "axes", "child": "children", "crisis": "crises", "criterion": "criteria",
    "diagnosis": "diagnoses", "foot": "feet", "half": "halves", "hypothesis": "hypotheses", "knife": "knives",
    "leaf": "leaves", "life": "lives", "loaf": "loaves", "man": "men", "matrix": "matrices", "mouse": "mice",
    "person": "people", "quiz": "quizzes", "radius": "radii", "shelf": "shelves", "thesis": "theses",
    "thief": "thieves", "tooth": "teeth", "vertex": "vertices", "wolf": "wolves", "woman": "women",
}  # fmt: skip
_SINGLE = {many: one for one, many in _IRREGULAR.items()} | {"indices": "index"}

_ALIKE = frozenset({
    "aircraft", "aws", "bandwidth", "chaos", "chassis", "css", "data", "ddos", "devops", "dns", "dos", "downtime",
    "equipment", "feedback", "fish", "gcs", "gps", "hardware", "hdfs", "hertz", "https", "information", "iops",
    "ios", "jenkins", "js", "kubernetes", "lag", "macos", "means", "metadata", "ms", "nats", "news", "nfs", "ops",
    "os", "postgres", "progress", "qos", "qps", "redis", "rps", "rss", "series", "sheep", "sms", "sns",
    "software", "species", "sqs", "throughput", "tls", "tps", "traffic", "uptime", "usage",
})  # fmt: skip
"""One form for any number: words without a plural, and names that only look like one."""

_ENDS_IN_S = frozenset({
    "abacus", "alias", "apparatus", "atlas", "bias", "bonus", "bus", "cactus", "campus", "canvas", "census",
    "chorus", "circus", "consensus", "corpus", "focus", "gas", "genius", "genus", "iris", "lens", "locus",
    "minus", "nexus", "nimbus", "octopus", "omnibus", "opus", "plus", "status", "stylus", "surplus", "syllabus",
    "terminus", "virus",
})  # fmt: skip
_ENDING_IN_S = ("status", "virus", "alias", "canvas")
"""Singulars that end in s, and ends of such ("substatus")."""

_MANY_US = frozenset({
    "apus", "cpus", "cus", "dpus", "ecus", "emus", "gpus", "icus", "menus", "mtus", "npus", "pdus", "rtus",
    "skus", "tpus", "vcpus",
})  # fmt: skip
_MANY_IS = frozenset({
    "alibis", "apis", "clis", "emojis", "guis", "kpis", "pis", "rabbis", "skis", "slis", "taxis", "uis", "wikis",
})  # fmt: skip
_CHE = ("caches", "headaches", "avalanches", "niches", "cliches")
_HARD_CH = ("epoch", "stomach", "monarch")
_IE = frozenset({
    "calorie", "cookie", "die", "genie", "lie", "movie", "pie", "pixie", "rookie", "selfie", "tie", "vie",
    "zombie",
})  # fmt: skip
_OES = frozenset({
    "echo", "embargo", "hero", "potato", "tomato", "torpedo", "veto",
})  # fmt: skip


def singular(noun: str) -> str:
    """Return a noun as it goes with one; nouns come in either form, capitals stay."""
    lower = noun.lower()
    if lower in _SINGLE:
        return _cased(noun, _SINGLE[lower])
    if not lower.endswith("s") or len(noun) < len("ads") or _is_one(noun, lower):
        return noun
    return noun[: -_ending(lower)] + ("y" if _is_ies(lower) else "")


def plural(noun: str) -> str:
    """Return a noun as it goes with none, two or many; nouns come in either form, capitals stay."""
    one = singular(noun)
    lower = one.lower()
    if lower in _IRREGULAR:
        return _cased(one, _IRREGULAR[lower])
    if lower in _ALIKE or (one.isupper() and lower.endswith("s")) or noun.lower() == "indices":
        return noun
    if one.isupper():
        return one + "s"
    if lower.endswith("y") and lower[-2:-1] not in {"", *"aeiou"}:
        return one[:-1] + "ies"
    hisses = lower.endswith(("s", "x", "ch", "sh", "zz")) and not lower.endswith(_HARD_CH)
    return one + ("es" if hisses or lower in _OES else "s")


def is_plural(noun: str) -> bool:
    """Return whether a noun is one of many things by its form."""
    return singular(noun) != noun


def _is_one(noun: str, lower: str) -> bool:
    """Return whether a noun that ends in s is a singular, or has one form only."""
    if lower in _ALIKE or lower in _ENDS_IN_S or lower.endswith(("ss", *_ENDING_IN_S)) or noun.isupper():
        return True
    if lower.endswith("us"):
        return lower not in _MANY_US
    return lower.endswith("is") and lower not in _MANY_IS


def _is_ies(lower: str) -> bool:
    return lower.endswith("ies") and lower[:-1] not in _IE


def _ending(lower: str) -> int:
    """Return how many letters of a plural's end to take off."""
    if _is_ies(lower):
        return 3
    if lower.endswith(("sses", "xes", "shes", "zzes")) or (lower.endswith("ches") and not lower.endswith(_CHE)):
        return 2
    stem = lower[:-2]
    return 2 if lower.endswith("es") and (stem in _ENDS_IN_S | _OES or stem.endswith(_ENDING_IN_S)) else 1


def _cased(like: str, word: str) -> str:
    """Return a word of the tables with the capital that another form of it has."""
    return word.capitalize() if like[:1].isupper() else word
