"""Numbers with their words."""

from facedeblur.benchmark.words import many, word


def test_one_is_singular_and_everything_else_plural():
    assert [many(count, "pair") for count in (0, 1, 2, 8000)] == ["0 pairs", "1 pair", "2 pairs", "8,000 pairs"]
    assert [many(count, "identity", "identities") for count in (1, 3)] == ["1 identity", "3 identities"]
    assert [word(count, "is", "are") for count in (1, 2)] == ["is", "are"]
