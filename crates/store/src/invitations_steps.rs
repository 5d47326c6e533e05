//! What happens to invitations: steps, and the links by which somebody without an account answers.
//!
//! Invariant: a step is decided by the rules inside the transaction that writes it, on what the steps before it come to and on the
//! offices, blocks and links of that moment. The row of the invitation is locked first, so that steps come one after the other.

use std::collections::HashSet;

use roomtone_room::ids::{EventId, InvitationId, MemberId, RecordId, RoomId, Timestamp};
use roomtone_room::invitation::{Act, Actor, Invitation, Invitee, Other, Refusal, Sheet, Side, Step, Voice, What};
use roomtone_room::office::{Right, Rights};
use roomtone_room::{Kind, invitation};

use crate::db::{Row, Transaction, sql};
use crate::error::StoreError;
use crate::events::{EventPlan, EventText, NewEvent, cancel_event, date_event, insert_event, plan_event};
use crate::invitations::{InvitationText, audience_from, insert_text, may_meet, side_text, state_text, step_from};
use crate::invitations_told::is_told;
use crate::members::IDS_PER_STATEMENT;
use crate::offices::{NewOfficeAct, holds, insert_office_act};
use crate::{Hash, Store};

/// How long a talk is planned for while no talk sheet says so, in minutes.
const MINUTES: u32 = 60;

/// Who wants to act on an invitation. What they may is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acting {
    /// A member.
    Member(MemberId),
    /// Who took the link for an invitee without an account.
    Outside(RecordId),
    /// The server itself.
    System,
}

/// Something to be done with an invitation.
#[derive(Debug, Clone)]
pub struct InvitationAct {
    /// With which.
    pub invitation: InvitationId,
    /// By whom.
    pub acting: Acting,
    /// What. Of another invitation in it only the id is read.
    pub act: Act,
    /// What the version of the talk sheet says whose digest is in the act, and which number it was made for.
    pub sheet: Option<(u32, Sheet)>,
    /// The translation that the act offers.
    pub text: Option<InvitationText>,
    /// The id of the event, should one be made, and of the entry in a principal's log.
    pub ids: (EventId, RecordId),
    /// When.
    pub now: Timestamp,
}

/// What became of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    /// It is done.
    Done(Box<Taken>),
    /// The rules refused it.
    Refused(Refusal),
    /// There is no such invitation for whoever asks.
    Missing,
    /// Another version of the talk sheet was written meanwhile.
    Changed,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The step.
    pub step: Step,
    /// How it was before.
    pub before: Invitation,
    /// How it is now.
    pub after: Invitation,
}

/// What a link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerLink {
    /// Whose answer it lets give.
    pub correspondent: RecordId,
    /// To which invitation.
    pub invitation: InvitationId,
    /// When the link ends.
    pub expires_at: Timestamp,
}

impl Store {
    /// Lets somebody act on an invitation, if the rules let them.
    pub async fn act_on_invitation(&self, new: &InvitationAct) -> Result<Acted, StoreError> {
        let mut tx = self.database.begin().await?;
        let acted = act(&mut tx, new).await?;
        if matches!(acted, Acted::Done(_)) {
            tx.commit().await?;
        }
        Ok(acted)
    }

