"""CART_COUPONS is a whole number of coupons that the shop has."""

import pytest

from servers.cart.settings import coupons_considered, coupons_or_exit


@pytest.mark.parametrize(
    ("environment", "coupons"),
    [({}, 6), ({"CART_COUPONS": "0"}, 0), ({"CART_COUPONS": "11"}, 11), ({"CART_COUPONS": "16"}, 16)],
)
def test_good_settings(environment: dict[str, str], coupons: int) -> None:
    assert coupons_considered(environment) == coupons


@pytest.mark.parametrize("text", ["", "17", "-1", "+6", "6.0", " 6", "6\n", "six", "1_0", "100"])
def test_bad_settings(text: str) -> None:
    with pytest.raises(ValueError, match=r"^CART_COUPONS must be a whole number from 0 to 16, not "):
        coupons_considered({"CART_COUPONS": text})


def test_a_bad_setting_ends_the_process_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CART_COUPONS", "many")

    with pytest.raises(SystemExit) as stop:
        coupons_or_exit(2)

    assert stop.value.code == 2
    assert capsys.readouterr().err == "CART_COUPONS must be a whole number from 0 to 16, not 'many'\n"
