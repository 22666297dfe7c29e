from __future__ import annotations

import pytest

from eebus.spine.addresses import is_conformant_device, own_device_address


@pytest.mark.parametrize(
    ("brand", "vendor_number", "address"),
    [
        ("EMS", "", "d:_n:EMS_0123456789"),
        ("My House", "", "d:_n:My-House_0123456789"),
        ("Energy.Works_2", "", "d:_n:Energy-Works-2_0123456789"),
        ("EMS", "98765", "d:_i:98765_EMS-0123456789"),
        ("My House", "98765", "d:_i:98765_My-House-0123456789"),
        ("EMS", "007", "d:_n:EMS_0123456789"),
    ],
)
def test_every_brand_and_number_gives_an_address_we_may_announce(
    brand: str, vendor_number: str, address: str
) -> None:
    assert own_device_address(brand, "0123456789", vendor_number) == address
    assert is_conformant_device(address)
