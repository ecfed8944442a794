"""By which of its keys the cloud signs assignments."""

from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Targets

from roost_cloud.assignments.signing import signers
from roost_cloud.trust import drafts
from roost_cloud.trust.errors import TrustDamagedError
from roost_cloud.trust.online_keys import OnlineKeys
from roost_shared.trust import NoAssignmentKeyError
from roost_shared.trust.names import ASSIGNMENTS
from tests.support.tuf_repository import DAY, NOW

EXPIRES = NOW + 365 * DAY


@pytest.fixture
def keys(tmp_path: Path) -> OnlineKeys:
    return OnlineKeys(tmp_path, "acme")


def next_key(keys: OnlineKeys) -> CryptoSigner:
    return keys.newest(ASSIGNMENTS, {one.public_key.keyid for one in keys.signers(ASSIGNMENTS)}, anew=True)


def naming(*named: CryptoSigner, threshold: int = 1) -> Targets:
    publics = [one.public_key for one in named]
    return drafts.assigning(drafts.first_targets(EXPIRES), publics, threshold=threshold, expires=EXPIRES)


def ids(found: object) -> list[str]:
    return [one.public_key.keyid for one in found]  # type: ignore[attr-defined]


def test_those_that_targets_name_sign_and_the_newest_which_the_next_may_name(keys: OnlineKeys) -> None:
    first = next_key(keys)
    assert ids(signers(keys, naming(first))) == ids([first])
    second, third = next_key(keys), next_key(keys)
    assert ids(signers(keys, naming(first))) == ids([first, third])
    assert ids(signers(keys, naming(second))) == ids([second, third])
    assert ids(signers(keys, naming(third))) == ids([third]), "those that were replaced sign nothing any more"
    assert ids(signers(keys, naming(first, second, threshold=2))) == ids([first, second, third])


def test_nobody_signs_what_nobody_would_believe(keys: OnlineKeys, tmp_path: Path) -> None:
    first, second = next_key(keys), next_key(keys)
    with pytest.raises(NoAssignmentKeyError):
        signers(keys, drafts.first_targets(EXPIRES))
    (tmp_path / "trust" / "acme" / "assignments-2.pem").unlink()
    with pytest.raises(TrustDamagedError, match="restore secrets_dir"):
        signers(keys, naming(second))
    with pytest.raises(TrustDamagedError, match="restore secrets_dir"):
        signers(keys, naming(first, second, threshold=2))
