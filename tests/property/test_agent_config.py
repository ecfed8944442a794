"""Whatever agent.toml, the environment and the command line say: a configuration or a `ConfigError`, nothing else."""

import contextlib
import copy
import hmac
import tempfile
import tomllib
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost_edge.settings import config, loading
from roost_shared.errors import ConfigError

VALID = """
tenant = "acme"
device = "cam-01"
[broker]
url = "mqtt://127.0.0.1:1883"
[cloud]
url = "https://roost.example"
[trust]
allow_unsigned = true
[limits]
in_flight = 20
[tasks.meter]
deadline_ms = 300
[tasks.meter.inject]
weather = "site/weather"
[tasks.meter.folder]
path = "spool/meter"
done = "delete"
settle_ms = 0
[[tasks.meter.contestants]]
name = "primary"
bundle = "bundles/meter-7"
threads = 2
runtime = "litert"
delegate = "libedgetpu.so.1"
delegate_options = { device = "usb" }
[[tasks.meter.contestants]]
name = "cloud"
where = "cloud"
ask = { sample = 0.5 }
[[tasks.meter.rules]]
accept = "primary"
after_ms = 10
min_confidence = 0.5
"""

DAY_MS = 24 * 3600 * 1000

names = st.text(max_size=8) | st.sampled_from(
    [
        *config.AgentConfig.__struct_fields__,
        *config.TaskConfig.__struct_fields__,
        "name",
        "path",
        "url",
        "accept",
        "sample",
    ]
)
scalars = st.one_of(
    st.text(max_size=20),
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.booleans(),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.sampled_from(
        ["mqtt://[", "mqtt://h:99999", "mqtt://h:x", "cam-01", "local", "cloud", "baseline", "\0", "é" * 64]
    ),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=8
)


def read(document: dict[str, Any], **more: dict[str, str]) -> config.AgentConfig | None:
    """What comes of a parsed agent.toml; None if it is refused, with a reason."""
    with mock.patch.object(loading, "read_toml", return_value=document):
        try:
            loaded = loading.load_config(Path("/etc/roost/agent.toml"), **more)
        except ConfigError as error:
            return None if error.problem and error.remedy else pytest.fail(f"no help: {error}")
    for task in loaded.tasks.values():
        assert 0 < task.deadline_ms <= (task.max_deadline_ms or task.deadline_ms) <= DAY_MS, "epoll waits no longer"
    hmac.compare_digest(loaded.operator_token_sha256 or "", "")  # raises on what is no ASCII
    return loaded


@given(values.filter(lambda value: isinstance(value, dict)))
def test_any_document_at_all(document: dict[str, Any]) -> None:
    read(document)


@given(st.data())
def test_a_good_document_with_one_value_replaced_or_added(data: st.DataObject) -> None:
    document = tomllib.loads(VALID)
    assert read(copy.deepcopy(document)) is not None
    place: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(place)) | names if isinstance(place, dict) else st.just(0))
        deeper = place[key] if not isinstance(place, dict) or key in place else None
        if not isinstance(deeper, dict | list) or data.draw(st.booleans()):
            break
        place = deeper
    place[key] = data.draw(values)
    read(document)


@given(st.dictionaries(st.sampled_from(loading._settings()), st.text(max_size=20)))
def test_any_text_in_the_environment(settings: dict[str, str]) -> None:
    environment = {f"ROOST_{key.upper().replace('.', '_')}": text for key, text in settings.items()}
    read(tomllib.loads(VALID), environment=environment)


@given(st.dictionaries(st.lists(names, min_size=1, max_size=3).map(".".join), st.text(max_size=20), max_size=3))
def test_any_setting_on_the_command_line(overrides: dict[str, str]) -> None:
    read(tomllib.loads(VALID), overrides=overrides)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_in_the_file(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with contextlib.suppress(ConfigError):
            loading.load_config(Path(file.name))
