from roost_edge.workers.hang_watch import HangWatch
from roost_shared.clock import MS
from tests.support.virtual_reactor import VirtualReactor


class Watched:
    """A subprocess whose sign of life is due at `due_ns`."""

    def __init__(self) -> None:
        self.reactor = VirtualReactor()
        self.due_ns: int | None = 500 * MS
        self.excused_ns: list[int] = []
        self.hung_ns: list[int] = []
        self.watch = HangWatch(
            self.reactor.as_reactor(), lambda: self.due_ns, excuse=self.excuse, on_hung=self.hung_ns.append
        )

    def excuse(self, now_ns: int) -> None:
        self.excused_ns.append(now_ns)
        self.due_ns = now_ns + 500 * MS


def test_it_is_told_of_when_its_time_is_over() -> None:
    watched = Watched()
    watched.watch.watch()
    watched.reactor.advance(499 * MS)
    assert not watched.hung_ns
    watched.reactor.advance(500 * MS)
    assert watched.hung_ns == [500 * MS]


def test_a_sign_of_life_puts_it_off_without_a_new_timer() -> None:
    watched = Watched()
    watched.watch.watch()
    watched.due_ns = 900 * MS
    watched.reactor.advance(899 * MS)
    assert not watched.hung_ns
    watched.reactor.advance(900 * MS)
    assert watched.hung_ns == [900 * MS]


def test_it_may_be_due_earlier_than_before() -> None:
    watched = Watched()
    watched.watch.watch()
    watched.due_ns = 100 * MS
    watched.watch.watch_anew()
    watched.reactor.advance(100 * MS)
    assert watched.hung_ns == [100 * MS]


def test_where_nothing_is_due_or_wanted_it_does_not_look() -> None:
    watched = Watched()
    watched.watch.watch()
    watched.watch.stop()
    watched.due_ns = None
    watched.watch.watch()
    watched.reactor.advance(900 * MS)
    assert not watched.hung_ns


def test_a_loop_that_stood_still_excuses_it() -> None:
    watched = Watched()
    watched.watch.watch()
    watched.reactor.now = 700 * MS
    watched.reactor.advance(700 * MS)
    assert (watched.excused_ns, watched.hung_ns) == ([700 * MS], [])
    watched.reactor.advance(1200 * MS)
    assert watched.hung_ns == [1200 * MS]
