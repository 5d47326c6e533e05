//! Invitations: making them, and reading them as somebody may. What happens to one is in `invitations_steps`, what others say to it in
//! `invitations_crowd`. The rules are `roomtone_room::invitation`'s.

use roomtone_room::Kind;
use roomtone_room::ids::{EventId, HouseId, InvitationId, MemberId, RecordId, RoomId, Timestamp};
use roomtone_room::invitation::{Invitation, Invitee, Side, State, Step, Voice, What, Words};

use crate::Hash;
use crate::Store;
use crate::db::{Row, Transaction, sql};
use crate::error::StoreError;
use crate::houses::{HouseRole, role_of};
use crate::invitations_steps::insert_step;
use crate::members::{IDS_PER_STATEMENT, Person, person_from};
use crate::profiles::HouseBadge;
use crate::proofs::{ProvenDomain, step_proof_from};

/// Most invitations of a host that are open at once. More suits whoever runs a series; fewer makes each worth more.
pub const OPEN_INVITATIONS_MAX: u64 = 20;

/// A text of an invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationText {
    /// BCP 47 tag.
    pub language: String,
    /// One line.
    pub title: String,
    /// Paragraphs.
    pub body: String,
    /// Whether it is the one that was written first.
    pub original: bool,
}

/// An invitation to be made.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// Where it begins.
    pub invitation: Invitation,
    /// Its first step.
    pub step: Step,
    /// The house in whose name it is made.
    pub house: Option<HouseId>,
    /// Topics, validated.
    pub topics: Vec<String>,
    /// The original, then translations, each in another language.
    pub texts: Vec<InvitationText>,
}

/// What became of making one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationMade {
    /// There it is.
    Made,
    /// The host has [`OPEN_INVITATIONS_MAX`] open.
    TooMany,
    /// The host has an open one to this member.
    Already,
    /// There is no such invitee for this host: gone, suspended, or with a block in either direction.
    NoInvitee,
    /// The host is no admin of that house, and so does not speak for it.
    NotHouseAdmin,
}

/// Who is invited, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShownInvitee {
    /// A member.
    Member(Person),
    /// Somebody without an account: name, a sentence about them, their domain.
    Outside {
        /// What they are called.
        name: String,
        /// Who they are.
        about: String,
        /// Their domain.
        domain: Option<String>,
    },
    /// A member who is gone, or suspended.
    Gone,
}

/// An invitation in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationEntry {
    /// Its id.
    pub id: InvitationId,
    /// Who invites.
    pub host: Person,
    /// The house in whose name, as far as whoever reads may know of it.
    pub house: Option<HouseBadge>,
    /// Who is invited.
    pub invitee: ShownInvitee,
    /// The language of the original.
    pub language: String,
    /// Topics.
    pub topics: Vec<String>,
    /// How far it has come.
    pub state: State,
    /// Whose turn it is.
    pub turn: Option<Side>,
    /// The round.
    pub round: u32,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its last step was.
    pub changed_at: Timestamp,
    /// How many co-sign it.
    pub cosigns: u64,
    /// Whether the last answer of the invitee's side is of somebody who has not shown that they speak for them.
    pub unverified: bool,
}

/// A step with the people in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownStep {
    /// What happened.
    pub step: Step,
    /// The principal, or whoever spoke for themselves.
    pub member: Option<Person>,
    /// Who acted for them.
    pub delegate: Option<Person>,
    /// What whoever gave it had proven by then.
    pub proof: Option<ProvenDomain>,
}

/// A version of the talk sheet with what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownSheet {
    /// Its number.
    pub number: u32,
    /// Its digest.
    pub hash: Hash,
    /// The terms.
    pub sheet: roomtone_room::invitation::Sheet,
}

/// Everything about an invitation that is the same for all who may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationFile {
    /// As in a list.
    pub entry: InvitationEntry,
    /// As the rules see it.
    pub invitation: Invitation,
    /// The original first, then by language.
    pub texts: Vec<InvitationText>,
    /// From the first.
    pub steps: Vec<ShownStep>,
    /// All versions of the talk sheet, from the first.
    pub sheets: Vec<ShownSheet>,
    /// How many questions are put to it.
    pub questions: u64,
    /// The event that was made when it was accepted.
    pub event: Option<EventId>,
    /// The link for an invitee without an account.
    pub link: Option<AnswerLinkState>,
}

