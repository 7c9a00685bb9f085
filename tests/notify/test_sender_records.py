"""SPF, DKIM and DMARC of a sender's domain, asked of a name server."""

import pytest

from config import DkimKey
from scheduler.notify.sender_records import (
    CheckState,
    Dns,
    check_records,
    dmarc_of,
    is_aligned,
    public_record,
)
from tests.dns_server import SERVFAIL, dns_server, txt
from tests.rsa_keys import rsa_pem

DOMAIN = "clinic.example"
OK, WARNING, FAULT = CheckState.OK, CheckState.WARNING, CheckState.FAULT
GOOD = {
    (DOMAIN, "MX"): ["10 mx.clinic.example."],
    (DOMAIN, "TXT"): [txt("v=spf1 include:relay.example -all"), txt("another=record")],
    ("relay.example", "TXT"): [txt("v=spf1 ip4:192.0.2.0/24 ~all")],
    (f"_dmarc.{DOMAIN}", "TXT"): [txt("v=DMARC1; p=quarantine; rua=mailto:a@clinic.example")],
}


@pytest.fixture(scope="module")
def key():
    return DkimKey(DOMAIN, "seriate", rsa_pem())


def found(changes, key=None, domain=DOMAIN):
    with dns_server({**GOOD, **changes}) as server:
        return {one.name: one for one in check_records(Dns(server), domain, key)}


def spf(*records):
    return found({(DOMAIN, "TXT"): [txt(one) for one in records]})["SPF"]


def test_a_domain_that_publishes_all_is_right(key):
    name = f"seriate._domainkey.{DOMAIN}"
    checks = found({(name, "TXT"): [txt(public_record(key))]}, key)

    assert {name: one.state for name, one in checks.items()} == dict.fromkeys(
        ("MX", "SPF", "DKIM key", "DMARC"), OK
    )


@pytest.mark.parametrize(
    ("records", "state", "words"),
    [
        ([], FAULT, "has no SPF record. Publish a TXT record"),
        (["v=spf10 -all"], FAULT, "has no SPF record"),
        (["v=spf1 -all", "v=spf1 mx -all"], FAULT, "2 SPF records"),
        (["v=spf1 +all"], FAULT, "lets every server send"),
        (["v=spf1 mx all"], FAULT, "lets every server send"),
        (["v=spf1 mx ?all"], WARNING, "forbids no server"),
        (["v=spf1 mx"], WARNING, "forbids no server"),
        (["v=spf1 include:nowhere.example -all"], FAULT, "nowhere.example, which has none"),
        (["v=spf1 ip5:192.0.2.1 -all"], FAULT, "cannot read: ip5:192.0.2.1"),
        (["v=spf1 " + "a:a.example " * 11 + "-all"], FAULT, "needs 11 look-ups"),
        (["v=spf1 a:a.example mx/24 ip6:2001:db8::/32 exp=why.example -ALL"], OK, ""),
        (["v=spf1 redirect=relay.example"], OK, ""),
    ],
)
def test_a_bad_spf_record_is_named_with_what_to_do(records, state, words):
    check = spf(*records)

    assert (check.state, words in check.words) == (state, True), check


def test_the_look_ups_of_included_records_count():
    included = txt("v=spf1 " + "a:a.example " * 10 + "-all")

    check = found({("relay.example", "TXT"): [included]})["SPF"]
    assert (check.state, "needs 11 look-ups" in check.words) == (FAULT, True)


def test_records_that_include_one_another_end():
    check = found({("relay.example", "TXT"): [txt(f"v=spf1 include:{DOMAIN} -all")]})["SPF"]

    assert check.state is OK


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (None, 'holds no key. Publish a TXT record there: "v=DKIM1; k=rsa; p='),
        ("v=DKIM1; k=rsa; p=", "holds no key"),
        ("v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ==", "holds another key"),
    ],
)
def test_a_key_that_is_not_published_is_written_out(key, record, words):
    name = f"seriate._domainkey.{DOMAIN}"
    check = found({(name, "TXT"): [txt(record)]} if record else {}, key)["DKIM key"]

    assert (check.state, words in check.words) == (FAULT, True), check


@pytest.mark.parametrize(
    ("records", "state", "words"),
    [
        ([], FAULT, "has no DMARC record. Publish a TXT record"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], FAULT, "2 DMARC records"),
        (["v=DMARC1; rua=mailto:a@clinic.example"], FAULT, "has no policy"),
        (["v=DMARC1; p=none"], OK, "only report"),
        (["v=DMARC1;p=reject"], OK, "p=reject"),
    ],
)
def test_a_dmarc_record(records, state, words):
    check = found({(f"_dmarc.{DOMAIN}", "TXT"): [txt(one) for one in records]})["DMARC"]

    assert (check.state, words in check.words) == (state, True), check


def test_a_domain_below_takes_the_record_above_with_its_own_policy():
    records = {**GOOD, (f"_dmarc.{DOMAIN}", "TXT"): [txt("v=DMARC1; p=reject; sp=none; adkim=s")]}
    with dns_server(records) as server:
        dmarc = dmarc_of(Dns(server), f"mail.{DOMAIN}")

    assert (dmarc.domain, dmarc.policy, dmarc.strict_dkim, dmarc.strict_spf) == (DOMAIN, "none", True, False)


def test_a_strict_domain_is_signed_for_by_itself_alone(key):
    below = f"mail.{DOMAIN}"
    records = {
        (f"seriate._domainkey.{DOMAIN}", "TXT"): [txt(public_record(key))],
        (f"_dmarc.{DOMAIN}", "TXT"): [txt("v=DMARC1; p=reject; adkim=s")],
    }
    check = found(records, key, below)["DKIM key"]

    assert (check.state, f"DKIM_DOMAIN={below}" in check.words) == (FAULT, True)


@pytest.mark.parametrize(
    ("other", "strict", "aligned"),
    [
        (DOMAIN, True, True),
        (f"mail.{DOMAIN}", True, False),
        (f"mail.{DOMAIN}.", False, True),
        ("relay.example", False, False),
        (f"not{DOMAIN}", False, False),
    ],
)
def test_alignment(other, strict, aligned):
    assert is_aligned(other, DOMAIN, None, strict=strict) is aligned


def test_a_domain_may_be_signed_for_by_the_one_above_it():
    assert is_aligned(DOMAIN, f"mail.{DOMAIN}", None, strict=False)


def test_a_domain_that_takes_no_mail():
    assert found({(DOMAIN, "MX"): ["0 ."]})["MX"].state is FAULT
    assert found({(DOMAIN, "MX"): []})["MX"].state is FAULT
    assert found({(DOMAIN, "MX"): [], (DOMAIN, "A"): ["192.0.2.1"]})["MX"].state is WARNING


def test_a_name_server_in_trouble_is_no_missing_record():
    check = found({(DOMAIN, "TXT"): [SERVFAIL]})["SPF"]

    assert (check.state, check.words) == (FAULT, f"No answer about {DOMAIN}: NoNameservers.")
