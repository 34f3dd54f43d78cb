import pytest

from query.ranking import collapse, fuse_ranks


def test_collapse_keeps_the_first_of_each_group() -> None:
    groups = {1: "a", 2: "a", 3: "", 4: "b", 5: ""}
    assert collapse([2, 1, 3, 4, 5], groups, 10) == [2, 3, 4, 5]


def test_collapse_stops_at_k() -> None:
    assert collapse([1, 2, 3], {}, 2) == [1, 2]


def test_first_in_every_list_scores_one() -> None:
    assert fuse_ranks([[7, 8], [7, 9]])[7] == pytest.approx(1.0)


def test_fused_by_hand() -> None:
    # 61/61 halved; (61/62) halved
    assert fuse_ranks([[1, 2], [2, 1]]) == pytest.approx(
        {1: (1 + 61 / 62) / 2, 2: (1 + 61 / 62) / 2}
    )


def test_ties_go_to_the_smaller_id_and_both_lists_beat_one() -> None:
    assert list(fuse_ranks([[5, 3], [3, 5]])) == [3, 5]
    assert next(iter(fuse_ranks([[1, 2], [2]]))) == 2


def test_one_list_keeps_its_order() -> None:
    assert list(fuse_ranks([[4, 2, 9]])) == [4, 2, 9]
