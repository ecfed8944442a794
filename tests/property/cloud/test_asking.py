"""Whatever scorers, connection and callers do: each request has one answer by its deadline, and nothing is left."""

from hypothesis import given, settings
from hypothesis import strategies as st

from roost_shared.clock import MS, SECOND
from roost_shared.messages import ErrorInfo
from tests.support.asked import AskingRig, inquiry, said

CONTESTANTS = ("big", "small", "old")
NO = ErrorInfo("contestant.unknown", "no such contestant")

wait = st.tuples(st.just("wait"), st.floats(0, 700))
ask = st.tuples(
    st.just("ask"),
    st.tuples(st.sampled_from(["acme", "beta"]), st.integers(1, 1500), st.sampled_from([None, "k1", "k2"])),
)
hear = st.tuples(
    st.just("hear"),
    st.tuples(
        st.integers(0, 20),
        st.sampled_from([*CONTESTANTS, "stranger", None]),
        st.sampled_from([{}, {"confidence": 2.0}, {"label": None}, {"error": NO}, {"confidence": 0.1}]),
    ),
)
link = st.tuples(st.sampled_from(["up", "down"]), st.none())


@settings(max_examples=150, deadline=None)
@given(st.lists(ask | wait | hear | link, max_size=60))
def test_each_request_has_one_answer_by_its_deadline(events: list[tuple[str, object]]) -> None:
    rig = AskingRig(in_flight=4)
    opened: dict[str, int] = {}  # how often
    for kind, detail in events:
        match kind, detail:
            case "wait", float(ms):
                rig.pass_ms(ms)
            case "ask", (str(tenant), int(deadline_ms), key):
                request = inquiry(
                    *CONTESTANTS,
                    tenant=tenant,
                    received_ns=rig.now_ns,
                    deadline_ns=deadline_ms * MS,
                    repeat_key=f"{tenant}/{key}" if key else None,
                    roles={"old": "baseline"},
                )
                request_id = rig.open(request)
                opened[request_id] = opened.get(request_id, 0) + 1
            case "hear", (int(place), contestant, dict(fields)) if place < len(rig.sent):
                assert contestant is None or isinstance(contestant, str)
                rig.hear(said(rig.sent[place].question.id, contestant, **fields))
            case "up", _:
                rig.asking.connected()
            case "down", _:
                rig.disconnect()
    rig.pass_ms(12 * SECOND / MS)
    for request_id in opened:
        answers = rig.answers[request_id]
        assert len({(answer.reason, answer.score) for answer in answers}) == 1
        assert all(answer.elapsed_ns <= SECOND for answer in answers)
    assert len(rig.asking) == 0
    assert not rig.asking._cases
    assert not rig.asking._asked
    assert not +rig.asking._waiting
