"""What an access list of Windows says, with lists as Windows writes them."""

from __future__ import annotations

import pytest

from steelyard.machine.access_lists import others, wanted

ME = "S-1-5-21-1004336348-1177238915-682003330-1001"
MINE = f"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;{ME})"


def test_the_wanted_list_lets_nobody_else_in() -> None:
    assert wanted(ME) == MINE
    assert others(wanted(ME), MINE) == []


@pytest.mark.parametrize(
    "found",
    [
        # Below a private folder; %LOCALAPPDATA%; made by Python's mkdir with mode 0700; a deny entry.
        f"D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;FA;;;{ME})",
        f"D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;{ME})(A;OICIIOID;GA;;;CO)",
        "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)",
        f"D:P(D;OICI;FA;;;WD)(A;OICI;FA;;;{ME})",
        "D:P",
    ],
)
def test_a_private_folder(found: str) -> None:
    assert others(found, MINE) == []


@pytest.mark.parametrize(
    ("found", "who"),
    [
        # What a new folder on a second disk has.
        (
            "D:AI(A;ID;FA;;;BA)(A;OICIIOID;GA;;;BA)(A;ID;FA;;;SY)(A;OICIIOID;GA;;;SY)(A;ID;0x1301bf;;;AU)"
            "(A;OICIIOID;SDGXGWGR;;;AU)(A;ID;0x1200a9;;;BU)(A;OICIIOID;GXGR;;;BU)",
            ["Authenticated Users", "Users"],
        ),
        (f"D:P(A;OICI;FA;;;{ME})(A;;0x1200a9;;;WD)", ["Everyone"]),
        (f"D:P(A;;FA;;;{ME})(A;;FR;;;{ME[:-1]}2)", [ME[:-1] + "2"]),
        (f'D:(XA;;FX;;;BU;(@User.Title=="PM" && (Member_of {{SID(BA)}})))(A;;FA;;;{ME})', ["Users"]),
        ("D:NO_ACCESS_CONTROL", ["Everyone"]),
        ("", ["Everyone"]),
    ],
)
def test_a_folder_that_lets_others_in(found: str, who: list[str]) -> None:
    assert others(found, MINE) == who


def test_windows_may_have_a_short_name_for_the_owner() -> None:
    assert others("D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;LA)", "D:P(A;OICI;FA;;;BA)(A;OICI;FA;;;LA)") == ["SY"]
