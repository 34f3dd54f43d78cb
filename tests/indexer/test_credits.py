import pytest

from indexer.credits import known, spdx
from indexer.errors import CreditsError


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("cc0", "CC0-1.0"),
        ("CC0 1.0 Universal", "CC0-1.0"),
        ("Creative Commons 0", "CC0-1.0"),
        ("CC0-1.0", "CC0-1.0"),
        ("by", "CC-BY-4.0"),
        ("by 3.0", "CC-BY-3.0"),
        ("CC BY 4.0", "CC-BY-4.0"),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0"),
        ("CC_BY_SA_4.0", "CC-BY-SA-4.0"),
        ("Attribution", "CC-BY-4.0"),
        ("Attribution NonCommercial", "CC-BY-NC-4.0"),
        ("Creative Commons Attribution-ShareAlike 3.0 Unported", "CC-BY-SA-3.0"),
        ("http://creativecommons.org/licenses/by-nc/3.0/", "CC-BY-NC-3.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("licensed under https://creativecommons.org/licenses/sampling+/1.0/ by X",
         "LicenseRef-Sampling-Plus-1.0"),
        ("public domain", "CC-PDM-1.0"),
        ("sampling+", "LicenseRef-Sampling-Plus-1.0"),
        ("MIT", "MIT"),
        (" Vendor EULA ", "Vendor EULA"),
        ("written by me", "written by me"),
        ("", ""),
    ],
)  # fmt: skip
def test_licences_as_people_write_them(said: str, meant: str) -> None:
    assert spdx(said) == meant


@pytest.mark.parametrize("licence", ["CC0-1.0", "CC-BY-NC-ND-4.0", "CC-PDM-1.0", "Apache-2.0"])
def test_an_spdx_id_stays_itself(licence: str) -> None:
    assert spdx(licence) == licence


@pytest.mark.parametrize(
    ("said", "meant"),
    [("cc0", "CC0-1.0"), ("Apache-2.0", "Apache-2.0"), ("LicenseRef-Vendor", "LicenseRef-Vendor"),
     ("MIT", "MIT"), ("unknown", "")],
)  # fmt: skip
def test_a_licence_that_is_one(said: str, meant: str) -> None:
    assert known(said) == meant


@pytest.mark.parametrize("said", ["banana", "CCO", "", "my own words"])
def test_a_licence_that_is_none_is_refused_in_words(said: str) -> None:
    with pytest.raises(CreditsError, match="is no licence known here"):
        known(said)
