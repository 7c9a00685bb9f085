"""Invitations to a clinic. A person with an account accepts or declines; a new one chooses a password by the mail.

Until the invitation is accepted the clinic sees the address and name that its admin typed, and nothing of the account:
not whether there was one, nor its second factor, name or sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from itsdangerous import BadSignature
from sqlalchemy.orm import Session

from scheduler.domain.text import BadText, clean_email, clean_line
from scheduler.errors import Invalid, LinkOver, NotFound, WrongStatus
from scheduler.models import invitation as invitations
from scheduler.models import practitioner as practitioners
from scheduler.models import user as users
from scheduler.models.clinic import Clinic
from scheduler.models.invitation import Invitation, InvitationOutcome
from scheduler.models.message import MessageKind
from scheduler.models.practitioner import Practitioner
from scheduler.models.user import Membership, StaffRole, User
from scheduler.services import limits, signing
from scheduler.services.account import accounts
from scheduler.services.account.permissions import require_role_below
from scheduler.services.actors import Actor
from scheduler.services.clinic import places
from scheduler.services.encryption import encrypt_values
from scheduler.services.limits import Limit
from scheduler.services.mail import outbox
from scheduler.services.trail import audit

GOOD_FOR = timedelta(days=7)
MAILS = Limit("invitation-mails", most=3, per=timedelta(days=1))  # to one person from one clinic
WORDS = "invitation"  # the mail's text
SALT = "invitation"


def invite(
    session: Session,
    actor: Actor,
    email: str,
    role: StaffRole,
    now: datetime,
    public_url: str,
    keys: Sequence[str],
    name: str = "",
    practitioner: Practitioner | None = None,
) -> Invitation:
    """Invite a person to the actor's clinic by mail, whether or not they have an account.

    `practitioner` is the staff record whose sign-in it becomes. Raises Invalid, and Forbidden for the role of an admin.
    """
    require_role_below(actor, role)
    if practitioner is not None and _has_sign_in(session, practitioner):
        raise Invalid([("email", f"{practitioner.name} has a sign-in or an invitation already")])
    try:
        address = clean_email("email", email).lower()
        called = clean_line("name", name, 200)
    except BadText as error:
        raise Invalid([(error.field, error.reason)]) from None
    user = users.by_email(session, address)
    if user is None:
        user = accounts.new_user(session, address, called, now)
    elif user.is_service:
        raise Invalid([("email", "is not an email address")])
    elif users.member(session, user.id, actor.clinic.id):
        raise Invalid([("email", "belongs to a member of this clinic already")])
    elif invitations.open_for(session, actor.clinic.id, user.id):
        raise Invalid([("email", "is invited already")])
    invitation = Invitation(
        clinic_id=actor.clinic.id,
        user_id=user.id,
        name=called,
        role=role,
        practitioner_id=practitioner.id if practitioner else None,
        invited_by_id=actor.user_id,
        invited_at=now,
        expires_at=now + GOOD_FOR,
    )
    session.add(invitation)
    session.flush()
    audit.record(session, actor, "user.invited", invitation, now, [f"role:{role.value}"])
    _mail(session, actor.clinic, invitation, now, public_url, keys)
    return invitation


def send_again(
    session: Session,
    actor: Actor,
    invitation: Invitation,
    now: datetime,
    public_url: str,
    keys: Sequence[str],
) -> None:
    """Mail the invitation again; its week begins now. Raises WrongStatus after too many mails on one day."""
    require_role_below(actor, invitation.role)
    invitation.expires_at = now + GOOD_FOR
    audit.record(session, actor, "user.invited-again", invitation, now)
    _mail(session, actor.clinic, invitation, now, public_url, keys)


def withdraw(session: Session, actor: Actor, invitation: Invitation, now: datetime) -> None:
    """Take an invitation back before it is answered."""
    require_role_below(actor, invitation.role)
    _answer(invitation, InvitationOutcome.WITHDRAWN, now)
    audit.record(session, actor, "user.invitation-withdrawn", invitation, now)
    session.flush()


def get(session: Session, clinic: Clinic, public_id: str) -> Invitation:
    """Return the clinic's unanswered invitation with this id. Raises NotFound."""
    invitation = invitations.by_public_id(session, public_id)
    if invitation is None or invitation.clinic_id != clinic.id or invitation.answered_at is not None:
        raise NotFound
    return invitation