/// How the link for an invitee without an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerLinkState {
    /// Whose answer it lets give.
    pub correspondent: RecordId,
    /// When it was taken.
    pub claimed_at: Option<Timestamp>,
    /// When it ends if nobody takes it.
    pub expires_at: Timestamp,
}

/// Which invitations are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvitationBox {
    /// Those of this host.
    Host(MemberId),
    /// Those to this member.
    Invitee(MemberId),
    /// Those of or to any of these.
    Either(Vec<MemberId>),
    /// All.
    All,
}

/// What is read of an invitation `i` for a list, for the reader $1, who may be nobody: a reader with a block with either side does not
/// find it, nor does anybody but the host while those two have one, nor while the host is suspended.
macro_rules! select_entry {
    () => {
        "SELECT i.id AS invitation, i.language, i.topics, i.state, i.merged, i.turn, i.round, i.expires_at, i.created_at,
                i.changed_at, i.invitee_name, i.invitee_about, i.invitee_domain, h.id, h.handle, h.name, h.avatar,
                v.id AS invitee_id, v.handle AS invitee_handle, v.name AS invitee_called, v.avatar AS invitee_avatar,
                g.id AS house_id, g.handle AS house_handle, g.name AS house_name,
                (SELECT count(*) FROM cosigns c WHERE c.invitation = i.id) AS cosigns,
                COALESCE((SELECT s.voice = 'outside' AND (i.invitee_domain IS NULL OR s.proof_domain IS NULL
                        OR s.proof_domain <> i.invitee_domain)
                    FROM invitation_steps s WHERE s.invitation = i.id AND s.voice IN ('invitee', 'invitee_office', 'outside')
                      AND s.kind IN ('accepted', 'declined', 'need_details', 'answer_later', 'times_proposed', 'time_agreed')
                    ORDER BY s.n DESC LIMIT 1), FALSE) AS unverified
         FROM invitations i
         JOIN members h ON h.id = i.host AND h.suspended_at IS NULL
         LEFT JOIN members v ON v.id = i.invitee AND v.suspended_at IS NULL
         LEFT JOIN houses g ON g.id = i.house AND (NOT g.private OR EXISTS (
             SELECT 1 FROM house_members o WHERE o.house = g.id AND o.member = $1 AND o.role >= 1))
         WHERE (i.host = $1 OR NOT EXISTS (SELECT 1 FROM blocks b
               WHERE (b.blocker = $1 AND b.blocked IN (i.host, i.invitee))
                  OR (b.blocked = $1 AND b.blocker IN (i.host, i.invitee))
                  OR (b.blocker = i.host AND b.blocked = i.invitee) OR (b.blocker = i.invitee AND b.blocked = i.host)))
           AND "
    };
}

