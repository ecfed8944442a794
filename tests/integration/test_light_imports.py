import subprocess
import sys

import pytest

LIGHT = ["bundle", "limits", "phi", "phi.budget", "scored", "sketches"]


@pytest.mark.parametrize("module", [f"roost_shared.{name}" for name in LIGHT])
def test_what_the_agent_imports_is_light(module: str) -> None:
    heavy = ["numpy", "PIL", "ai_edge_litert", "asyncio", "tempfile"]
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_agent_s_own_process_loads_nothing_of_enrolment_s() -> None:
    heavy = ["cryptography", "urllib3", "tuf", "securesystemslib", "numpy", "PIL", "asyncio", "structlog"]
    code = f"import sys, roost_edge.agent; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_worker_loads_no_more_than_it_runs() -> None:
    heavy = ["scipy", "sklearn", "asyncio", "tempfile", "importlib.metadata", "rich", "typer"]
    heavy += ["PIL.WebPImagePlugin", "PIL.GifImagePlugin", "PIL.TiffImagePlugin", "ai_edge_litert"]
    code = f"import sys, roost_shared.pipeline; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_agent_without_http_loads_none_of_it() -> None:
    code = "import sys, roost_edge.agent; print([name for name in ('h11', 'roost_edge.http') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_taking_inputs_by_http_is_light() -> None:
    heavy = ["numpy", "PIL", "ai_edge_litert", "asyncio", "tempfile", "http.server"]
    code = f"import sys, roost_edge.intake.http; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_operators_command_loads_tuf_for_trust_alone() -> None:
    heavy = ["tuf", "securesystemslib", "boto3", "cryptography", "sqlalchemy"]
    code = f"import sys, roost_cloud.__main__; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_server_loads_pillow_runtimes_and_pages_when_somebody_first_asks() -> None:
    heavy = ["PIL", "onnxruntime", "ai_edge_litert", "ai_edge_quantizer", "scipy", "torch", "nicegui"]
    code = f"import sys, roost_cloud.serve; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
