"""All that is behind the gate, made once a process: NiceGUI with our pages, and what they show that is no page."""

import functools
from http import HTTPStatus

from fastapi import FastAPI
from nicegui import app, ui

from roost_cloud.dashboard import signing_in
from roost_cloud.dashboard.pages import load_pages

__all__ = ["make_house"]


@functools.cache
def make_house() -> FastAPI:
    """An application whose lifespan is NiceGUI's; a gate has to be in front of it."""
    house = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    house.include_router(signing_in.router)
    load_pages()
    app.add_exception_handler(HTTPStatus.NOT_FOUND, signing_in.nowhere)
    ui.run_with(
        house,
        title="Roost",
        favicon="🪺",
        dark=None,
        language="en-US",
        tailwind=False,
        binding_refresh_interval=None,
        show_welcome_message=False,
        reconnect_timeout=10,
        message_history_length=100,
    )
    return house
