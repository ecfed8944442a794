"""A thread that waits for the network looks up when another asks it to."""

import threading
import time

from roost_cloud.broker.waker import Waker


def test_a_thread_is_woken_once_however_often_it_was_asked_to() -> None:
    waker = Waker()
    while_full = [waker.wake() for _ in range(10_000)]
    assert all(while_full)
    assert waker.wait(60)
    waker.drain()
    assert not waker.wait(0.01)
    waker.close()
    assert not waker.wake()


def test_a_thread_that_waits_is_woken_from_another() -> None:
    waker = Waker()
    thread = threading.Timer(0.05, waker.wake)
    thread.start()
    began_s = time.monotonic()
    assert waker.wait(60)
    assert time.monotonic() - began_s < 30
    thread.join()
    waker.close()
