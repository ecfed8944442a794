"""The thread in which requests are decided, and its connection to the broker.

Routes hand inquiries in and wait for futures; the link's thread hands in what scorers say. All of it is one queue,
read by one thread, which owns everything else. A connection that ends says nothing by itself; while somebody waits, it
is looked for.
"""

import queue
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Final

import prometheus_client
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from roost_cloud.asking.asking import Asking
from roost_cloud.asking.inquiry import Inquiry
from roost_cloud.asking.label_spaces import LabelSpaces
from roost_cloud.asking.outcomes import Answered, Complaint, Doubt, Judge, Outcome, Send
from roost_cloud.broker.link import BrokerLink
from roost_cloud.broker.message import Message
from roost_cloud.broker.settings import Subscription
from roost_cloud.services import Services
from roost_shared.asking.incoming import read_score
from roost_shared.clock import MS, SECOND, Clock
from roost_shared.complaints import Complaints
from roost_shared.errors import TransportError
from roost_shared.messages import ErrorInfo
from roost_shared.questions import CloudScore, encode_msgpack
from roost_shared.rendezvous import Answer
from roost_shared.topics import CLOUD_DEVICE, PREFIX, DeviceTopics

__all__ = ["AskingDesk", "DeskClosedError", "make_desk"]

_LOOK_EVERY_NS: Final = 50 * MS  # at the connection, while somebody waits
_IDLE_S: Final = 0.5  # between two looks at the network that has nothing to say

_Event = Callable[[], list[Outcome]]


class DeskClosedError(TransportError):
    """The process is ending, and takes no more requests."""

    code = "asking.closed"


