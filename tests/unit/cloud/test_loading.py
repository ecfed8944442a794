import gc
import sys

import pytest

from roost_cloud.loading import loading


def import_tabnanny() -> object:
    import tabnanny  # noqa: PLC0415 - what nobody else here loads

    return tabnanny


def test_what_is_hidden_is_away_inside_and_there_afterwards() -> None:
    sys.modules.pop("tabnanny", None)
    with loading(without=["tabnanny"]), pytest.raises(ImportError):
        import_tabnanny()
    assert import_tabnanny()


def test_what_is_loaded_already_stays() -> None:
    with loading(without=["sys"]):
        assert sys.modules["sys"] is sys
    assert sys.modules["sys"] is sys


def test_the_collector_rests_inside_alone_and_also_after_a_failure() -> None:
    def fail() -> None:
        with loading(without=["tabnanny"]):
            assert not gc.isenabled()
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert gc.isenabled()
