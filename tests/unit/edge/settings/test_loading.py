"""agent.toml: precedence, defaults, and errors that name file, key and remedy."""

from pathlib import Path

import pytest

from roost_edge.decoy.config import CaptureConfig
from roost_edge.monitor.config import MonitorConfig
from roost_edge.settings.config import AgentConfig, CloudConfig
from roost_edge.settings.loading import load_config
from roost_shared.errors import ConfigError
from roost_shared.rendezvous import Sample
from roost_shared.runtime_settings import RuntimeSettings

DESIGN_EXAMPLE = """
tenant = "acme"
device = "cam-01"
state_dir = "/var/lib/roost"
[broker]
url = "mqtt://127.0.0.1:1883"
[cloud]
url = "https://roost.example:8443"
broker = "mqtts://roost.example:8883"
[trust]
allow_unsigned = true
[tasks.meter]
deadline_ms = 300
default = "unknown"
[[tasks.meter.contestants]]
name = "primary"
bundle = "bundles/meter-7"
[[tasks.meter.contestants]]
name = "cloud"
where = "cloud"
ask = "unsure"
"""

MINIMAL = """
tenant = "acme"
device = "cam-01"
"""

TASK = """
[trust]
allow_unsigned = true
[tasks.meter]
deadline_ms = 300
[[tasks.meter.contestants]]
name = "primary"
bundle = "primary"
"""


def load(tmp_path: Path, text: str, **more: dict[str, str]) -> AgentConfig:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    return load_config(path, **more)


def test_the_design_s_own_example_is_read(tmp_path: Path) -> None:
    config = load(tmp_path, DESIGN_EXAMPLE)
    assert (config.tenant, config.device) == ("acme", "cam-01")
    assert config.state_dir == Path("/var/lib/roost")
    assert config.cloud is not None
    assert config.cloud.broker == "mqtts://roost.example:8883"
    primary, cloud = config.tasks["meter"].contestants
    assert primary.bundle == tmp_path / "bundles/meter-7"
    assert (cloud.where, cloud.ask) == ("cloud", "unsure")
    assert [rule.accept for rule in config.tasks["meter"].policy("meter").rules] == ["primary", "cloud"]


def test_a_decoy_has_inputs_kept_by_default_and_a_section_says_otherwise(tmp_path: Path) -> None:
    decoy = '[[tasks.meter.contestants]]\nname = "archive"\nrole = "decoy"\n'
    assert load(tmp_path, MINIMAL + TASK).captures is False
    kept = load(tmp_path, MINIMAL + TASK + decoy)
    assert kept.captures
    assert kept.tasks["meter"].captured == CaptureConfig()
    said = load(tmp_path, MINIMAL + TASK + decoy + "[tasks.meter.capture]\nbase_rate = 0.5\n")
    assert said.tasks["meter"].captured == CaptureConfig(base_rate=0.5)
    alone = load(tmp_path, MINIMAL + TASK + "[tasks.meter.capture]\n")
    assert alone.captures


def test_windows_are_told_of_where_a_section_says_so_and_nothing_is_kept_for_that(tmp_path: Path) -> None:
    silent = load(tmp_path, MINIMAL + TASK)
    assert (silent.has_records, silent.tasks["meter"].monitor) == (False, None)
    watched = load(tmp_path, MINIMAL + TASK + "[tasks.meter.monitor]\nwindow_s = 300\n")
    assert (watched.has_records, watched.captures) == (True, False)
    assert watched.tasks["meter"].monitor == MonitorConfig(window_s=300, window_inputs=10_000)
    assert load(tmp_path, MINIMAL + TASK + "[tasks.meter.capture]\n").has_records


def test_a_share_to_ask_is_read(tmp_path: Path) -> None:
    config = load(tmp_path, DESIGN_EXAMPLE.replace('ask = "unsure"', "ask = { sample = 0.02 }"))
    assert config.tasks["meter"].contestants[1].ask == Sample(0.02)


def test_a_contestant_says_how_its_model_is_run(tmp_path: Path) -> None:
    text = "threads = 2\nruntime = 'litert'\ndelegate = 'libedgetpu.so.1'\ndelegate_options = { device = 'usb' }\n"
    [contestant] = load(tmp_path, MINIMAL + TASK + text).tasks["meter"].contestants
    assert contestant.runtime_settings == RuntimeSettings(
        threads=2, name="litert", delegate="libedgetpu.so.1", delegate_options={"device": "usb"}
    )