def get_own(session: Session, user: User, public_id: str, now: datetime) -> Invitation:
    """Return an invitation that this person can answer now. Raises NotFound."""
    invitation = invitations.by_public_id(session, public_id)
    if invitation is None or invitation.user_id != user.id or not _is_open(invitation, now):
        raise NotFound("This invitation was not found. It may have been answered, withdrawn or expired")
    return invitation


def accept(session: Session, invitation: Invitation, now: datetime, address: str = "") -> Membership:
    """Make the invited person a member of the clinic."""
    _answer(invitation, InvitationOutcome.ACCEPTED, now)
    membership = users.member(session, invitation.user_id, invitation.clinic_id)
    if membership is None:  # a command may have made them a member meanwhile
        membership = Membership(
            clinic_id=invitation.clinic_id, user_id=invitation.user_id, role=invitation.role
        )
        session.add(membership)
    session.flush()
    session.expire(invitation.user, ["memberships"])
    actor = Actor(invitation.clinic, invitation.user, membership.role, "staff", address)
    audit.record(session, actor, "membership.accepted", invitation, now, [f"user:{invitation.user_id}"])
    person = session.get(Practitioner, invitation.practitioner_id or 0)
    is_free = practitioners.of_user(session, invitation.clinic_id, invitation.user_id) is None
    if person is not None and person.user_id is None and is_free:
        places.tie_account(session, actor, person, invitation.user, now)
    return membership


def decline(session: Session, invitation: Invitation, now: datetime) -> None:
    """Refuse an invitation. The clinic's trail says so and names neither account nor network address."""
    _answer(invitation, InvitationOutcome.DECLINED, now)
    actor = Actor(invitation.clinic, None, None, "staff")
    audit.record(session, actor, "membership.declined", invitation, now)
    session.flush()


def read_link(session: Session, token: str, now: datetime, keys: Sequence[str]) -> Invitation:
    """Return the invitation behind a mail's link. Raises LinkOver when it is answered, old, or not ours."""
    try:
        held = signing.serializer(keys, SALT).loads(token)
    except BadSignature as refused:
        raise LinkOver from refused
    invitation = invitations.by_public_id(session, held["i"])
    if invitation is None or not _is_open(invitation, now) or not invitation.user.active:
        raise LinkOver
    return invitation


def link_token(invitation: Invitation, keys: Sequence[str]) -> str:
    """Return the token of an invitation's link. It opens nothing by itself for a person who has a password."""
    return str(signing.serializer(keys, SALT).dumps({"i": invitation.public_id}))


def _has_sign_in(session: Session, practitioner: Practitioner) -> bool:
    return (
        practitioner.user_id is not None
        or invitations.open_for_practitioner(session, practitioner.clinic_id, practitioner.id) is not None
    )


def _mail(
    session: Session,
    clinic: Clinic,
    invitation: Invitation,
    now: datetime,
    public_url: str,
    keys: Sequence[str],
) -> None:
    if limits.hit(session, MAILS, f"{clinic.id} {invitation.user_id}", now) > MAILS.most:
        raise WrongStatus("Three invitations were sent to this person today. Try again tomorrow")
    link = f"{public_url}/account/invitations/by-mail/{link_token(invitation, keys)}"
    outbox.enqueue(
        session,
        clinic,
        MessageKind.ACCOUNT,
        now,
        user=invitation.user,
        values={"words": WORDS, "secret": encrypt_values(keys, {"action_link": link})},
        expires_at=invitation.expires_at,
    )


def _answer(invitation: Invitation, answer: InvitationOutcome, now: datetime) -> None:
    invitation.answered_at, invitation.answer = now, answer.value


def _is_open(invitation: Invitation, now: datetime) -> bool:
    return invitation.answered_at is None and invitation.expires_at > now
