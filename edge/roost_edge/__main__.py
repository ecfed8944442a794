"""`roost-agent run | check | status | enrol`: the device's command.

Exit codes: 0 it went well, 1 something was refused (named on standard error), 2 the command line is wrong.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from roost_edge.settings.config import DEFAULT_STATE_DIR, AgentConfig
from roost_edge.settings.loading import load_config
from roost_shared import __version__
from roost_shared.errors import ConfigError, RoostError
from roost_shared.missing_packages import what_to_install

__all__ = ["main"]

LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "enrol":
            return _enrol(options)
        command = {"run": _run, "check": _check, "status": _status}[options.command]
        return command(_load(options), options)
    except BrokenPipeError:  # whoever read us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        if (advice := what_to_install(error, "edge")) is None:
            raise
        print(f"roost-agent: {advice}", file=sys.stderr)  # noqa: T201 - as below
        return 1
    except RoostError as error:
        print(f"roost-agent: {error.code}: {error}", file=sys.stderr)  # noqa: T201 - a command line speaks
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="roost-agent", description="Answers inputs by their deadline with local models."
    )
    parser.add_argument("--version", action="version", version=f"roost-agent {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("run", "answer inputs until stopped"),
        ("check", "validate the config and its bundles, run their golden vectors, exit"),
        ("status", "ask the running agent how it fares"),
        ("enrol", "give up a token for this device's identity at the cloud"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--config", type=Path, default=Path("/etc/roost/agent.toml"), help="agent.toml")
        command.add_argument(
            "--set", type=_setting, action="append", default=[], metavar="KEY=VALUE", help="as broker.url=mqtt://…"
        )
        if name == "run":
            command.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
        if name == "status":
            command.add_argument("--json", action="store_true", help="the whole document")
        if name == "enrol":
            _add_enrol_options(command)
    return parser


def _add_enrol_options(command: argparse.ArgumentParser) -> None:
    token = command.add_mutually_exclusive_group(required=True)
    token.add_argument("--token", help="roostenrol_…, as the cloud printed it; others on this machine may see it")
    token.add_argument("--token-file", type=Path, help="a file that holds it; - for standard input")
    command.add_argument("--url", help="the cloud's address; by default cloud.url of agent.toml")
    command.add_argument(
        "--state-dir", type=Path, help="the agent's folder, while there is no agent.toml that says it"
    )
    command.add_argument("--replace", action="store_true", help="even where the device has an identity already")


def _load(options: argparse.Namespace) -> AgentConfig:
    return load_config(options.config, environment=os.environ, overrides=dict(options.set))


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def _run(config: AgentConfig, options: argparse.Namespace) -> int:
    logging.basicConfig(level=options.log_level.upper(), format=LOG_FORMAT)
    from roost_edge.agent import run_agent  # noqa: PLC0415 - `check` and `status` need no broker client
    from roost_edge.watchdog import Watchdog  # noqa: PLC0415 - as above

    run_agent(config, Watchdog.from_environment(os.environ, os.getpid()))
    return 0


def _check(config: AgentConfig, options: argparse.Namespace) -> int:
    from roost_edge.check import check_bundles  # noqa: PLC0415 - loads model runtimes, which `run` must not
    from roost_edge.settings.unsigned import refuse_unsigned  # noqa: PLC0415 - as above
    from roost_edge.uplink.broker_settings import check_brokers, own_identity  # noqa: PLC0415 - needs a broker client

    check_brokers(config)
    refuse_unsigned(config, own_identity(config))
    refused = 0
    for result in check_bundles(config):
        refused += result.error is not None
        stream = sys.stdout if result.error is None else sys.stderr
        print(result, file=stream)
    if not config.tasks and not config.assignable:
        remedy = "Add a [tasks.NAME] table: without one there is nothing to answer"
        raise ConfigError(where=str(options.config), key="tasks", problem="there are none", remedy=remedy)
    if refused:
        return 1
    print(f"{options.config}: ok")  # noqa: T201
    return 0


def _enrol(options: argparse.Namespace) -> int:
    from roost_edge.identity.enrol import enrol_device, minimal_config, read_token  # noqa: PLC0415 - heavy

    config = _load(options) if options.config.exists() else None
    if config is not None and options.state_dir is not None:
        remedy = "Leave --state-dir out, or say --set state_dir=…"
        raise ConfigError(where=str(options.config), key="state_dir", problem="the file says it", remedy=remedy)
    url = options.url or (config and config.cloud and config.cloud.url)
    if not url:
        raise ConfigError(where="command line", key="--url", problem="missing", remedy="Give the cloud's address")
    state_dir = (options.state_dir or DEFAULT_STATE_DIR).absolute() if config is None else config.state_dir
    identity = enrol_device(
        url=url,
        token=read_token(options.token, options.token_file),
        state_dir=state_dir,
        expected=None if config is None else (config.tenant, config.device),
        replace=options.replace,
    )
    cloud = identity.cloud
    until = cloud.not_after.isoformat(timespec="minutes")
    print(f"enrolled as {cloud.tenant}/{cloud.device} at {cloud.url}, certificate until {until}")  # noqa: T201
    if config is None:
        print(f"there is no {options.config}; begin it with:\n\n{minimal_config(identity, state_dir)}")  # noqa: T201
    return 0


def _status(config: AgentConfig, options: argparse.Namespace) -> int:
    from roost_edge.status.server import read_status  # noqa: PLC0415 - only this command reads it
    from roost_edge.status.summary import summarise  # noqa: PLC0415 - as above

    status = read_status(config.state_dir)
    print(json.dumps(status, indent=2) if options.json else summarise(status))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
