"""A throw-away certificate authority, by the openssl command line."""

import subprocess
from pathlib import Path

__all__ = ["Authority"]


class Authority:
    """Signs certificates for tests; all files lie in `folder`.

    Attributes:
        cafile: its own certificate (PEM).
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self.cafile = folder / f"{name}.pem"
        self._openssl("req", "-x509", "-out", str(self.cafile), "-keyout", f"{name}.key", "-subj", f"/CN={name}")

    def issue(self, name: str, common_name: str, *, days: int = 1) -> tuple[Path, Path]:
        """A certificate for `common_name` and its key, also good for a server at localhost."""
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        subject = "/CN=" + common_name.replace("/", "\\/")
        self._openssl(
            "req", "-x509", "-out", str(certificate), "-keyout", str(key), "-subj", subject, "-days", str(days),
            "-CA", str(self.cafile), "-CAkey", f"{self._name}.key", "-addext", "subjectAltName=DNS:localhost",
            "-addext", "basicConstraints=critical,CA:FALSE",
        )  # fmt: skip
        return certificate, key

    def _openssl(self, *arguments: str) -> None:
        common = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        subprocess.run(["openssl", *arguments, *common], cwd=self._folder, check=True, capture_output=True)
