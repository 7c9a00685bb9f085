import pytest

from config import MailServer
from scheduler.notify.faults import DeliveryPhase, SendFault, Verdict
from scheduler.notify.smtp import Connection, Envelope
from tests.smtp_server import HANG_UP, SILENCE, Script, smtp_server

CONTENT = b"Subject: hello\r\n\r\nfirst\r\n.second\r\n..third\r\n"


def send(script, recipient="nora@example.org", final_wait=5, content=CONTENT):
    with smtp_server(script) as port:
        connection = Connection(MailServer("127.0.0.1", port, "plain"), final_wait)
        try:
            connection.offer(Envelope("clinic@example.org", recipient))
            return connection.deliver(content)
        finally:
            connection.close()


def fault_of(script, recipient="nora@example.org"):
    with pytest.raises(SendFault) as caught:
        send(script, recipient, final_wait=1)
    return caught.value.phase, caught.value.verdict


def test_a_mail_arrives_byte_for_byte():
    script = Script()

    assert send(script) == "250 2.0.0 queued"
    assert [(one.sender, one.recipient, one.content) for one in script.accepted] == [
        ("clinic@example.org", "nora@example.org", CONTENT)
    ]


def test_one_connection_takes_one_mail_after_another():
    script = Script()
    with smtp_server(script) as port:
        connection = Connection(MailServer("127.0.0.1", port, "plain"), 5)
        for name in ("a", "b", "c"):
            connection.offer(Envelope("clinic@example.org", f"{name}@example.org"))
            connection.deliver(CONTENT)
        connection.close()

    assert [one.recipient for one in script.accepted] == ["a@example.org", "b@example.org", "c@example.org"]


def test_an_offer_that_came_to_nothing_does_not_spoil_the_next():
    script = Script({"gone": ("rcpt", b"550 5.1.1 no such user")})
    with smtp_server(script) as port:
        connection = Connection(MailServer("127.0.0.1", port, "plain"), 5)
        with pytest.raises(SendFault):
            connection.offer(Envelope("clinic@example.org", "gone@example.org"))
        connection.offer(Envelope("clinic@example.org", "nora@example.org"))
        connection.deliver(CONTENT)
        connection.close()

    assert [one.recipient for one in script.accepted] == ["nora@example.org"]


@pytest.mark.parametrize(
    ("step", "reply", "phase", "verdict"),
    [
        ("mail", b"451 4.3.0 trouble", DeliveryPhase.SENDER, Verdict.CHANNEL),
        ("mail", b"550 5.7.1 you may not send", DeliveryPhase.SENDER, Verdict.PAUSE),
        ("mail", HANG_UP, DeliveryPhase.SENDER, Verdict.CHANNEL),
        ("rcpt", b"421 4.3.2 shutting down", DeliveryPhase.RECIPIENT, Verdict.CHANNEL),
        ("rcpt", b"451 4.7.1 greylisted", DeliveryPhase.RECIPIENT, Verdict.RETRY),
        ("rcpt", b"550 5.1.1 no such user", DeliveryPhase.RECIPIENT, Verdict.BAD_ADDRESS),
        ("rcpt", b"550 no such user", DeliveryPhase.RECIPIENT, Verdict.BAD_ADDRESS),
        ("rcpt", b"552 5.2.2 mailbox full", DeliveryPhase.RECIPIENT, Verdict.RETRY),
        ("rcpt", b"554 5.7.1 spam", DeliveryPhase.RECIPIENT, Verdict.REFUSED),
        ("rcpt", HANG_UP, DeliveryPhase.RECIPIENT, Verdict.RETRY),
        ("data", b"451 4.3.0 trouble", DeliveryPhase.DATA, Verdict.RETRY),
        ("data", b"554 5.5.0 no", DeliveryPhase.DATA, Verdict.RETRY),
        ("data", HANG_UP, DeliveryPhase.DATA, Verdict.RETRY),
        ("content", b"451 4.3.0 disk full", DeliveryPhase.CONTENT, Verdict.RETRY),
        ("content", b"554 5.6.0 bad content", DeliveryPhase.CONTENT, Verdict.REFUSED),
        ("content", b"nonsense", DeliveryPhase.CONTENT, Verdict.UNCLEAR),
        ("content", HANG_UP, DeliveryPhase.CONTENT, Verdict.UNCLEAR),
        ("content", SILENCE, DeliveryPhase.CONTENT, Verdict.UNCLEAR),
    ],
)
def test_every_failure_is_classed_by_its_phase(step, reply, phase, verdict):
    plan = {"nora": (step, reply), "": (step, reply)} if step == "mail" else {"nora": (step, reply)}

    assert fault_of(Script(plan)) == (phase, verdict)


def test_a_server_that_is_not_there_is_the_channels_trouble():
    with smtp_server(Script()) as port:
        pass
    with pytest.raises(SendFault) as caught:
        Connection(MailServer("127.0.0.1", port, "plain"), 5)

    assert (caught.value.phase, caught.value.verdict) == (DeliveryPhase.CONNECT, Verdict.CHANNEL)


def test_a_server_without_starttls_gets_nothing():
    with smtp_server(Script()) as port, pytest.raises(SendFault) as caught:
        Connection(MailServer("127.0.0.1", port, "starttls", "user", "pass"), 5)

    assert (caught.value.phase, caught.value.verdict) == (DeliveryPhase.TLS, Verdict.PAUSE)


def test_a_fault_tells_no_address():
    fault = SendFault(
        DeliveryPhase.RECIPIENT, Verdict.BAD_ADDRESS, 550, "5.1.1 <nora@example.org>: unknown\r\nuser"
    )

    assert str(fault) == "recipient: 550 5.1.1 <<address>>: unknown user"
