"""Whether a password may be chosen: long enough, and not among those that are tried first.

No rule asks for odd signs, and none for a new password every so often. What is tried first is judged by zxcvbn with
its lists of common passwords, names, words and keyboard patterns: it needs no network, so nothing leaves the server.
"""

from __future__ import annotations

from collections.abc import Collection

SHORTEST = 12  # OWASP ASVS 5.0, 6.2.1 asks for 8 and recommends 15
LONGEST = 128
LOOKED_AT = 72  # characters: zxcvbn's time grows with the square of the length
TELLING = 4  # letters: Al and Ann are in many words
FEWEST_GUESSES = 10**9  # ten times zxcvbn's own bar for what is safe behind a limit on tries
COMMON = "is too easy to guess; use a few unrelated words"


def refusal(password: str, own: Collection[str] = (), near: Collection[str] = ()) -> str | None:
    """Return why this password cannot be chosen, None when it can.

    `own` are the person's names, which it must not hold; `near` are words that someone who knows them would try.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        return f"must have {SHORTEST} to {LONGEST} characters"
    if any(len(word) >= TELLING and word.lower() in password.lower() for word in own):
        return "must not contain your name"
    from zxcvbn import zxcvbn  # noqa: PLC0415  (its lists take a moment to load, and only this needs them)

    found = zxcvbn(password[:LOOKED_AT], user_inputs=[*own, *near])
    return COMMON if found["guesses"] < FEWEST_GUESSES else None
