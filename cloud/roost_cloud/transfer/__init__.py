"""Bundles between a folder and a cloud's registry: `push_bundle` and `pull_bundle`.

Both may be killed at any moment and repeated: what arrived is not sent again. To push nothing is remembered here, the
registry knows which parts it has; a pull leaves `.part` files beside its goal and goes on with them.

`push` and `pull`, by `registry` (the API's part of it) and `signed_urls` (bytes; into a file: `download`). `patience`
tries again, `progress` tells how far it is.
"""

from roost_cloud.transfer.progress import Progress
from roost_cloud.transfer.pull import Pulled, pull_bundle
from roost_cloud.transfer.push import Pushed, push_bundle
from roost_cloud.transfer.registry import Registry

__all__ = ["Progress", "Pulled", "Pushed", "Registry", "pull_bundle", "push_bundle"]