    /// Makes a link for the invitee of an open invitation of this host, who has no account. The one before, used or not, ends by that.
    /// Returns whether it was made.
    ///
    /// Errors: [`StoreError::Conflict`] when the id or the digest is known already.
    pub async fn make_answer_link(
        &self,
        host: MemberId,
        link: &AnswerLink,
        code: &Hash,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        let lock = sql("UPDATE invitations SET version = version
             WHERE id = $1 AND host = $2 AND invitee_name IS NOT NULL AND state IN ('asked', 'accepted')");
        if tx.execute(lock.bind(link.invitation).bind(host)).await? == 0 {
            return Ok(false);
        }
        let revoke = sql("UPDATE correspondents SET revoked_at = $2 WHERE invitation = $1 AND revoked_at IS NULL");
        tx.execute(revoke.bind(link.invitation).bind(now)).await?;
        let insert = sql("INSERT INTO correspondents (id, invitation, link, created_at, link_expires_at)
             VALUES ($1, $2, $3, $4, $5)")
        .bind(link.correspondent)
        .bind(link.invitation)
        .bind(code)
        .bind(now)
        .bind(link.expires_at);
        tx.execute(insert).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Ends the link for the invitee of an invitation of this host, used or not. Returns whether there was one.
    pub async fn end_answer_link(&self, host: MemberId, id: InvitationId, now: Timestamp) -> Result<bool, StoreError> {
        let end = sql("UPDATE correspondents SET revoked_at = $3 WHERE invitation = $1 AND revoked_at IS NULL
             AND invitation IN (SELECT i.id FROM invitations i WHERE i.host = $2)");
        Ok(self.database.execute(end.bind(id).bind(host).bind(now)).await? > 0)
    }

    /// The link with this code, as long as nobody has taken it and the invitation is open.
    pub async fn answer_link(&self, code: &Hash, now: Timestamp) -> Result<Option<AnswerLink>, StoreError> {
        let link = sql("SELECT c.id, c.invitation, c.link_expires_at FROM correspondents c
             JOIN invitations i ON i.id = c.invitation AND i.state IN ('asked', 'accepted')
             JOIN members h ON h.id = i.host AND h.suspended_at IS NULL
             WHERE c.link = $1 AND c.claimed_at IS NULL AND c.revoked_at IS NULL AND c.link_expires_at > $2");
        self.database.optional(link.bind(code).bind(now)).await?.as_ref().map(link_from).transpose()
    }

    /// Makes whoever holds the code the one who answers, once: from now on they are known by `key`, the digest of their token. `office` is
    /// whether they say that they answer for the invitee's office.
    pub async fn take_answer_link(
        &self,
        code: &Hash,
        key: &Hash,
        office: bool,
        now: Timestamp,
    ) -> Result<Option<AnswerLink>, StoreError> {
        let take = sql("UPDATE correspondents SET key = $2, claimed_at = $3, office = $4
             WHERE link = $1 AND claimed_at IS NULL AND revoked_at IS NULL AND link_expires_at > $3
               AND invitation IN (SELECT i.id FROM invitations i JOIN members h ON h.id = i.host
                   WHERE i.state IN ('asked', 'accepted') AND h.suspended_at IS NULL)
             RETURNING id, invitation, link_expires_at");
        let mut tx = self.database.begin().await?;
        let taken = tx.optional(take.bind(code).bind(key).bind(now).bind(office)).await?;
        tx.commit().await?;
        taken.as_ref().map(link_from).transpose()
    }

    /// Those of these correspondents who say that they answer for an office.
    pub async fn offices_outside(&self, correspondents: &[RecordId]) -> Result<HashSet<RecordId>, StoreError> {
        let mut offices = HashSet::new();
        for part in correspondents.chunks(IDS_PER_STATEMENT) {
            let some =
                sql("SELECT id FROM correspondents WHERE office AND id IN ").push_list(part.iter().map(|id| id.0));
            for row in self.database.all(some).await? {
                offices.insert(RecordId(row.id("id")?));
            }
        }
        Ok(offices)
    }

    /// Who answers for the invitee of this invitation with the token of this digest; `None` once another link was made.
    pub async fn correspondent_by_key(
        &self,
        invitation: InvitationId,
        key: &Hash,
    ) -> Result<Option<RecordId>, StoreError> {
        let found = sql("SELECT id FROM correspondents
             WHERE key = $2 AND invitation = $1 AND claimed_at IS NOT NULL AND revoked_at IS NULL");
        let row = self.database.optional(found.bind(invitation).bind(key)).await?;
        row.map(|row| row.id("id").map(RecordId)).transpose()
    }
}

/// Notes that the talk of an invitation begins in a room, in the transaction that opens it for the event.
pub(crate) async fn opened_for_event(
    tx: &mut Transaction,
    invitation: InvitationId,
    room: RoomId,
    now: Timestamp,
) -> Result<(), StoreError> {
    by_system(tx, invitation, now, |_| Some(Act::Open { room })).await
}

/// Notes that the talk of an invitation has ended, in the transaction that ends the event: in this room, or in the one that was
/// opened for it if that is gone.
pub(crate) async fn ended_for_event(
    tx: &mut Transaction,
    invitation: InvitationId,
    room: Option<RoomId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    by_system(tx, invitation, now, |invitation| room.or(invitation.room).map(|room| Act::End { room })).await
}

/// Something that follows from what happened to the event; if the invitation has ended otherwise, nothing does.
async fn by_system(
    tx: &mut Transaction,
    id: InvitationId,
    now: Timestamp,
    act: impl FnOnce(&Invitation) -> Option<Act>,
) -> Result<(), StoreError> {
    let Some(before) = lock_any(tx, id).await? else { return Ok(()) };
    let Some(act) = act(&before) else { return Ok(()) };
    let Ok(step) = before.apply(now, &Actor::System, act) else { return Ok(()) };
    let mut after = before;
    after.fold(&step);
    write(tx, &after, &step).await
}

async fn act(tx: &mut Transaction, new: &InvitationAct) -> Result<Acted, StoreError> {
    let Some(before) = lock(tx, new.invitation).await? else { return Ok(Acted::Missing) };
    let mut act = new.act.clone();
    if let Act::Merge { into } = &mut act {
        let Some(other) = lock(tx, into.id).await? else { return Ok(Acted::Refused(Refusal::CannotMerge)) };
        *into = Other { id: other.id, host: other.host, invitee: other.invitee, open: other.state.is_open() };
    }
    if !knows(tx, &before, new.acting, &act).await? {
        return Ok(Acted::Missing);
    }
    // Before its digest is looked at, which two who write the same terms at once would share.
    if new.sheet.as_ref().is_some_and(|(number, _)| *number != before.next_sheet()) {
        return Ok(Acted::Changed);
    }
    let actor = match new.acting {
        Acting::Member(member) => Actor::Member {
            member,
            for_host: rights(tx, Some(before.host), member, new.now).await?,
            for_invitee: rights(tx, member_invited(&before), member, new.now).await?,
        },
        Acting::Outside(who) => Actor::Outside(who),
        Acting::System => Actor::System,
    };
    let step = match before.apply(new.now, &actor, act) {
        Ok(step) => step,
        Err(refusal) => return Ok(Acted::Refused(refusal)),
    };
    let mut after = before.clone();
    after.fold(&step);
    let author = match new.acting {
        Acting::Member(member) => Some(member),
        Acting::Outside(_) | Acting::System => None,
    };
    if let (What::SheetProposed { hash }, Some((number, sheet))) = (&step.what, &new.sheet) {
        insert_sheet(tx, new.invitation, *number, hash, author, sheet).await?;
    }
    if let (What::Translated { .. }, Some(text)) = (&step.what, &new.text) {
        // The original stays as it was: that is what others have answered and signed.
        if !insert_text(tx, new.invitation, author, text).await? {
            return Ok(Acted::Refused(Refusal::NothingToChange));
        }
    }
    write(tx, &after, &step).await?;
    if let What::Merged { into } = step.what {
        hand_over(tx, new.invitation, into).await?;
    }
    follow(tx, &before, &after, new).await?;
    if let Voice::Office { of: Some(principal), delegate: Some(delegate) } = step.voice {
        let done = NewOfficeAct {
            id: new.ids.1,
            principal,
            delegate,
            at: new.now,
            kind: kind_text(&step.what),
            subject: Some(new.invitation.0),
            note: step.words.as_ref().map(|words| words.text.clone()).unwrap_or_default(),
        };
        insert_office_act(tx, &done).await?;
    }
    Ok(Acted::Done(Box::new(Taken { step, before, after })))
}

/// Locks an invitation until the transaction ends, and reads what its steps come to. `None` also while its host is suspended.
async fn lock(tx: &mut Transaction, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
    let there = sql("SELECT 1 AS one FROM invitations i JOIN members h ON h.id = i.host AND h.suspended_at IS NULL
         WHERE i.id = $1");
    if tx.optional(there.bind(id)).await?.is_none() {
        return Ok(None);
    }
    lock_any(tx, id).await
}

/// The same, whatever its host may do: a talk ends also while they are suspended.
async fn lock_any(tx: &mut Transaction, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
    let lock = sql("UPDATE invitations SET version = version WHERE id = $1
         RETURNING host, invitee, invitee_name, invitee_about, invitee_domain, expires_at");
    let Some(row) = tx.optional(lock.bind(id)).await? else { return Ok(None) };
    let host = row.member("host")?;
    let invitee = match (row.id_or_null("invitee")?, row.text_or_null("invitee_name")?) {
        (Some(member), _) => Invitee::Member(MemberId(member)),
        (None, Some(name)) => Invitee::Outside {
            name,
            about: row.text_or_null("invitee_about")?.unwrap_or_default(),
            domain: row.text_or_null("invitee_domain")?,
        },
        (None, None) => Invitee::Gone,
    };
    let mut invitation = Invitation::before(id, host, invitee, row.time("expires_at")?);
    let steps =
        sql("SELECT n, at, kind, voice, member, delegate, correspondent, round, language, text, times, sheet, subject
         FROM invitation_steps WHERE invitation = $1 ORDER BY n");
    for row in tx.all(steps.bind(id)).await? {
        invitation.fold(&step_from(&row, host)?);
    }
    Ok(Some(invitation))
}

/// Whether whoever acts may know of the invitation at this moment. With a block between the two sides only the host does, to take
/// it back.
async fn knows(tx: &mut Transaction, of: &Invitation, acting: Acting, act: &Act) -> Result<bool, StoreError> {
    let invitee = member_invited(of);
    match acting {
        Acting::System => Ok(true),
        Acting::Outside(who) => {
            let current = sql("SELECT 1 AS one FROM correspondents
                 WHERE id = $1 AND invitation = $2 AND claimed_at IS NOT NULL AND revoked_at IS NULL");
            Ok(tx.optional(current.bind(who).bind(of.id)).await?.is_some())
        }
        Acting::Member(member) if member == of.host => match invitee {
            Some(_) if matches!(act, Act::Withdraw { .. }) => Ok(true),
            Some(invitee) => may_meet(tx, member, invitee).await,
            None => Ok(true),
        },
        Acting::Member(member) => {
            if !may_meet(tx, of.host, member).await? {
                return Ok(false);
            }
            match invitee.filter(|invitee| *invitee != member) {
                Some(invitee) => Ok(may_meet(tx, invitee, member).await? && may_meet(tx, of.host, invitee).await?),
                None => Ok(true),
            }
        }
    }
}

fn member_invited(invitation: &Invitation) -> Option<MemberId> {
    match invitation.invitee {
        Invitee::Member(member) => Some(member),
        Invitee::Outside { .. } | Invitee::Gone => None,
    }
}

/// What a member may do for a principal in matters of invitations, locked until the transaction ends.
async fn rights(
    tx: &mut Transaction,
    of: Option<MemberId>,
    delegate: MemberId,
    now: Timestamp,
) -> Result<Rights, StoreError> {
    let mut rights = Vec::new();
    if let Some(of) = of.filter(|of| *of != delegate) {
        for right in [Right::Answer, Right::Schedule] {
            if holds(tx, of, delegate, right, now).await? {
                rights.push(right);
            }
        }
    }
    Ok(rights.into_iter().collect())
}

/// Writes a step, and what the invitation has come to by it.
async fn write(tx: &mut Transaction, after: &Invitation, step: &Step) -> Result<(), StoreError> {
    let merged = match after.state {
        invitation::State::Merged(into) => Some(into),
        _ => None,
    };
    let update =
        sql("UPDATE invitations SET state = $2, merged = $3, turn = $4, round = $5, changed_at = $6, version = $7,
            indexed = FALSE WHERE id = $1")
        .bind(after.id)
        .bind(state_text(after.state))
        .bind(merged)
        .bind(after.turn.map(side_text))
        .bind(after.round)
        .bind(step.at)
        .bind(step.n);
    tx.execute(update).await?;
    insert_step(tx, after, step).await
}

/// Adds a step to the log of an invitation.
pub(crate) async fn insert_step(tx: &mut Transaction, of: &Invitation, step: &Step) -> Result<(), StoreError> {
    let (voice, member, delegate, correspondent) = match step.voice {
        Voice::Host(member) => ("host", Some(member), None, None),
        Voice::Invitee(member) => ("invitee", member, None, None),
        Voice::Office { of: principal, delegate } => {
            let voice = if of.side_of(step.voice) == Side::Host { "host_office" } else { "invitee_office" };
            (voice, principal, delegate, None)
        }
        Voice::Outside(who) => ("outside", None, None, Some(who)),
        Voice::System => ("system", None, None, None),
    };
    let language = match &step.what {
        What::Translated { language } => Some(language.as_str()),
        _ => step.words.as_ref().map(|words| words.language.as_str()),
    };
    let times = match &step.what {
        What::TimesProposed { times } => times.as_slice(),
        What::TimeAgreed { time } | What::AnswerLater { until: time } => std::slice::from_ref(time),
        _ => &[],
    };
    let times: Vec<_> = times.iter().map(|time| time.0.to_string()).collect();
    let (sheet, subject) = match &step.what {
        What::SheetProposed { hash } | What::SheetAccepted { hash } => (Some(*hash), None),
        What::Opened { room } | What::Ended { room } => (None, Some(room.0)),
        What::Merged { into } => (None, Some(into.0)),
        _ => (None, None),
    };
    // The one that the host named before others, and of these the first.
    let proof = sql("SELECT p.domain, p.method, p.proven_at FROM proofs p
         WHERE p.proven_at IS NOT NULL AND (p.member = $1 OR p.correspondent = $2)
         ORDER BY p.domain = $3 DESC, p.proven_at, p.id LIMIT 1")
    .bind(member)
    .bind(correspondent)
    .bind(domain_named(of));
    let (mut domain, mut method, mut proven_at) = (None, None, None);
    if let Some(row) = tx.optional(proof).await? {
        (domain, method, proven_at) =
            (Some(row.text("domain")?), Some(row.text("method")?), Some(row.time("proven_at")?));
    }
    let told = if is_told(&step.what) { None } else { Some(step.at) };
    let insert =
        sql("INSERT INTO invitation_steps (invitation, n, at, kind, voice, member, delegate, correspondent, round,
            language, text, times, sheet, subject, proof_domain, proof_method, proven_at, done_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)")
        .bind(of.id)
        .bind(step.n)
        .bind(step.at)
        .bind(kind_text(&step.what))
        .bind(voice)
        .bind(member)
        .bind(delegate)
        .bind(correspondent)
        .bind(step.round)
        .bind(language)
        .bind(step.words.as_ref().map(|words| words.text.as_str()))
        .bind((!times.is_empty()).then(|| times.join(" ")))
        .bind(sheet)
        .bind(subject)
        .bind(domain)
        .bind(method)
        .bind(proven_at)
        .bind(told);
    tx.execute(insert).await?;
    Ok(())
}

/// The domain that the host named as the invitee's; empty for none.
fn domain_named(of: &Invitation) -> &str {
    match &of.invitee {
        Invitee::Outside { domain: Some(domain), .. } => domain,
        Invitee::Outside { domain: None, .. } | Invitee::Member(_) | Invitee::Gone => "",
    }
}

/// Lets what others said to an invitation that is merged go on in the other one: who co-signs it does so there too, and questions
/// move with their votes. Who has put one there already keeps that, and the other one stays where it was.
async fn hand_over(tx: &mut Transaction, from: InvitationId, into: InvitationId) -> Result<(), StoreError> {
    let cosigns = sql("INSERT INTO cosigns (invitation, member, at)
         SELECT $2, member, at FROM cosigns WHERE invitation = $1 ON CONFLICT (invitation, member) DO NOTHING");
    tx.execute(cosigns.bind(from).bind(into)).await?;
    let questions = sql("UPDATE questions SET invitation = $2 WHERE invitation = $1
           AND member NOT IN (SELECT q.member FROM questions q WHERE q.invitation = $2)");
    tx.execute(questions.bind(from).bind(into)).await?;
    Ok(())
}

/// Lets the event follow: made when the invitation is accepted, dated and planned by what both sides agreed, and cancelled by an end.
async fn follow(
    tx: &mut Transaction,
    before: &Invitation,
    after: &Invitation,
    new: &InvitationAct,
) -> Result<(), StoreError> {
    use roomtone_room::invitation::State;
    match (before.state, after.state) {
        (State::Asked, State::Accepted) => make_event(tx, after, new).await,
        (State::Accepted, State::Accepted) if before.date != after.date => match event_of(tx, after.id).await? {
            Some(event) => date_event(tx, event, after.date, new.now).await.map(|_| ()),
            None => Ok(()),
        },
        (State::Accepted, State::Accepted) if before.agreed_sheet() != after.agreed_sheet() => {
            match (event_of(tx, after.id).await?, agreed_terms(tx, after.id).await?) {
                (Some(event), Some(terms)) => plan_event(tx, event, terms, new.now).await,
                _ => Ok(()),
            }
        }
        (State::Accepted, State::Declined | State::Withdrawn) => match event_of(tx, after.id).await? {
            Some(event) => cancel_event(tx, event, new.now).await.map(|_| ()),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

async fn make_event(tx: &mut Transaction, of: &Invitation, new: &InvitationAct) -> Result<(), StoreError> {
    let said = sql("SELECT (SELECT a.house FROM house_members a
                 WHERE a.house = i.house AND a.member = i.host AND a.role >= 2) AS house, i.topics, t.language, t.title, t.body FROM invitations i
         JOIN invitation_texts t ON t.invitation = i.id AND t.original WHERE i.id = $1");
    let row = tx.one(said.bind(of.id)).await?;
    let (minutes, kind) = agreed_terms(tx, of.id).await?.unwrap_or((MINUTES, Kind::Open));
    let event = NewEvent {
        id: new.ids.0,
        host: of.host,
        house: row.id_or_null("house")?.map(roomtone_room::ids::HouseId),
        invitation: Some(of.id),
        text: EventText {
            title: row.text("title")?,
            about: row.text("body")?,
            language: row.text("language")?,
            topics: row.text("topics")?.lines().map(str::to_owned).collect(),
        },
        plan: EventPlan { kind, minutes, time_zone: String::new(), recurrence: None, planned: None },
        starts_at: of.date,
        cohosts: Vec::new(),
    };
    insert_event(tx, &event, new.now).await
}

/// For how many minutes and in what kind of room a talk is held by the talk sheet to which both sides agreed last.
pub(crate) async fn agreed_terms(
    tx: &mut Transaction,
    invitation: InvitationId,
) -> Result<Option<(u32, Kind)>, StoreError> {
    let agreed = sql("SELECT s.minutes, s.audience FROM sheets s WHERE s.invitation = $1
           AND EXISTS (SELECT 1 FROM invitation_steps t
                       WHERE t.invitation = s.invitation AND t.sheet = s.hash AND t.kind = 'sheet_accepted')
         ORDER BY s.number DESC LIMIT 1");
    let Some(row) = tx.optional(agreed.bind(invitation)).await? else { return Ok(None) };
    let minutes = u32::try_from(row.count("minutes")?).map_err(|_| StoreError::Corrupt("minutes of a sheet"))?;
    Ok(Some((minutes, audience_from(&row)?)))
}

async fn event_of(tx: &mut Transaction, id: InvitationId) -> Result<Option<EventId>, StoreError> {
    let event = sql("SELECT id FROM events WHERE invitation = $1").bind(id);
    tx.optional(event).await?.map(|row| row.id("id").map(EventId)).transpose()
}

async fn insert_sheet(
    tx: &mut Transaction,
    id: InvitationId,
    number: u32,
    hash: &Hash,
    author: Option<MemberId>,
    sheet: &Sheet,
) -> Result<(), StoreError> {
    let audience = match sheet.audience {
        Kind::Open => "open",
        Kind::Social => "social",
        Kind::Closed => "closed",
    };
    let insert =
        sql("INSERT INTO sheets (invitation, number, hash, author, topics, minutes, languages, recorded, others,
            audience, notes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
        .bind(id)
        .bind(number)
        .bind(hash)
        .bind(author)
        .bind(sheet.topics.join("\n"))
        .bind(sheet.minutes)
        .bind(sheet.languages.join("\n"))
        .bind(sheet.recorded)
        .bind(sheet.others.join("\n"))
        .bind(audience)
        .bind(sheet.notes.as_str());
    tx.execute(insert).await?;
    Ok(())
}

/// What kind of thing happened, as the database and the protocol name it.
pub(crate) fn kind_text(what: &What) -> &'static str {
    match what {
        What::Asked => "asked",
        What::Accepted => "accepted",
        What::Declined => "declined",
        What::NeedDetails => "need_details",
        What::AnswerLater { .. } => "answer_later",
        What::DetailsGiven => "details_given",
        What::TimesProposed { .. } => "times_proposed",
        What::TimeAgreed { .. } => "time_agreed",
        What::SheetProposed { .. } => "sheet_proposed",
        What::SheetAccepted { .. } => "sheet_accepted",
        What::Translated { .. } => "translated",
        What::Withdrawn => "withdrawn",
        What::Merged { .. } => "merged",
        What::Opened { .. } => "opened",
        What::Ended { .. } => "ended",
        What::Expired => "expired",
    }
}

fn link_from(row: &Row) -> Result<AnswerLink, StoreError> {
    Ok(AnswerLink {
        correspondent: RecordId(row.id("id")?),
        invitation: InvitationId(row.id("invitation")?),
        expires_at: row.time("link_expires_at")?,
    })
}