impl Store {
    /// Makes an invitation, with its first step and its texts.
    ///
    /// Errors: [`StoreError::Conflict`] when the id is known already.
    pub async fn create_invitation(&self, new: &NewInvitation) -> Result<InvitationMade, StoreError> {
        let Invitation { id, host, ref invitee, expires_at, .. } = new.invitation;
        let now = new.step.at;
        let mut tx = self.database.begin().await?;
        // An update and not a read, so that of two that make the last one the other counts it.
        let lock = sql("UPDATE members SET followers = followers WHERE id = $1 AND suspended_at IS NULL").bind(host);
        if tx.execute(lock).await? == 0 {
            return Ok(InvitationMade::NoInvitee);
        }
        let open = sql("SELECT count(*) AS n FROM invitations WHERE host = $1 AND state IN ('asked', 'accepted')");
        if tx.one(open.bind(host)).await?.count("n")? >= OPEN_INVITATIONS_MAX {
            return Ok(InvitationMade::TooMany);
        }
        if let Some(house) = new.house
            && role_of(&mut tx, house, host).await? != Some(HouseRole::Admin)
        {
            return Ok(InvitationMade::NotHouseAdmin);
        }
        let (member, [name, about, domain]) = match invitee {
            Invitee::Member(member) => (Some(*member), [None, None, None]),
            Invitee::Outside { name, about, domain } => {
                (None, [Some(name.as_str()), Some(about.as_str()), domain.as_deref()])
            }
            Invitee::Gone => return Ok(InvitationMade::NoInvitee),
        };
        if let Some(member) = member {
            if !may_meet(&mut tx, host, member).await? {
                return Ok(InvitationMade::NoInvitee);
            }
            let same = sql("SELECT 1 AS one FROM invitations
                 WHERE host = $1 AND invitee = $2 AND state IN ('asked', 'accepted')");
            if tx.optional(same.bind(host).bind(member)).await?.is_some() {
                return Ok(InvitationMade::Already);
            }
        }
        let insert =
            sql("INSERT INTO invitations (id, host, house, invitee, invitee_name, invitee_about, invitee_domain,
                language, topics, state, turn, round, expires_at, created_at, changed_at, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15)")
            .bind(id)
            .bind(host)
            .bind(new.house)
            .bind(member)
            .bind(name)
            .bind(about)
            .bind(domain)
            .bind(new.texts.first().map(|text| text.language.as_str()).unwrap_or_default())
            .bind(new.topics.join("\n"))
            .bind(state_text(new.invitation.state))
            .bind(new.invitation.turn.map(side_text))
            .bind(new.invitation.round)
            .bind(expires_at)
            .bind(now)
            .bind(new.step.n);
        tx.execute(insert).await?;
        for text in &new.texts {
            insert_text(&mut tx, id, Some(host), text).await?;
        }
        insert_step(&mut tx, &new.invitation, &new.step).await?;
        tx.commit().await?;
        Ok(InvitationMade::Made)
    }

    /// An invitation as `reader`, who may be nobody, may read it.
    pub async fn invitation(
        &self,
        reader: Option<MemberId>,
        id: InvitationId,
    ) -> Result<Option<InvitationFile>, StoreError> {
        let found = sql(concat!(select_entry!(), "i.id = $2")).bind(reader).bind(id);
        let Some(row) = self.database.optional(found).await? else { return Ok(None) };
        let entry = entry_from(&row)?;
        let steps = self.shown_steps(id, entry.host.id).await?;
        let mut invitation = Invitation::before(id, entry.host.id, invitee_of(&entry.invitee), entry.expires_at);
        steps.iter().for_each(|shown| invitation.fold(&shown.step));
        let questions = sql("SELECT count(*) AS n FROM questions WHERE invitation = $1").bind(id);
        let event = self.database.optional(sql("SELECT id FROM events WHERE invitation = $1").bind(id)).await?;
        let link = sql("SELECT id, claimed_at, link_expires_at FROM correspondents
             WHERE invitation = $1 AND revoked_at IS NULL");
        let link = match self.database.optional(link.bind(id)).await? {
            Some(row) => Some(AnswerLinkState {
                correspondent: RecordId(row.id("id")?),
                claimed_at: row.time_or_null("claimed_at")?,
                expires_at: row.time("link_expires_at")?,
            }),
            None => None,
        };
        Ok(Some(InvitationFile {
            texts: self.texts_of(&[id]).await?.into_iter().map(|(_, text)| text).collect(),
            sheets: self.sheets_of(id).await?,
            questions: self.database.one(questions).await?.count("n")?,
            event: event.map(|row| row.id("id").map(EventId)).transpose()?,
            link,
            entry,
            invitation,
            steps,
        }))
    }

    /// A page of invitations that `reader` may read, the last changed first.
    pub async fn invitations(
        &self,
        reader: Option<MemberId>,
        which: &InvitationBox,
        after: Option<(Timestamp, InvitationId)>,
        limit: u32,
    ) -> Result<Vec<InvitationEntry>, StoreError> {
        let (at, id) = after.unwrap_or((Timestamp(i64::MAX as u64), InvitationId(u128::MAX)));
        let page = sql(concat!(select_entry!(), "(i.changed_at, i.id) < ($2, $3)")).bind(reader).bind(at).bind(id);
        let page = match which {
            InvitationBox::All => page,
            InvitationBox::Host(host) => page.push(" AND i.host = ").push_bind(*host),
            InvitationBox::Invitee(invitee) => page.push(" AND i.invitee = ").push_bind(*invitee),
            InvitationBox::Either(of) => {
                let some = &of[..of.len().min(IDS_PER_STATEMENT / 2)];
                let page = page.push(" AND (i.host IN ").push_list(some.iter().copied());
                page.push(" OR i.invitee IN ").push_list(some.iter().copied()).push(")")
            }
        };
        let page = page.push(" ORDER BY i.changed_at DESC, i.id DESC LIMIT ").push_bind(limit);
        self.database.all(page).await?.iter().map(entry_from).collect()
    }

    /// Those of these invitations that `reader` may read, at most as many as are on a page, in no order.
    pub(crate) async fn invitations_of(
        &self,
        reader: Option<MemberId>,
        ids: &[InvitationId],
    ) -> Result<Vec<InvitationEntry>, StoreError> {
        let some = ids.iter().take(IDS_PER_STATEMENT).copied();
        let these = sql(concat!(select_entry!(), "i.id IN ")).bind(reader).push_list(some);
        self.database.all(these).await?.iter().map(entry_from).collect()
    }

    /// The texts of these invitations, at most as many as are on a page: of each the original first, then by language.
    pub async fn texts_of(&self, ids: &[InvitationId]) -> Result<Vec<(InvitationId, InvitationText)>, StoreError> {
        let texts =
            sql("SELECT invitation, language, title, body, original FROM invitation_texts WHERE invitation IN ")
                .push_list(ids.iter().take(IDS_PER_STATEMENT).copied())
                .push(" ORDER BY invitation, original DESC, language");
        let read = |row: &Row| {
            let text = InvitationText {
                language: row.text("language")?,
                title: row.text("title")?,
                body: row.text("body")?,
                original: row.bool("original")?,
            };
            Ok((InvitationId(row.id("invitation")?), text))
        };
        self.database.all(texts).await?.iter().map(read).collect()
    }

    /// Invitations that nobody has said yes to in time, some at a time.
    pub async fn invitations_to_expire(&self, now: Timestamp, limit: u32) -> Result<Vec<InvitationId>, StoreError> {
        // Nothing happens to those of a suspended host.
        let over = sql("SELECT i.id FROM invitations i JOIN members h ON h.id = i.host AND h.suspended_at IS NULL
             WHERE i.state = 'asked' AND i.expires_at <= $1 ORDER BY i.expires_at LIMIT $2");
        let rows = self.database.all(over.bind(now).bind(limit)).await?;
        rows.iter().map(|row| row.id("id").map(InvitationId)).collect()
    }

    /// The steps with the people in them.
    async fn shown_steps(&self, id: InvitationId, host: MemberId) -> Result<Vec<ShownStep>, StoreError> {
        let steps = sql("SELECT s.n, s.at, s.kind, s.voice, s.member, s.delegate, s.correspondent, s.round, s.language, s.text, s.times,
                    s.sheet, s.subject, s.proof_domain, s.proof_method, s.proven_at, m.id, m.handle, m.name, m.avatar, d.id AS sponsor_id, d.handle AS sponsor_handle,
                    d.name AS sponsor_name, d.avatar AS sponsor_avatar
             FROM invitation_steps s LEFT JOIN members m ON m.id = s.member AND m.suspended_at IS NULL
             LEFT JOIN members d ON d.id = s.delegate AND d.suspended_at IS NULL
             WHERE s.invitation = $1 ORDER BY s.n");
        let read = |row: &Row| {
            Ok(ShownStep {
                step: step_from(row, host)?,
                member: row.id_or_null("id")?.map(|_| person_from(row)).transpose()?,
                delegate: crate::members::sponsor_from(row)?,
                proof: step_proof_from(row)?,
            })
        };
        self.database.all(steps.bind(id)).await?.iter().map(read).collect()
    }

    async fn sheets_of(&self, id: InvitationId) -> Result<Vec<ShownSheet>, StoreError> {
        let sheets =
            sql("SELECT number, hash, topics, minutes, languages, recorded, others, audience, notes FROM sheets
             WHERE invitation = $1 ORDER BY number");
        self.database.all(sheets.bind(id)).await?.iter().map(sheet_from).collect()
    }
}

/// Whether there is such a member for another: not suspended, and without a block in either direction.
pub(crate) async fn may_meet(tx: &mut Transaction, one: MemberId, other: MemberId) -> Result<bool, StoreError> {
    let found = sql("SELECT 1 AS one FROM members m WHERE m.id = $2 AND m.id <> $1 AND m.suspended_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $1 AND b.blocked = $2)
           AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker = $2 AND b.blocked = $1)");
    Ok(tx.optional(found.bind(one).bind(other)).await?.is_some())
}

/// Adds a text, or puts it in the place of a translation. Returns whether it was: the original stays.
pub(crate) async fn insert_text(
    tx: &mut Transaction,
    id: InvitationId,
    author: Option<MemberId>,
    text: &InvitationText,
) -> Result<bool, StoreError> {
    let insert = sql("INSERT INTO invitation_texts (invitation, language, title, body, original, author)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (invitation, language) DO UPDATE SET title = excluded.title, body = excluded.body,
            author = excluded.author WHERE NOT invitation_texts.original")
    .bind(id)
    .bind(text.language.as_str())
    .bind(text.title.as_str())
    .bind(text.body.as_str())
    .bind(text.original)
    .bind(author);
    Ok(tx.execute(insert).await? > 0)
}

/// Who is invited, as the rules see it.
fn invitee_of(shown: &ShownInvitee) -> Invitee {
    match shown {
        ShownInvitee::Member(person) => Invitee::Member(person.id),
        ShownInvitee::Outside { name, about, domain } => {
            Invitee::Outside { name: name.clone(), about: about.clone(), domain: domain.clone() }
        }
        ShownInvitee::Gone => Invitee::Gone,
    }
}

/// Reads what `select_entry!` selects.
fn entry_from(row: &Row) -> Result<InvitationEntry, StoreError> {
    let house = row
        .id_or_null("house_id")?
        .map(|id| Ok(HouseBadge { id: HouseId(id), handle: row.text("house_handle")?, name: row.text("house_name")? }));
    let invitee = match (row.id_or_null("invitee_id")?, row.text_or_null("invitee_name")?) {
        (Some(id), _) => ShownInvitee::Member(Person {
            id: MemberId(id),
            handle: row.text("invitee_handle")?,
            name: row.text("invitee_called")?,
            avatar: row.id_or_null("invitee_avatar")?.map(roomtone_room::ids::AvatarId),
        }),
        (None, Some(name)) => ShownInvitee::Outside {
            name,
            about: row.text_or_null("invitee_about")?.unwrap_or_default(),
            domain: row.text_or_null("invitee_domain")?,
        },
        (None, None) => ShownInvitee::Gone,
    };
    Ok(InvitationEntry {
        id: InvitationId(row.id("invitation")?),
        host: person_from(row)?,
        house: house.transpose()?,
        invitee,
        language: row.text("language")?,
        topics: lines(&row.text("topics")?),
        state: state_from(row)?,
        turn: row.text_or_null("turn")?.map(|text| side_from(&text)).transpose()?,
        round: small(row.count("round")?, "round")?,
        expires_at: row.time("expires_at")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
        cosigns: row.count("cosigns")?,
        unverified: row.bool("unverified")?,
    })
}

/// Reads a step of an invitation of this host.
pub(crate) fn step_from(row: &Row, host: MemberId) -> Result<Step, StoreError> {
    let member = row.id_or_null("member")?.map(MemberId);
    let delegate = row.id_or_null("delegate")?.map(MemberId);
    let voice = match row.text("voice")?.as_str() {
        "host" => Voice::Host(host),
        "invitee" => Voice::Invitee(member),
        "host_office" => Voice::Office { of: Some(host), delegate },
        "invitee_office" => Voice::Office { of: member, delegate },
        "outside" => Voice::Outside(RecordId(row.id("correspondent")?)),
        "system" => Voice::System,
        _ => return Err(StoreError::Corrupt("voice of a step")),
    };
    let language = row.text_or_null("language")?;
    let times = times_from(&row.text_or_null("times")?.unwrap_or_default())?;
    let time = || times.first().copied().ok_or(StoreError::Corrupt("time of a step"));
    let hash = || row.hash("sheet");
    let subject = || row.id("subject");
    let what = match row.text("kind")?.as_str() {
        "asked" => What::Asked,
        "accepted" => What::Accepted,
        "declined" => What::Declined,
        "need_details" => What::NeedDetails,
        "answer_later" => What::AnswerLater { until: time()? },
        "details_given" => What::DetailsGiven,
        "times_proposed" => What::TimesProposed { times },
        "time_agreed" => What::TimeAgreed { time: time()? },
        "sheet_proposed" => What::SheetProposed { hash: hash()? },
        "sheet_accepted" => What::SheetAccepted { hash: hash()? },
        "translated" => What::Translated { language: language.clone().unwrap_or_default() },
        "withdrawn" => What::Withdrawn,
        "merged" => What::Merged { into: InvitationId(subject()?) },
        "opened" => What::Opened { room: RoomId(subject()?) },
        "ended" => What::Ended { room: RoomId(subject()?) },
        "expired" => What::Expired,
        _ => return Err(StoreError::Corrupt("kind of a step")),
    };
    let text = row.text_or_null("text")?;
    Ok(Step {
        n: small(row.count("n")?, "number of a step")?,
        at: row.time("at")?,
        voice,
        round: small(row.count("round")?, "round")?,
        what,
        words: text.map(|text| Words { text, language: language.unwrap_or_default() }),
    })
}

fn sheet_from(row: &Row) -> Result<ShownSheet, StoreError> {
    let audience = audience_from(row)?;
    Ok(ShownSheet {
        number: small(row.count("number")?, "number of a sheet")?,
        hash: row.hash("hash")?,
        sheet: roomtone_room::invitation::Sheet {
            topics: lines(&row.text("topics")?),
            minutes: small(row.count("minutes")?, "minutes of a sheet")?,
            languages: lines(&row.text("languages")?),
            recorded: row.bool("recorded")?,
            others: lines(&row.text("others")?),
            audience,
            notes: row.text("notes")?,
        },
    })
}

/// Reads `audience` of a sheet.
pub(crate) fn audience_from(row: &Row) -> Result<Kind, StoreError> {
    Ok(match row.text("audience")?.as_str() {
        "open" => Kind::Open,
        "social" => Kind::Social,
        "closed" => Kind::Closed,
        _ => return Err(StoreError::Corrupt("audience of a sheet")),
    })
}

/// A state as the database holds it.
pub(crate) fn state_text(state: State) -> &'static str {
    match state {
        State::Asked => "asked",
        State::Accepted => "accepted",
        State::Declined => "declined",
        State::Withdrawn => "withdrawn",
        State::Expired => "expired",
        State::Merged(_) => "merged",
        State::Done => "done",
    }
}

fn state_from(row: &Row) -> Result<State, StoreError> {
    Ok(match row.text("state")?.as_str() {
        "asked" => State::Asked,
        "accepted" => State::Accepted,
        "declined" => State::Declined,
        "withdrawn" => State::Withdrawn,
        "expired" => State::Expired,
        "merged" => State::Merged(InvitationId(row.id("merged")?)),
        "done" => State::Done,
        _ => return Err(StoreError::Corrupt("state of an invitation")),
    })
}

/// A side as the database holds it.
pub(crate) fn side_text(side: Side) -> &'static str {
    match side {
        Side::Host => "host",
        Side::Invitee => "invitee",
    }
}

fn side_from(text: &str) -> Result<Side, StoreError> {
    match text {
        "host" => Ok(Side::Host),
        "invitee" => Ok(Side::Invitee),
        _ => Err(StoreError::Corrupt("side of an invitation")),
    }
}

fn times_from(text: &str) -> Result<Vec<Timestamp>, StoreError> {
    let read = |time: &str| time.parse().map(Timestamp).map_err(|_| StoreError::Corrupt("time of a step"));
    text.split_ascii_whitespace().map(read).collect()
}

fn small(number: u64, what: &'static str) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::Corrupt(what))
}

/// A list that is kept as one text, an entry a line.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}
