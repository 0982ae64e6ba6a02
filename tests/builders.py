"""Small workloads for tests, made from a few words."""

from simlib.workloads.schema import Workload

CLIENTS = {
    "joins": "fixed 0s",
    "stays": "exponential 1m",
    "returns": 0.3,
    "away": "exponential 10s",
    "another": 0.2,
    "buffer": 10,
    "drains": "exponential 100ms",
}


def kind(per_hour=600.0, gap="exponential 5s", lasts="exponential 2m", clients=None, outlives=False, **more):
    """The fields of a session kind; `clients` are changes to CLIENTS, None for no clients at all."""
    fields = {
        "about": "for a test",
        "arrivals": {"per_hour": per_hour, **more.pop("arrivals", {})},
        "events": {"gap": gap, "lasts": lasts, **more},
        "outlives_clients": outlives,
    }
    return fields if clients is None else {**fields, "clients": {**CLIENTS, **clients}}


def workload(duration="1h", history="store", **kinds):
    """A workload of kinds by name, each the fields that `kind` gives."""
    fields = {"name": "test", "title": "Test", "about": "for a test", "memory_limit_mib": 1.0, "history": history}
    return Workload.model_validate({**fields, "duration": duration, "kinds": kinds})
