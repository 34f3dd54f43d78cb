import pytest

from indexer.catalog.question import meaning_of


@pytest.mark.parametrize(
    ("question", "words", "strict"),
    [
        ("a horse galloping", "a horse galloping", False),
        ("horse", "horse", False),
        ("", "", False),
        ("door AND creak", "door creak", True),
        ("door NOT creak", "door", True),
        ("door -creak", "door", True),
        ('"door creak" wood', "door creak wood", True),
        ("rain OR storm", "rain storm", True),
        ("pack:night rain", "rain", True),
        ("hors*", "", True),
        ("licence:CC0-1.0", "", True),
        ("(dog OR wolf) howl", "dog wolf howl", True),
    ],
)
def test_what_a_model_is_asked(question: str, words: str, strict: bool) -> None:
    assert meaning_of(question) == (words, strict)