class AskingDesk:
    """Answers each inquiry by its deadline.

    Args:
        device: the name it asks under, and the client id of its link.
        connect: makes the link, given what to call when messages may have come; it is not started yet.
        spaces: what tasks' contestants can say; closed with the desk.
        clock: for deadlines.
        in_flight: unanswered requests at a time.
        metrics: where its numbers are registered.
    """

    def __init__(
        self,
        device: str,
        connect: Callable[[Callable[[], float]], BrokerLink],
        *,
        spaces: LabelSpaces,
        clock: Clock,
        in_flight: int,
        metrics: prometheus_client.CollectorRegistry,
    ) -> None:
        self.spaces = spaces
        self._device = device
        self._link = connect(self._between)
        self._clock = clock
        self._complaints = Complaints(clock)
        self._asking = Asking(device, in_flight=in_flight)
        self._waiting: dict[str, list[Future[Answer]]] = {}  # by request id
        self._connection = 0  # the one that is known of; 0: none
        self._events: queue.SimpleQueue[_Event | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="asking")
        self._register(metrics)

    @property
    def problem(self) -> str | None:
        """Why nobody can be asked just now, in a line; None if somebody can."""
        return self._link.problem

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._link.start()

    def stop(self) -> None:
        """Answer what is in hand with what there is, and end."""
        self._closed = True
        self._events.put(None)
        if self._thread.ident is not None:
            self._thread.join()
        self._link.stop(timeout_s=0)
        self.spaces.close()

    def ask(self, inquiry: Inquiry) -> Future[Answer]:
        """Ask; from any thread. The answer comes by the deadline whatever happens to broker and scorers.

        Raises:
            DeskClosedError: the process is ending.
        """
        if self._closed:
            raise DeskClosedError("the process is ending")
        future: Future[Answer] = Future()
        future.set_running_or_notify_cancel()  # a caller who goes away ends nothing: others may wait for the same
        self._events.put(partial(self._open, inquiry, future))
        return future

    # ---- in the link's thread

    def _between(self) -> float:
        messages = self._link.take()
        if messages or self._link.counters.connections != self._connection:
            self._events.put(partial(self._hear, messages))
        return _IDLE_S

    # ---- in the desk's

    def _work(self) -> None:
        while (event := self._next()) is not None:
            self._carry_out(self._follow_connection() + event())
        self._carry_out(self._asking.disconnected(self._clock.now_ns()))
        for future in (one for waiting in self._waiting.values() for one in waiting):
            future.set_exception(DeskClosedError("the process is ending"))  # its task lets nothing but time decide

    def _next(self) -> _Event | None:
        """What to do next: an event, or what the time has come for."""
        now_ns, wake_ns = self._clock.now_ns(), self._asking.next_wake_ns
        if wake_ns is not None and wake_ns <= now_ns:
            return self._tick
        if len(self._asking):
            wake_ns = now_ns + _LOOK_EVERY_NS if wake_ns is None else min(wake_ns, now_ns + _LOOK_EVERY_NS)
        try:
            return self._events.get(timeout=None if wake_ns is None else (wake_ns - now_ns) / SECOND)
        except queue.Empty:
            return self._tick

    def _tick(self) -> list[Outcome]:
        return self._asking.tick(self._clock.now_ns())

    def _follow_connection(self) -> list[Outcome]:
        connection = self._link.counters.connections if self._link.connected else 0
        if connection == self._connection:
            return []
        ended, self._connection = self._connection, connection
        outcomes = self._asking.disconnected(self._clock.now_ns()) if ended else []
        if connection:
            self._asking.connected()
        return outcomes

    def _open(self, inquiry: Inquiry, future: Future[Answer]) -> list[Outcome]:
        request_id = self._asking.request_id(inquiry)
        self._waiting.setdefault(request_id, []).append(future)
        return self._asking.open(request_id, inquiry, self._clock.now_ns())

    def _hear(self, messages: list[Message]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for message in messages:
            score = read_score(message.payload, retained=message.retained)
            if isinstance(score, ErrorInfo):
                outcomes.append(Complaint(score))
            else:
                outcomes += self._asking.heard(score, self._clock.now_ns())
        return outcomes

    def _carry_out(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            match outcome:
                case Send(tenant, task, question):
                    self._link.post(DeviceTopics(tenant, self._device).ask(task), encode_msgpack(question))
                case Answered(request_id, answer):
                    self._answers.labels(answer.reason).inc()
                    for future in self._waiting.pop(request_id, ()):
                        future.set_result(answer)
                case Complaint(error):
                    self._complaints.note(error.code, error.message)
                case Doubt(tenant, task, score):
                    self.spaces.look_again(tenant, task, partial(self._looked, score))

    def _looked(self, score: CloudScore, labels: frozenset[str] | None) -> None:
        """The label space has been looked at again; in another thread."""
        self._events.put(lambda: self._asking.heard(score, self._clock.now_ns(), Judge(labels)))

    def _register(self, metrics: prometheus_client.CollectorRegistry) -> None:
        self._answers = prometheus_client.Counter(
            "roost_asking_answers", "Requests to /v2 answered.", ["reason"], registry=metrics
        )
        metrics.register(_Events(lambda: {**self._asking.counts, **self._complaints.counts}))
        waiting = prometheus_client.Gauge("roost_asking_waiting", "Requests without an answer yet.", registry=metrics)
        waiting.set_function(lambda: len(self._asking))


class _Events(Collector):
    """What became of questions and scores, read when somebody asks for figures."""

    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        """The counts as they are now."""
        events = CounterMetricFamily(
            "roost_asking_events", "Questions, scores and what became of them.", None, ["event"]
        )
        for event, count in self._counts().items():
            events.add_metric([event], count)
        yield events


def make_desk(services: Services) -> AskingDesk | None:
    """The desk of a deployment; None where there is no broker, and so nobody to ask.

    Raises:
        ContentError: the broker's address or certificates cannot be used.
    """
    settings = services.settings
    if settings.broker_url is None:
        return None
    device = f"{CLOUD_DEVICE}{secrets.token_hex(8)}"

    def connect(between: Callable[[], float]) -> BrokerLink:
        scores = Subscription(f"{PREFIX}/+/d/{device}/score", 0)
        return BrokerLink(services.link_settings(device, scores), clock=services.clock, between=between)

    return AskingDesk(
        device,
        connect,
        spaces=LabelSpaces(services.database, services.objects, services.clock),
        clock=services.clock,
        in_flight=settings.infer_in_flight,
        metrics=services.metrics,
    )
