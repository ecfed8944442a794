from tests.support.server_fixtures import *  # noqa: F403 - for pytest to find them by name
