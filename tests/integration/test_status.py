"""What listens in an agent's place and is none."""

import socket
import threading
from pathlib import Path

import pytest

from roost_edge.status.server import NAME, NotRunningError, read_status
from tests.support.unreadable import NO_JSON


@pytest.mark.parametrize("wrong", NO_JSON)
def test_what_answers_no_status_is_no_agent(tmp_path: Path, wrong: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / NAME))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(NO_JSON[wrong])

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NotRunningError):
            read_status(tmp_path)
        thread.join()
