from scheduler.ical.texts import initials, kind, line


def test_one_line_of_what_a_calendar_can_hold():
    assert line("a\r\nb\u2028c\vd\x85e") == "a b c d e"
    assert line("\ufeffa\x00\x07\u202e\u2066b\ud800 ") == "ab"


def test_names_of_all_scripts_stay_as_they_are():
    names = ["Ñandú Élodie", "王小明", "नरेन्द्र", "יעל כהן", "Ş\u200dö", "👩\u200d⚕️"]

    assert [line(name) for name in names] == names


def test_initials_and_the_beginning_of_the_id():
    assert initials("ana", "Brandt", "7f3kq2hh00000000") == "A. B. 7f3k"
    assert initials("王", "", "7f3kq2hh00000000") == "王. 7f3k"
    assert initials("", "\x00", "7f3kq2hh00000000") == "7f3k"


def test_a_visit_of_a_series_says_which_it_is():
    assert kind("Infusion", 3, 6) == "Infusion 3/6"
    assert kind("Consultation", None, None) == "Consultation"
