"""What people write of a device's tasks: whatever it is, it is read whole or refused in words."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from roost_cloud.assignments.document import AssignmentDocument, read_document
from roost_cloud.assignments.errors import BadAssignmentError
from roost_shared.assignment import Assignment, BundlePin
from roost_shared.messages import decode_json, encode_json

numbers = st.integers(-5, 10**19) | st.floats() | st.sampled_from([0, 1, 300, 250.5])
names = st.sampled_from(["meter", "primary", "backup", "cloud", "NO", "", "x" * 64, "\0", "décor"])
bundles = st.sampled_from(["meter:7", "meter@stable", "meter", "meter:7@x", "", "meter:\n", ":", "meter:" + "7" * 200])
anything = st.none() | st.booleans() | numbers | names | st.lists(names, max_size=2) | st.dictionaries(names, numbers)
contestants = st.fixed_dictionaries(
    {"name": names},
    optional={
        "bundle": bundles | anything,
        "where": st.sampled_from(["local", "cloud"]) | anything,
        "role": st.sampled_from(["answer", "baseline", "shadow", "decoy"]) | anything,
        "ask": st.sampled_from(["always", "unsure", {"sample": 0.02}, {"sample": 2}]) | anything,
        "threads": numbers,
        "runtime": st.sampled_from(["litert", "none"]),
        "delegate": names,
        "more": anything,
    },
)
rules = st.fixed_dictionaries({"accept": names}, optional={"after_ms": numbers, "min_confidence": numbers})
trials = st.dictionaries(st.sampled_from(["shadow_inputs", "shadow_s", "watch_s", "p95_ms", "margin", "x"]), numbers)
tasks = st.fixed_dictionaries(
    {"contestants": st.lists(contestants, max_size=3) | anything},
    optional={"rules": st.lists(rules, max_size=3), "deadline_ms": numbers, "default": anything, "trial": trials},
)
good = st.fixed_dictionaries(
    {"contestants": st.just([{"name": "primary", "bundle": "meter:7"}, {"name": "cloud", "where": "cloud"}])},
    optional={
        "rules": st.lists(st.fixed_dictionaries({"accept": st.sampled_from(["primary", "cloud"])}), max_size=2),
        "deadline_ms": numbers,
        "trial": trials,
        "default": names,
    },
)
documents = st.fixed_dictionaries(
    {
        "tasks": st.dictionaries(names, tasks | anything, max_size=2)
        | anything
        | st.dictionaries(st.sampled_from(["meter", "faces"]), good, max_size=2)
    }
)


def read(raw: Any) -> AssignmentDocument | None:
    try:
        return read_document(raw)
    except BadAssignmentError:
        return None


@given(documents | anything)
def test_a_document_that_is_read_becomes_an_assignment_that_a_device_reads(raw: Any) -> None:
    document = read(raw)
    if document is None:
        return
    pins = {one: BundlePin(name=one.name, version="7", digest="sha256:" + 64 * "0") for _, one in document.uses}
    made = Assignment(
        tenant="acme",
        device="cam-01",
        version=1,
        issued_at="2026-11-24T12:00:00+00:00",
        tasks={name: task.pinned(pins) for name, task in document.tasks.items()},
    )
    assert decode_json(encode_json(made), Assignment) == made
    for name, task in made.tasks.items():
        task.policy(name)
