#include "unit.h"
#include "tls/mac.h"

/* RFC 4231, section 4.3, its key with zeros behind it: HMAC pads a key with them. */
UNIT_TEST(the_standards_own_case)
{
    static const unsigned char key[MAC_KEY_BYTES] = "Jefe", wanted[MAC_BYTES] = {
        0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
        0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
    };
    unsigned char mac[MAC_BYTES];
    assert_int_equal(mac_sign(key, SPAN("what do ya want for nothing?"), mac), 0);
    assert_true(mac_is_equal(mac, wanted));
    mac[MAC_BYTES - 1] ^= 1;
    assert_false(mac_is_equal(mac, wanted));
}

UNIT_MAIN(the_standards_own_case)
