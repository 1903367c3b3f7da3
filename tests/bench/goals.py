"""What is aimed at, a line each."""

from __future__ import annotations

from figures import Goal, across, added, lacking, largest, plain, ratio, within

SUBJECTS = {
    "0": "straight to the double",
    "a": "bare Flask + gunicorn",
    "b": "the same, one SQLite commit a request",
    "c": "the bridge on SQLite",
    "d": "the bridge on PostgreSQL",
    "e": "Alertmanager",
    "f": "posts to Slack inside the request",
}
"""What is compared, by what stands for it."""

LOADS = [f"{connections} x {alerts}" for connections in (8, 32) for alerts in (1, 50)]

DATABASES = {"c": "SQLite", "d": "PostgreSQL"}

EMPTY, FILLED = "an empty ledger", "a ledger of a long time"

OUTAGES = {"killed in an outage", "429 for a while", "503 for a while", "resets for a while", "answers lost"}

SCENARIOS = [
    "killed in traffic",
    "killed in an outage",
    "killed in a burst",
    "429 for a while",
    "503 for a while",
    "resets for a while",
    "answers lost",
    "30 at once under 1/s",
]


def _intake() -> list[Goal]:
    goals = []
    for key, bound in (("c", 0.60), ("d", 0.50)):
        for load in LOADS:
            what = f"intake while delivering, connections x alerts {load}, {DATABASES[key]}: of bare's throughput"
            goals.append(Goal(what, ratio(f"intake {load}", key, "throughput", "a"), bound, least=True))
        what = f"CPU per delivered alert, {DATABASES[key]}: of bare's per request"
        goals.append(Goal(what, ratio("intake 8 x 1", key, "cpu", "a"), 3.0))
        goals.append(
            Goal(
                f"longest request under load, {DATABASES[key]}", largest("intake", key, "longest", 0.001), 1, unit=" s"
            )
        )
        goals.append(Goal(f"requests refused under load, {DATABASES[key]}", largest("intake", key, "failed"), 0))
        goals.append(Goal(f"accepted under load and not delivered, {DATABASES[key]}", lacking("intake", key), 0))
    return goals


def _storm() -> list[Goal]:
    goals = []
    for key in "cd":
        name = DATABASES[key]
        goals += [
            Goal(f"storm accepted, {name}: of bare's time", ratio("storm", key, "accepted", "a"), 1.5),
            Goal(
                f"storm delivered, {name}: of bare's time to accept",
                ratio("storm", key, "drained", "a", "accepted"),
                2.5,
            ),
            Goal(f"requests refused in the storm, {name}", largest("storm", key, "failed"), 0),
            Goal(f"longest request in the storm, {name}", largest("storm", key, "longest", 0.001), 1, unit=" s"),
        ]
    return goals


def _answers() -> list[Goal]:
    goals = []
    for key, database in DATABASES.items():
        for name in ("p50", "p99"):
            what = f"answer {name} at half the load, {database}: of bare's"
            goals.append(Goal(what, ratio("answers at half the load", key, name, "a"), 1.5))
        for name, bound in (("told p50", 2.5), ("told p99", 2.0)):
            what = f"webhook sent to request at the destination, {name.split()[1]}, {database}: of what (f) adds"
            goals.append(Goal(what, added(name, key), bound))
        goals.append(
            Goal(f"P0's median delay in the queue, {database}: of P3's", within("urgent first", key, "P0", "P3"), 0.1)
        )
        goals.append(
            Goal(f"of the permitted rate used, {database}", plain("urgent first", key, "used"), 0.95, least=True)
        )
    return goals


def _standing() -> list[Goal]:
    goals = []
    for key, database in DATABASES.items():
        goals += [
            Goal(
                f"a group of very many absorbed, {database}",
                plain("a group of very many", key, "absorbed"),
                5,
                unit=" s",
            ),
            Goal(f"largest process then, {database}", largest("a group of very many", key, "peak"), 300, unit=" MiB"),
            Goal(f"idle CPU of a core, {database}", plain("at rest", key, "idle"), 0.5, unit=" %"),
            Goal(f"memory (PSS) at rest, {database}: of bare's", ratio("at rest", key, "pss", "a"), 1.75),
            Goal(
                f"memory after very many incidents, {database}: of that at rest",
                within("after very many incidents", key, "pss", "at rest"),
                1.15,
            ),
            *(
                Goal(
                    f"disk, {alerts} a body, {database}: of the raw bodies",
                    within(f"disk, {alerts} a body", key, "disk", "bodies"),
                    3,
                )
                for alerts in ("1 alert", "50 alerts")
            ),
        ]
    goals.append(Goal("bridge --help", plain("commands", "c", "help"), 150, unit=" ms"))
    goals.append(Goal("bridge run ready, SQLite", plain("commands", "c", "ready"), 1.5, unit=" s"))
    return goals


def _flat() -> list[Goal]:
    whats = {"cpu": "CPU an alert", "p50": "answer p50", "told p50": "webhook to destination p50"}
    return [
        Goal(f"{what} in a ledger of a long time, {database}: of an empty one's", across(FILLED, EMPTY, name, key), 1.1)
        for key, database in DATABASES.items()
        for name, what in whats.items()
    ]


def _faults() -> list[Goal]:
    goals = []
    for key, database in DATABASES.items():
        goals += [
            Goal(f"{name}, {what}, {database}", largest(name, key, figure), 0)
            for name in SCENARIOS
            for figure, what in (("lost", "accepted and lost"), ("doubled", "doubled"))
        ]
        goals += [
            Goal(f"{name}, requests in the outage, {database}", largest(name, key, "asked in the outage"), 40)
            for name in SCENARIOS
            if name in OUTAGES
        ]
    return goals


GOALS = [*_intake(), *_answers(), *_storm(), *_standing(), *_flat(), *_faults()]
