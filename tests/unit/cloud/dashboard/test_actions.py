"""Whatever pages ask and do is a route of the API: handlers alone are called, and nothing is written past them."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

import roost_cloud.dashboard
from roost_cloud.api.routes import api_routes

FOLDER = Path(roost_cloud.dashboard.__file__).parent
MODULES = sorted(FOLDER.rglob("*.py"))
API = "roost_cloud.api"
SESSIONS = "signing_in.py"  # where sessions of browsers end, which the API knows nothing of


def endpoints() -> set[object]:
    return {route.endpoint for route in api_routes() if isinstance(route, APIRoute)}


def asked_of_the_api(path: Path) -> Iterator[tuple[str, object]]:
    """Functions of the API's modules that a module of the dashboard names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {
        alias.asname or alias.name: importlib.import_module(f"{API}.{alias.name}")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == API
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            named = getattr(modules[node.value.id], node.attr)
            if inspect.isfunction(named):
                yield f"{node.value.id}.{node.attr}", named


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_a_page_asks_and_does_is_a_route(path: Path) -> None:
    routes = endpoints()
    assert [name for name, handler in asked_of_the_api(path) if handler not in routes] == []


def test_actions_are_among_what_is_looked_at() -> None:
    named = {name for path in MODULES for name, _ in asked_of_the_api(path)}
    assert {"rollouts.revert_rollout", "alarms.mute_alarm", "runs.approve_run", "wanted.want_inputs_of_alarm"} <= named


def test_no_page_writes_past_the_api() -> None:
    assert [path.name for path in MODULES if "database.begin" in path.read_text(encoding="utf-8")] == [SESSIONS]