def test_defaults_fill_what_the_file_leaves_out(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    assert config.broker.url == "mqtt://127.0.0.1:1883"
    assert config.limits.in_flight == 20
    assert not config.trust.allow_unsigned


def test_command_line_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    text = MINIMAL + '[broker]\nurl = "mqtt://file:1"\n[limits]\nin_flight = 3\n'
    assert load(tmp_path, text).broker.url == "mqtt://file:1"
    environment = {"ROOST_BROKER_URL": "mqtt://environment:1", "ROOST_LIMITS_IN_FLIGHT": "4", "ROOST_OTHER": "x"}
    config = load(tmp_path, text, environment=environment)
    assert (config.broker.url, config.limits.in_flight) == ("mqtt://environment:1", 4)
    config = load(tmp_path, text, environment=environment, overrides={"broker.url": "mqtt://line:1"})
    assert (config.broker.url, config.limits.in_flight) == ("mqtt://line:1", 4)


def test_text_settings_keep_their_type(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL, environment={"ROOST_TRUST_ALLOW_UNSIGNED": "true", "ROOST_DEVICE": "cam-02"})
    assert config.trust.allow_unsigned is True
    assert config.device == "cam-02"


def test_a_name_of_digits_stays_a_name(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL, environment={"ROOST_BROKER_USERNAME": "1234"}, overrides={"device": "42"})
    assert (config.broker.username, config.device) == ("1234", "42")


@pytest.mark.parametrize(
    ("more", "where"),
    [
        pytest.param({"environment": {"ROOST_LIMITS_IN_FLIGHT": "many"}}, "environment", id="environment"),
        pytest.param({"overrides": {"limits.in_flight": "many"}}, "command line", id="command-line"),
    ],
)
def test_an_error_names_who_stated_it(tmp_path: Path, more: dict[str, dict[str, str]], where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, MINIMAL, **more)
    assert (caught.value.where, caught.value.key) == (where, "limits.in_flight")


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        pytest.param('tenant = "acme"', "device", "missing", id="missing"),
        pytest.param(MINIMAL + "[broker]\nulr = 1", "broker.ulr", "Did you mean 'url'?", id="typo"),
        pytest.param(MINIMAL + "[broker]\nurl = 1", "broker.url", "Expected `str`, got `int`", id="type"),
        pytest.param(MINIMAL + '[broker]\nurl = "http://x"', "broker.url", "mqtt://HOST:PORT", id="scheme"),
        pytest.param(MINIMAL + '[broker]\nurl = "mqtt://h:99999"', "broker.url", "no address", id="port"),
        pytest.param(MINIMAL + '[cloud]\nurl = "http://far.example"', "cloud.url", "not encrypted", id="plain-cloud"),
        pytest.param(MINIMAL + "[cloud]\nask_bytes_per_day = -1", "cloud.ask_bytes_per_day", "int", id="bytes"),
        pytest.param(MINIMAL + '[cloud]\nbroker = "https://x"', "cloud.broker", "mqtt://HOST:PORT", id="cloud-broker"),
        pytest.param(MINIMAL + "[limits]\nin_flight = 0", "limits.in_flight", ">= 1", id="range"),
        pytest.param('tenant = "A B"\ndevice = "x"', "tenant", "is not a name", id="name"),
        pytest.param(MINIMAL + "tasks = 3", "tasks", "Write [tasks.NAME]", id="no-table"),
        pytest.param(MINIMAL + "tasks.Meter = {}", "tasks.Meter", "is not a name", id="task-name"),
        pytest.param(
            MINIMAL + "tasks.meter = {}", "tasks.meter.rules", "nothing could ever answer", id="no-contestant"
        ),
        pytest.param(
            MINIMAL + TASK.replace("allow_unsigned = true", ""),
            "tasks.meter.contestants[0].bundle",
            "Set trust.allow_unsigned = true",
            id="unsigned",
        ),
        pytest.param(
            MINIMAL + TASK + 'role = "decoy"\n[[tasks.meter.contestants]]\nname = "b"\nbundle = "b"',
            "tasks.meter.contestants[0].role",
            "what it keeps is said in the task's [capture]",
            id="decoy-with-a-model",
        ),
        pytest.param(
            MINIMAL + TASK.replace('bundle = "primary"', ""),
            "tasks.meter.contestants[0].bundle",
            "Give the bundle's folder",
            id="no-bundle",
        ),
        pytest.param(
            MINIMAL + TASK + '[[tasks.meter.rules]]\naccept = "backup"',
            "tasks.meter.rules[0].accept",
            "There are: primary",
            id="unknown-contestant",
        ),
        pytest.param(
            MINIMAL + TASK + '[[tasks.meter.rules]]\naccept = "primary"\nafter_ms = 300',
            "tasks.meter.rules[0].after_ms",
            "not within the deadline",
            id="rule-too-late",
        ),
        pytest.param(
            MINIMAL + 'operator_token_sha256 = "é"', "operator_token_sha256", "[0-9a-fA-F]{64}", id="no-digest"
        ),
        pytest.param(
            MINIMAL + TASK.replace("deadline_ms = 300", "deadline_ms = 1e12"),
            "tasks.meter.deadline_ms",
            "<= 86400000",
            id="deadline-of-years",
        ),
        pytest.param(
            MINIMAL + TASK.replace('bundle = "primary"', 'bundle = "a\\u0000b"'),
            "tasks.meter.contestants[0].bundle",
            "Expected a path",
            id="nul-in-path",
        ),
        pytest.param(
            MINIMAL + TASK + '[tasks.meter.inject]\ntemp = "site/+/temp"',
            "tasks.meter.inject.temp",
            "without + or #",
            id="inject-wildcard",
        ),
        pytest.param(
            MINIMAL + TASK + '[tasks.meter.inject]\ntemp = "roost/1/acme/d/cam-01/in/meter"',
            "tasks.meter.inject.temp",
            "outside the device's own",
            id="inject-own-topic",
        ),
        pytest.param(
            MINIMAL + TASK + "[[tasks.meter.rules]]\naccept = 'primary'\nmin_confidense = 0.8",
            "tasks.meter.rules[0].min_confidense",
            "Did you mean 'min_confidence'?",
            id="typo-in-rule",
        ),
        pytest.param(
            MINIMAL + TASK + "runtime = 'tensorrt'",
            "tasks.meter.contestants[0].runtime",
            "Invalid enum value 'tensorrt'",
            id="no-such-runtime",
        ),
        pytest.param(
            MINIMAL + TASK + "delegate_options = { device = 'usb' }",
            "tasks.meter.contestants[0].delegate_options",
            "there is no delegate",
            id="options-of-no-delegate",
        ),
        pytest.param(
            MINIMAL + TASK + "delegate = 'x'\ndelegate_options = { device = 1 }",
            "tasks.meter.contestants[0].delegate_options[...]",
            "Expected `str`, got `int`",
            id="delegate-option-no-text",
        ),
        pytest.param(
            MINIMAL + TASK + "[[tasks.meter.contestants]]\nnam = 'x'",
            "tasks.meter.contestants[1].nam",
            "Did you mean 'name'?",
            id="typo-in-list",
        ),
        pytest.param(
            MINIMAL + TASK + "[tasks.meter.folder]\npath = 'spool'\ndone = 'keep'",
            "tasks.meter.folder.done",
            "Invalid enum value 'keep'",
            id="folder-done",
        ),
        pytest.param(
            MINIMAL
            + TASK
            + "[tasks.meter.folder]\npath = 'spool'\n"
            + "[[tasks.other.contestants]]\nname = 'primary'\nbundle = 'primary'\n"
            + "[tasks.other.folder]\npath = 'x/../spool'",
            "tasks.other.folder.path",
            "Give each task a folder of its own",
            id="folder-of-two-tasks",
        ),
    ],
)
def test_an_error_names_file_key_and_remedy(tmp_path: Path, text: str, key: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert caught.value.key == key
    assert says in str(caught.value)
    assert str(tmp_path / "agent.toml") in str(caught.value)


def test_a_folder_is_relative_to_the_file(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL + TASK + "[tasks.meter.folder]\npath = 'spool'")
    folder = config.tasks["meter"].folder
    assert folder is not None
    assert (folder.path, folder.done, folder.settle_ms) == (tmp_path / "spool", "move", 300)


def test_all_of_the_cloud_may_be_left_to_enrolment(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL + "[cloud]\ncafile = 'ca.pem'")
    assert config.cloud == CloudConfig(cafile=tmp_path / "ca.pem")


def test_bad_toml_says_where(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"line 3"):
        load(tmp_path, 'tenant = "acme"\n[broker]\nurl = mqtt\n')


def test_a_missing_file_says_how_to_give_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--config"):
        load_config(tmp_path / "none.toml")


def test_downscale_is_for_cloud_contestants(tmp_path: Path) -> None:
    task = '[tasks.meter]\n[[tasks.meter.contestants]]\nname = "big"\ndownscale = true\n'
    head = 'tenant = "acme"\ndevice = "cam-01"\n[trust]\nallow_unsigned = true\n'
    path = tmp_path / "agent.toml"
    path.write_text(f'{head}{task}bundle = "x"\n')
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.key == "tasks.meter.contestants[0].downscale"
    path.write_text(f'{head}{task}where = "cloud"\n')
    assert load_config(path).tasks["meter"].contestants[0].downscale


def test_a_task_without_contestants_waits_for_the_cloud_to_assign_some(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL + '[cloud]\n[tasks.meter]\ndefault = "nobody"\ndeadline_ms = 200\n')
    assert config.assignable
    policy = config.tasks["meter"].policy_until_assigned("meter")
    assert (policy.default, policy.deadline_ms) == ("nobody", 200)


@pytest.mark.parametrize(
    ("task", "key"),
    [("guard_ms = 300", "tasks.meter.guard_ms"), ("deadline_ms = 0", "tasks.meter.deadline_ms")],
)
def test_times_of_a_task_that_waits_are_checked_all_the_same(tmp_path: Path, task: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"{MINIMAL}[cloud]\n[tasks.meter]\n{task}\n")
    assert caught.value.key == key
