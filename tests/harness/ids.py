"""Ids that a test makes by itself."""

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(ms, number):
    """As engine/id.h has it, with a number of up to 80 bits where the hash would be."""
    value, digits = (ms << 80) | number, ""
    for _ in range(26):
        digits = DIGITS[value & 31] + digits
        value >>= 5
    return digits
