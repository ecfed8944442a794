"""What pushing a bundle costs beyond its new blobs, when its base is at the registry already."""

import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from roost_cloud.client import ApiClient
from roost_cloud.credentials import Credentials
from roost_cloud.transfer import Registry, push_bundle
from roost_shared.bundle import Bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.manifest import StageName
from roost_shared.bundle.split import split_bundle
from roost_shared.tflite.dense import DenseLayer, write_dense
from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.benches.answer import MODEL
from tests.support.cloud_process import CloudProcess
from tests.support.mosquitto import free_port
from tests.support.proxy import Proxy
from tests.support.served_cloud import bundle_like, sizes_of

GOALS = (Goal("resent_ratio", at_most=0.01),)
COMPARED_WITH = (
    "nothing: absolute; every byte the client sent, counted by a TCP proxy before a real `roost cloud serve`, "
    "less those of blobs that were new, as a share of the whole bundle. "
    "MobileNetV2, split, where the real models are at hand"
)

_FEATURES: Final = 4096


def run(options: Options) -> Result:
    """Push a bundle, then one with another head on the same base."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, second = first_and_refitted(folder, options.data)
        port = free_port()
        with closing(Proxy(port)) as proxy:
            url = f"http://127.0.0.1:{proxy.port}"
            with CloudProcess(folder / "cloud", "--listen", f"127.0.0.1:{port}", "--public-url", url) as cloud:
                cloud.start()
                return _measure(proxy, Registry(_tenant(cloud, url)), first, second)


def first_and_refitted(folder: Path, data: Path | None) -> tuple[Bundle, Bundle]:
    """A bundle of base and head, and one whose head was refitted: another blob of the same size."""
    first = _photos(folder, data) if data else _made(folder)
    head = bytearray(first.stage_path("head").read_bytes())
    head[len(head) // 2] ^= 1
    return first, bundle_like(first, folder / "second", version="2-refitted", model=bytes(head))


def _measure(proxy: Proxy, registry: Registry, first: Bundle, second: Bundle) -> Result:
    push_bundle(registry, first.folder)
    before_bytes = proxy.sent_bytes
    begun = time.monotonic()
    pushed = push_bundle(registry, second.folder)
    took_s = time.monotonic() - begun
    sent_bytes = proxy.sent_bytes - before_bytes
    sizes = sizes_of(second)
    new_bytes = sum(size for digest, size in sizes.items() if digest not in sizes_of(first))
    if pushed.sent_bytes != new_bytes:
        raise RuntimeError(f"{pushed.sent_bytes} bytes of blobs were sent, and {new_bytes} were new")
    return {
        "resent_ratio": (sent_bytes - new_bytes) / sum(sizes.values()),
        "bundle_bytes": sum(sizes.values()),
        "new_blob_bytes": new_bytes,
        "sent_bytes": sent_bytes,
        "push_s": took_s,
    }


def _tenant(cloud: CloudProcess, url: str) -> ApiClient:
    """A new tenant's admin, who goes by the proxy."""
    answer = cloud.client().call("POST", "/tenants", dict, body={"name": "acme"})
    return ApiClient(Credentials(url=url, token=str(answer["admin_token"]["token"])))


def _photos(folder: Path, data: Path) -> Bundle:
    labels = (data / "models" / "imagenet_labels.txt").read_text().splitlines()
    model = (data / "models" / MODEL).read_bytes()
    whole = build_bundle({"model": model}, folder / "whole", name="photos", version="1", labels=labels).bundle
    return split_bundle(whole, folder / "first").bundle


def _made(folder: Path) -> Bundle:
    """A base of 4 MiB and a small head."""
    random = np.random.default_rng(7)
    width = 256
    base = DenseLayer(random.normal(size=(width, _FEATURES)), np.zeros(_FEATURES), "relu")
    head = DenseLayer(random.normal(size=(_FEATURES, 10)), np.zeros(10), "softmax")
    models: dict[StageName, bytes] = {
        "base": write_dense([base], input_shape=(1, width), output_name="features"),
        "head": write_dense([head], input_shape=(1, _FEATURES), input_name="features"),
    }
    labels = [str(digit) for digit in range(10)]
    return build_bundle(models, folder / "first", name="made", version="1", labels=labels).bundle
