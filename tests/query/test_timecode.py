"""Laws of timecode: every frame has a name of its own, and names that were left out are refused."""

from fractions import Fraction

import pytest

from indexer.errors import PictureError
from query import timecode

NTSC = {name: Fraction(nominal * 1000, 1001) for name, nominal in
        (("23.976", 24), ("29.97", 30), ("47.952", 48), ("59.94", 60))}  # fmt: skip
WHOLE = [Fraction(rate) for rate in (24, 25, 30, 48, 50, 60)]


def test_the_rates_are_those_of_film_and_television_and_no_others():
    assert sorted(timecode.RATES) == sorted([*WHOLE, *NTSC.values()])
    assert [timecode.named(rate) for rate in timecode.RATES] == [
        "23.976", "24", "25", "29.97", "30", "47.952", "48", "50", "59.94", "60",
    ]  # fmt: skip
    assert [timecode.nominal(rate) for rate in timecode.RATES] == [
        24, 24, 25, 30, 30, 48, 48, 50, 60, 60,
    ]  # fmt: skip
    assert not timecode.supported(Fraction(15))
    assert not timecode.supported(Fraction(2997, 100))


@pytest.mark.parametrize("rate", timecode.RATES, ids=timecode.named)
def test_the_name_of_every_frame_around_each_minute_leads_back_to_it(rate):
    minute = 60 * timecode.nominal(rate)
    for frame in (minute * m + near for m in range(1440) for near in (-1, 0, 1)):
        if frame >= 0:
            assert timecode.parse(timecode.spell(frame, rate), rate) == frame


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "minutes"), [(NTSC["29.97"], 60), (NTSC["59.94"], 20)])
def test_drop_frame_names_every_frame_in_order_and_leaves_out_the_right_numbers(rate, minutes):
    count, dropped = timecode.nominal(rate), timecode.DROPPED[rate]
    frames = 60 * minutes * count - (minutes - minutes // 10) * dropped
    names = [timecode.spell(frame, rate, True) for frame in range(frames)]
    assert [timecode.parse(name, rate) for name in names] == list(range(frames))
    left_out = {f"00:{m:02}:00;{f:02}" for m in range(minutes) if m % 10 for f in range(dropped)}
    every = [
        f"00:{m:02}:{s:02};{f:02}" for m in range(minutes) for s in range(60) for f in range(count)
    ]
    assert names == [name for name in every if name not in left_out]
    for name in left_out:
        with pytest.raises(PictureError, match="names no frame"):
            timecode.parse(name, rate)
    assert timecode.parse(timecode.spell(frames, rate, True), rate) == frames


def test_an_hour_of_drop_frame_is_an_hour_and_one_of_23_976_is_3_6_seconds_longer():
    rate = NTSC["29.97"]
    assert abs(timecode.parse("01:00:00;00", rate) / rate - 3600) < Fraction(1, 250)
    assert timecode.parse("01:00:00:00", rate) - timecode.parse("01:00:00;00", rate) == 108
    rate = NTSC["23.976"]
    assert timecode.parse("01:00:00:00", rate) / rate == Fraction("3603.6")


@pytest.mark.parametrize(
    ("name", "frame", "rate"),
    [
        ("00:01:00;02", 1800, NTSC["29.97"]),
        ("00:10:00;00", 17982, NTSC["29.97"]),
        ("10:00:00;00", 1078920, NTSC["29.97"]),
        ("00:01:00;04", 3600, NTSC["59.94"]),
        ("01:00:00;00", 215784, NTSC["59.94"]),
        ("10:00:00:00", 900000, Fraction(25)),
        ("01:00:00:23", 86423, NTSC["23.976"]),
    ],
)
def test_known_timecodes(name, frame, rate):
    assert timecode.parse(name, rate) == frame
    assert timecode.spell(frame, rate, ";" in name) == name


def test_a_film_numbered_with_drop_frame_is_so_however_it_is_written():
    rate = NTSC["29.97"]
    assert timecode.parse("00:10:00:00", rate, drop=True) == 17982
    assert timecode.parse("00;10;00;00", rate) == 17982
    assert timecode.parse("00:10:00:00", rate) == 18000


def test_the_day_begins_anew():
    for rate, drop in ((Fraction(25), False), (NTSC["29.97"], True)):
        last = timecode.parse(f"23:59:59{';' if drop else ':'}24", rate)
        rest = timecode.nominal(rate) - 24
        assert timecode.spell(last + rest, rate, drop) == f"00:00:00{';' if drop else ':'}00"
        assert timecode.spell(-rest, rate, drop) == timecode.spell(last, rate, drop)


def test_rates_that_editors_do_not_know_are_numbered_too():
    for rate, name in ((Fraction(15), "00:00:01:05"), (Fraction(120), "00:00:00:020")):
        assert timecode.spell(20, rate) == name
        assert timecode.parse(name, rate) == 20
    assert timecode.spell(3, Fraction(1, 4)) == "00:00:03:00"


@pytest.mark.parametrize(
    ("text", "rate", "said"),
    [
        ("12.5", 25, "not a timecode: write HH:MM:SS:FF"),
        ("00:00:01", 25, "not a timecode: write HH:MM:SS:FF"),
        ("-1:00:00:00", 25, "not a timecode"),
        ("24:00:00:00", 25, "ends at 23:59:59"),
        ("00:60:00:00", 25, "ends at 23:59:59"),
        ("00:00:60:00", 25, "ends at 23:59:59"),
        ("00:00:00:25", 25, "from 00 to 24"),
        ("00:00:00;10", 25, "no drop-frame timecode .* at 25 "),
        ("00:00:00;10", Fraction(24000, 1001), "at 23.976 .* write it with : alone"),
        ("01:01:00;01", NTSC["29.97"], "from 01:00:59;29 to 01:01:00;02"),
        ("01:01:00;03", NTSC["59.94"], "from 01:00:59;59 to 01:01:00;04"),
    ],
)
def test_what_names_no_frame_is_refused_in_a_sentence(text, rate, said):
    with pytest.raises(PictureError, match=said):
        timecode.parse(text, Fraction(rate))


def test_there_is_no_name_with_drop_frame_at_other_rates():
    with pytest.raises(PictureError, match="no drop-frame"):
        timecode.spell(0, Fraction(25), drop=True)
