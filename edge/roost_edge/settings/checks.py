"""What agent.toml must keep to beyond the type of each setting. Pure: no bundle is opened, nobody is connected to."""

import os
from collections.abc import Mapping
from pathlib import Path

from roost_edge.settings.config import AgentConfig, CloudConfig, HttpConfig, TaskConfig
from roost_edge.settings.listen_address import ListenAddress, ListenAddressError
from roost_shared.cloud_url import CloudUrlError, check_cloud_url
from roost_shared.errors import ConfigError
from roost_shared.mqtt.address import parse_broker_url
from roost_shared.mqtt.faults import BrokerUrlError
from roost_shared.rendezvous import PolicyError
from roost_shared.topics import DeviceTopics, is_name

__all__ = ["check_config"]


def check_config(config: AgentConfig, where: str) -> None:
    """Refuse what no single field's type tells: names, addresses, rules, and settings that contradict each other.

    Args:
        config: read whole.
        where: the file.

    Raises:
        ConfigError: something in it is wrong; says which key, and what to write instead.
    """
    for key, name in (("tenant", config.tenant), ("device", config.device)):
        if not is_name(name):
            _refuse_name(where, key, name)
    _check_broker_url(where, "broker.url", config.broker.url)
    if config.cloud is not None:
        _check_cloud(where, config.cloud)
    if config.http is not None:
        _check_http(where, config.http)
    for name, task in config.tasks.items():
        if not is_name(name):
            _refuse_name(where, f"tasks.{name}", name)
        own_root = DeviceTopics(config.tenant, config.device).root
        _check_task(where, name, task, config, own_root)
    _check_folders(where, config.tasks)


def _refuse_name(where: str, key: str, name: str) -> None:
    remedy = "Use a-z, 0-9, '.', '_' and '-', at most 63, beginning with a letter or digit"
    raise ConfigError(where=where, key=key, problem=f"{name!r} is not a name", remedy=remedy)


def _check_cloud(where: str, cloud: CloudConfig) -> None:
    if cloud.broker is not None:
        _check_broker_url(where, "cloud.broker", cloud.broker)
    if cloud.url is not None:
        try:
            check_cloud_url(cloud.url)
        except CloudUrlError as error:
            remedy = "Write https://HOST:PORT"
            raise ConfigError(where=where, key="cloud.url", problem=str(error), remedy=remedy) from error


def _check_http(where: str, http: HttpConfig) -> None:
    try:
        address = ListenAddress.parse(http.listen)
    except ListenAddressError as error:
        remedy = "Write 127.0.0.1:8000, or another address of this machine"
        raise ConfigError(where=where, key="http.listen", problem=str(error), remedy=remedy) from error
    if not address.is_loopback and http.token_sha256 is None:
        problem, remedy = f"other machines reach {address}", "Set it, or listen on 127.0.0.1"
        raise ConfigError(where=where, key="http.token_sha256", problem=f"missing: {problem}", remedy=remedy)


def _check_broker_url(where: str, key: str, url: str) -> None:
    try:
        parse_broker_url(url)
    except BrokerUrlError as error:
        remedy = "Write mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS"
        raise ConfigError(where=where, key=key, problem=str(error), remedy=remedy) from error


def _check_folders(where: str, tasks: Mapping[str, TaskConfig]) -> None:
    """Two tasks that watched one folder would take each other's inputs."""
    watched: dict[Path, str] = {}
    for name, task in tasks.items():
        if task.folder is None:
            continue
        path = Path(os.path.normpath(task.folder.path))
        if path in watched:
            key, remedy = f"tasks.{name}.folder.path", "Give each task a folder of its own"
            raise ConfigError(where=where, key=key, problem=f"task {watched[path]!r} watches {path}", remedy=remedy)
        watched[path] = name


def _check_policy(where: str, name: str, task: TaskConfig, *, assignable: bool) -> None:
    try:
        if task.contestants or not assignable:
            task.policy(name)
        else:
            task.policy_until_assigned(name)
    except PolicyError as error:
        key, remedy = f"tasks.{name}.{error.key}", error.remedy
        raise ConfigError(where=where, key=key, problem=error.problem, remedy=remedy) from error


def _check_task(where: str, name: str, task: TaskConfig, config: AgentConfig, own_root: str) -> None:
    prefix, allow_unsigned = f"tasks.{name}", config.trust.allow_unsigned
    _check_policy(where, name, task, assignable=config.assignable)
    for place, one in enumerate(task.contestants):
        key = f"{prefix}.contestants[{place}]"
        if one.role == "decoy":
            if one.bundle is not None or one.where == "cloud":
                remedy = "Leave `bundle` and `where` out: what it keeps is said in the task's [capture]"
                raise ConfigError(where=where, key=f"{key}.role", problem="a decoy runs no model", remedy=remedy)
            continue
        if one.where == "cloud" and one.bundle is not None:
            remedy = "Leave `bundle` out: the cloud chooses it"
            raise ConfigError(where=where, key=f"{key}.bundle", problem="a cloud contestant has none", remedy=remedy)
        if one.where == "local" and one.bundle is None:
            remedy = "Give the bundle's folder"
            raise ConfigError(where=where, key=f"{key}.bundle", problem="a local contestant needs one", remedy=remedy)
        if one.where == "local" and one.downscale:
            remedy = "Leave it out: nothing is sent to a local contestant"
            raise ConfigError(where=where, key=f"{key}.downscale", problem="the contestant is local", remedy=remedy)
        if one.delegate_options and one.delegate is None:
            remedy = "Name the delegate they are for"
            raise ConfigError(
                where=where, key=f"{key}.delegate_options", problem="there is no delegate", remedy=remedy
            )
        if one.where == "local" and not allow_unsigned:
            remedy = "Set trust.allow_unsigned = true if you trust that folder"
            problem = "a bundle from a folder carries no signature"
            raise ConfigError(where=where, key=f"{key}.bundle", problem=problem, remedy=remedy)
    _check_inject(where, prefix, task, own_root)


def _check_inject(where: str, prefix: str, task: TaskConfig, own_root: str) -> None:
    for inject, topic in task.inject.items():
        if not topic or any(sign in topic for sign in "+#\0"):
            remedy = "Name one topic, without + or #"
            raise ConfigError(
                where=where, key=f"{prefix}.inject.{inject}", problem=f"{topic!r} is no topic", remedy=remedy
            )
        if topic.startswith(f"{own_root}/"):
            remedy = "Name a topic of the site's, outside the device's own"
            problem = f"{topic!r} is one of this device's own topics"
            raise ConfigError(where=where, key=f"{prefix}.inject.{inject}", problem=problem, remedy=remedy)
