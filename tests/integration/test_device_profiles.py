"""`roost-agent check` with the profiles of firmware-config/devices, on bundles where they name them."""

import shutil
from pathlib import Path

import pytest

from tests.support.agent import run_command
from tests.support.bundles import Bundles
from tests.support.tflite_runtime_env import tflite_runtime_python

__all__ = ["tflite_runtime_python"]

DEVICES = Path(__file__).parents[2] / "firmware-config" / "devices"


def installed(profile: str, bundles: Bundles, folder: Path) -> Path:
    """The profile with another state folder, and a bundle wherever it names one."""
    text = (DEVICES / f"{profile}.toml").read_text().replace("/var/lib/roost", str(folder))
    config = folder / "agent.toml"
    config.write_text(text)
    for number in (1, 5, 7, 8):
        shutil.copytree(bundles.sure, folder / "bundles" / f"meter-{number}")
    return config


@pytest.mark.parametrize("profile", ["pi-zero-2w", "pi-4", "pi-5", "x86-gateway"])
def test_a_device_passes_its_check(profile: str, bundles: Bundles, tmp_path: Path) -> None:
    config = installed(profile, bundles, tmp_path)
    checked = run_command("check", "--config", config)
    assert (
        checked.returncode,
        checked.stderr.replace("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n", ""),
    ) == (0, "")
    assert checked.stdout.endswith(f"{config}: ok\n")


def test_a_32_bit_arm_device_passes_its_check_on_the_runtime_it_has(
    bundles: Bundles, tmp_path: Path, tflite_runtime_python: Path
) -> None:
    config = installed("arm32", bundles, tmp_path)
    checked = run_command("check", "--config", config, python=tflite_runtime_python)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.endswith(f"{config}: ok\n")
    elsewhere = run_command("check", "--config", config)
    assert elsewhere.returncode == 1
    assert "meter/primary: refused: device.no_runtime: no runtime for this bundle is installed" in elsewhere.stderr
