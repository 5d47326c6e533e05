//! Invitations as whoever asks gets to see them: in their language, with who gave each step and how we know (guarantee G11).

use std::collections::{HashMap, HashSet};

use axum::http::HeaderMap;
use roomtone_room::ids::{InvitationId, MemberId, RecordId};
use roomtone_room::invitation::{self as rules, Act, Actor, Other, Side, Voice, What};
use roomtone_room::office::{Right, Rights};
use roomtone_store::{
    Acting, InvitationEntry, InvitationFile, InvitationText as Text, OfficeGrant, ProvenDomain, ShownInvitee,
    ShownSheet, ShownStep,
};

use super::super::auth::{SignedIn, answer_key};
use super::super::pages::hex;
use super::{internal, languages};
use crate::app::App;
use crate::edge;
use crate::public::words::best;
use crate::wire::invitations::{
    AnswerLinkState, Can, Cosigns, Invitation, InvitationCard, InvitationPart, InvitationStep, InvitationText, Invitee,
    ProposedTimes, SheetVersion, StepVoice, VoiceKind, VoiceProof, VoiceProofKind,
};
use crate::wire::people::badge;
use crate::wire::{ApiError, Code, Id};

/// Co-signers that are named with an invitation.
const COSIGNERS_FIRST: u32 = 8;

/// As whom somebody stands before an invitation.
pub(super) struct Standing {
    pub(super) part: Option<InvitationPart>,
    /// Whether they look through the questions: the host, and who may in their office.
    screens: bool,
    actor: Option<Actor>,
    acting: Option<Acting>,
}

impl Standing {
    /// A member with a part in it is that; everybody else is whoever took the link, if their browser did.
    pub(super) async fn of(
        app: &App,
        reader: Option<MemberId>,
        headers: &HeaderMap,
        file: &InvitationFile,
    ) -> Result<Self, ApiError> {
        let invitation = &file.invitation;
        let mut member = None;
        if let Some(me) = reader {
            let (actor, screens) = actor(app, me, invitation).await?;
            let part = part_of(me, &actor, invitation);
            let standing = Self { part, screens, actor: Some(actor), acting: Some(Acting::Member(me)) };
            if part.is_some() {
                return Ok(standing);
            }
            member = Some(standing);
        }
        let outside = match answer_key(headers) {
            Some(key) => app.store.correspondent_by_key(invitation.id, &key).await.map_err(internal)?,
            None => None,
        };
        Ok(match (outside, member) {
            (Some(who), _) => Self {
                part: Some(InvitationPart::Outside),
                screens: false,
                actor: Some(Actor::Outside(who)),
                acting: Some(Acting::Outside(who)),
            },
            (None, Some(member)) => member,
            (None, None) => Self { part: None, screens: false, actor: None, acting: None },
        })
    }

    /// Who acts, or `not_signed_in`.
    pub(super) fn acting(&self) -> Result<Acting, ApiError> {
        self.acting.ok_or_else(|| Code::NotSignedIn.into())
    }
}

/// A member with their offices, and whether they look through the questions.
async fn actor(app: &App, me: MemberId, invitation: &rules::Invitation) -> Result<(Actor, bool), ApiError> {
    let now = edge::now();
    let grants = app.store.offices_for(me, now).await.map_err(internal)?;
    let rights = |of: MemberId| -> Rights {
        let held =
            |right: &Right| grants.iter().any(|held| held.grant.principal == of && held.grant.permits(*right, now));
        [Right::Answer, Right::Schedule].into_iter().filter(held).collect()
    };
    let for_invitee = match invitation.invitee {
        rules::Invitee::Member(of) => rights(of),
        rules::Invitee::Outside { .. } | rules::Invitee::Gone => Rights::default(),
    };
    let screens =
        |held: &OfficeGrant| held.grant.principal == invitation.host && held.grant.permits(Right::Screen, now);
    let screens = me == invitation.host || grants.iter().any(screens);
    Ok((Actor::Member { member: me, for_host: rights(invitation.host), for_invitee }, screens))
}

fn part_of(me: MemberId, actor: &Actor, invitation: &rules::Invitation) -> Option<InvitationPart> {
    let Actor::Member { for_host, for_invitee, .. } = actor else { return None };
    if me == invitation.host {
        Some(InvitationPart::Host)
    } else if invitation.invitee == rules::Invitee::Member(me) {
        Some(InvitationPart::Invitee)
    } else if !for_host.is_empty() {
        Some(InvitationPart::HostOffice)
    } else {
        (!for_invitee.is_empty()).then_some(InvitationPart::InviteeOffice)
    }
}

/// An invitation in full.
pub(super) async fn shown(
    app: &App,
    caller: Option<&SignedIn>,
    headers: &HeaderMap,
    language: Option<&str>,
    file: InvitationFile,
) -> Result<Invitation, ApiError> {
    let me = caller.map(|caller| caller.member.person.id);
    let standing = Standing::of(app, me, headers, &file).await?;
    shown_to(app, me, standing, &languages(language, caller, headers), file).await
}

/// An invitation as somebody without an account reads it, in the first of these languages that it has.
pub(super) async fn shown_to_visitors(
    app: &App,
    wanted: &[String],
    file: InvitationFile,
) -> Result<Invitation, ApiError> {
    let standing = Standing::of(app, None, &HeaderMap::new(), &file).await?;
    shown_to(app, None, standing, wanted, file).await
}

async fn shown_to(
    app: &App,
    me: Option<MemberId>,
    standing: Standing,
    wanted: &[String],
    file: InvitationFile,
) -> Result<Invitation, ApiError> {
    let id = file.entry.id;
    let proofs = Proofs::of(app, &file).await?;
    let first = app.store.cosigners(me, id, None, COSIGNERS_FIRST).await.map_err(internal)?;
    let mine = match me {
        Some(me) => app.store.cosigns(me, id).await.map_err(internal)?,
        None => false,
    };
    let can = can(&file, &standing, me);
    let InvitationFile { entry, invitation, texts, steps, sheets, questions, event, link } = file;
    let verified = proofs.of_invitee(&invitation, link.map(|link| link.correspondent));
    let rooms = steps.iter().filter_map(|shown| match shown.step.what {
        What::Opened { room } => Some(Id(room)),
        _ => None,
    });
    Ok(Invitation {
        id: Id(id),
        rooms: rooms.collect(),
        steps: steps.iter().map(|shown| step(shown, &invitation, &entry, &proofs, me)).collect(),
        sheet: invitation.agreed_sheet().map(|sheet| sheet.number),
        sheets: sheets
            .into_iter()
            .zip(&invitation.sheets)
            .map(|(sheet, version)| self::sheet(sheet, version))
            .collect(),
        host: entry.host.into(),
        house: entry.house.map(badge),
        invitee: invitee(entry.invitee, verified),
        shown: chosen(&texts, wanted).map(|text| text.language.clone()).unwrap_or_default(),
        texts: texts.into_iter().map(text).collect(),
        topics: entry.topics,
        state: invitation.state.into(),
        unverified: entry.unverified,
        turn: invitation.turn.map(Into::into),
        round: invitation.round,
        expires_at: entry.expires_at.0,
        created_at: entry.created_at.0,
        changed_at: entry.changed_at.0,
        proposal: invitation.proposal.as_ref().map(|proposal| ProposedTimes {
            by: proposal.by.into(),
            times: proposal.times.iter().map(|time| time.0).collect(),
        }),
        later: invitation.later.map(|at| at.0),
        date: invitation.date.map(|at| at.0),
        cosigns: Cosigns {
            count: entry.cosigns,
            first: first.into_iter().map(|one| one.person.into()).collect(),
            mine,
        },
        questions,
        event: event.map(Id),
        link: link
            .filter(|_| me == Some(invitation.host))
            .map(|link| AnswerLinkState { claimed_at: link.claimed_at.map(|at| at.0), expires_at: link.expires_at.0 }),
        you: standing.part,
        can,
    })
}

/// Invitations in a list, read by somebody who acts for these principals.
pub(crate) async fn cards(
    app: &App,
    found: Vec<InvitationEntry>,
    wanted: &[String],
    principals: &[MemberId],
) -> Result<Vec<InvitationCard>, ApiError> {
    let ids: Vec<InvitationId> = found.iter().map(|entry| entry.id).collect();
    let mut texts: HashMap<InvitationId, Vec<Text>> = HashMap::new();
    for (id, text) in app.store.texts_of(&ids).await.map_err(internal)? {
        texts.entry(id).or_default().push(text);
    }
    let members: Vec<MemberId> = found
        .iter()
        .filter_map(|entry| match &entry.invitee {
            ShownInvitee::Member(person) => Some(person.id),
            ShownInvitee::Outside { .. } | ShownInvitee::Gone => None,
        })
        .collect();
    let proofs = app.store.proofs_of_members(&members).await.map_err(internal)?;
    let card = |entry: InvitationEntry| {
        let texts = texts.remove(&entry.id).unwrap_or_default();
        let title = chosen(&texts, wanted);
        let verified = match &entry.invitee {
            ShownInvitee::Member(person) => domains(proofs.get(&person.id)),
            ShownInvitee::Outside { .. } | ShownInvitee::Gone => Vec::new(),
        };
        let for_invitee = matches!(&entry.invitee, ShownInvitee::Member(person) if principals.contains(&person.id));
        let office = match (principals.contains(&entry.host.id), for_invitee) {
            (true, false) => Some(Side::Host.into()),
            (false, true) => Some(Side::Invitee.into()),
            _ => None,
        };
        InvitationCard {
            office,
            id: Id(entry.id),
            host: entry.host.into(),
            house: entry.house.map(badge),
            invitee: invitee(entry.invitee, verified),
            title: title.map(|text| text.title.clone()).unwrap_or_default(),
            language: title.map(|text| text.language.clone()).unwrap_or_default(),
            languages: texts.into_iter().map(|text| text.language).collect(),
            topics: entry.topics,
            state: entry.state.into(),
            turn: entry.turn.map(Into::into),
            round: entry.round,
            expires_at: entry.expires_at.0,
            created_at: entry.created_at.0,
            changed_at: entry.changed_at.0,
            cosigns: entry.cosigns,
            unverified: entry.unverified,
        }
    };
    Ok(found.into_iter().map(card).collect())
}

/// The text that is for somebody who wants these languages: the first is the original.
pub(super) fn chosen<'a>(texts: &'a [Text], wanted: &[String]) -> Option<&'a Text> {
    let place = best(wanted, texts.iter().map(|text| text.language.as_str()));
    texts.get(place.unwrap_or(0))
}

/// Which domains those who speak have shown to be theirs.
struct Proofs {
    members: HashMap<MemberId, Vec<ProvenDomain>>,
    outside: HashMap<RecordId, Vec<ProvenDomain>>,
    /// Those from outside who say that they answer for an office.
    offices: HashSet<RecordId>,
}

impl Proofs {
    async fn of(app: &App, file: &InvitationFile) -> Result<Self, ApiError> {
        let invitation = &file.invitation;
        let mut members = vec![invitation.host];
        if let rules::Invitee::Member(member) = invitation.invitee {
            members.push(member);
        }
        let mut outside: Vec<RecordId> = file.link.iter().map(|link| link.correspondent).collect();
        outside.extend(file.steps.iter().filter_map(|shown| match shown.step.voice {
            Voice::Outside(who) => Some(who),
            _ => None,
        }));
        outside.sort_unstable();
        outside.dedup();
        Ok(Self {
            members: app.store.proofs_of_members(&members).await.map_err(internal)?,
            outside: app.store.proofs_of_correspondents(&outside).await.map_err(internal)?,
            offices: app.store.offices_outside(&outside).await.map_err(internal)?,
        })
    }

    /// Domains that the invitee has shown to be theirs.
    fn of_invitee(&self, invitation: &rules::Invitation, correspondent: Option<RecordId>) -> Vec<String> {
        match &invitation.invitee {
            rules::Invitee::Member(member) => domains(self.members.get(member)),
            rules::Invitee::Outside { .. } => correspondent
                .and_then(|who| self.of_outside(invitation, who))
                .filter(|one| is_named(invitation, one))
                .map(|one| one.domain.clone())
                .into_iter()
                .collect(),
            rules::Invitee::Gone => Vec::new(),
        }
    }

    /// A domain that somebody from outside has shown to be theirs: the one that the host named, or else any.
    fn of_outside(&self, invitation: &rules::Invitation, who: RecordId) -> Option<&ProvenDomain> {
        let proven = self.outside.get(&who)?;
        proven.iter().find(|one| is_named(invitation, one)).or(proven.first())
    }
}

/// Whether a domain is the one that the host named: only that shows that somebody is who the host means.
fn is_named(invitation: &rules::Invitation, proven: &ProvenDomain) -> bool {
    matches!(&invitation.invitee, rules::Invitee::Outside { domain: Some(domain), .. } if *domain == proven.domain)
}

fn domains(proven: Option<&Vec<ProvenDomain>>) -> Vec<String> {
    proven.into_iter().flatten().map(|one| one.domain.clone()).collect()
}

fn step(
    shown: &ShownStep,
    invitation: &rules::Invitation,
    entry: &InvitationEntry,
    proofs: &Proofs,
    me: Option<MemberId>,
) -> InvitationStep {
    let step = &shown.step;
    let times: &[_] = match &step.what {
        What::TimesProposed { times } => times,
        What::TimeAgreed { time } | What::AnswerLater { until: time } => std::slice::from_ref(time),
        _ => &[],
    };
    let (sheet, subject) = match &step.what {
        What::SheetProposed { hash } | What::SheetAccepted { hash } => (Some(hex(hash)), None),
        What::Opened { room } | What::Ended { room } => (None, Some(room.to_string())),
        What::Merged { into } => (None, Some(into.to_string())),
        _ => (None, None),
    };
    let language = match &step.what {
        What::Translated { language } => Some(language.clone()),
        _ => step.words.as_ref().map(|words| words.language.clone()),
    };
    InvitationStep {
        n: step.n,
        at: step.at.0,
        kind: (&step.what).into(),
        voice: voice(shown, invitation, entry, proofs, me),
        round: step.round,
        language,
        text: step.words.as_ref().map(|words| words.text.clone()),
        times: times.iter().map(|time| time.0).collect(),
        sheet,
        subject,
    }
}

/// Who gave a step, and how we know (guarantee G11).
fn voice(
    shown: &ShownStep,
    invitation: &rules::Invitation,
    entry: &InvitationEntry,
    proofs: &Proofs,
    me: Option<MemberId>,
) -> StepVoice {
    let side = match shown.step.voice {
        Voice::System => None,
        voice => Some(invitation.side_of(voice)),
    };
    // The host's row of a suspended member is not read; an invitation of theirs is not either.
    let person = match side {
        Some(Side::Host) => Some(entry.host.clone()),
        _ => shown.member.clone(),
    };
    let name = person.as_ref().map(|person| person.name.clone()).unwrap_or_default();
    let by_account = || {
        let current = person.as_ref().and_then(|person| proofs.members.get(&person.id));
        person.is_some().then(|| shown.proof.as_ref().map_or_else(account, |proven| by_domain(proven, current)))
    };
    let side = side.map(Into::into);
    match shown.step.voice {
        Voice::Host(_) | Voice::Invitee(_) => StepVoice {
            kind: VoiceKind::Person,
            side,
            name,
            proof: by_account(),
            person: person.map(Into::into),
            office_of: None,
            delegate: None,
        },
        Voice::Office { of, delegate } => StepVoice {
            kind: VoiceKind::Office,
            side,
            name,
            person: None,
            proof: by_account(),
            office_of: person.map(Into::into),
            // The two of them know, and nobody else.
            delegate: shown.delegate.clone().filter(|_| me.is_some() && (me == of || me == delegate)).map(Into::into),
        },
        Voice::Outside(who) => {
            let proven = shown.proof.as_ref();
            let name = match &invitation.invitee {
                rules::Invitee::Outside { name, .. } => name.clone(),
                rules::Invitee::Member(_) | rules::Invitee::Gone => String::new(),
            };
            StepVoice {
                kind: match proven.is_some_and(|proven| is_named(invitation, proven)) {
                    true if proofs.offices.contains(&who) => VoiceKind::Office,
                    true => VoiceKind::Person,
                    false => VoiceKind::Unverified,
                },
                side,
                name,
                person: None,
                office_of: None,
                delegate: None,
                proof: proven.map(|proven| by_domain(proven, proofs.outside.get(&who))),
            }
        }
        Voice::System => StepVoice {
            kind: VoiceKind::System,
            side: None,
            name: String::new(),
            person: None,
            office_of: None,
            delegate: None,
            proof: None,
        },
    }
}

fn account() -> VoiceProof {
    VoiceProof { kind: VoiceProofKind::Account, domain: None, method: None, proven_at: None, holds: true }
}

/// The proof that went with a step, and whether it is among those that hold now.
fn by_domain(proven: &ProvenDomain, current: Option<&Vec<ProvenDomain>>) -> VoiceProof {
    VoiceProof {
        kind: VoiceProofKind::Domain,
        domain: Some(proven.domain.clone()),
        method: Some(proven.method.into()),
        proven_at: Some(proven.proven_at.0),
        holds: current.into_iter().flatten().any(|one| one.domain == proven.domain),
    }
}

/// What somebody can do now, as far as the rules offer it.
fn can(file: &InvitationFile, standing: &Standing, me: Option<MemberId>) -> Vec<Can> {
    let invitation = &file.invitation;
    let mut can = Vec::new();
    let now = edge::now();
    if let Some(actor) = &standing.actor {
        let round = invitation.round;
        let other = Other { id: invitation.id, host: invitation.host, invitee: rules::Invitee::Gone, open: false };
        let acts = [
            (Can::Accept, Act::Accept { round, words: None }),
            (Can::Decline, Act::Decline { round, words: None }),
            (Can::NeedDetails, Act::NeedDetails { round, words: None }),
            (Can::ProposeTime, Act::ProposeTimes { round, times: Vec::new(), words: None }),
            (Can::AnswerLater, Act::AnswerLater { round, until: now, words: None }),
            (Can::GiveDetails, Act::GiveDetails { round, words: None }),
            (Can::AgreeTime, Act::AgreeTime { round, time: now, words: None }),
            (Can::AcceptSheet, Act::AcceptSheet { hash: [0; 32] }),
            (Can::Withdraw, Act::Withdraw { words: None }),
            (Can::Merge, Act::Merge { into: other }),
            (Can::ProposeSheet, Act::ProposeSheet { hash: [0; 32] }),
            (Can::Translate, Act::Translate { language: String::new() }),
        ];
        can.extend(acts.iter().filter(|(_, act)| invitation.offers(actor, act)).map(|(can, _)| *can));
    }
    let open = invitation.state.is_open();
    let host = standing.part == Some(InvitationPart::Host);
    if host && open && matches!(invitation.invitee, rules::Invitee::Outside { .. }) {
        can.push(Can::Link);
    }
    if standing.part == Some(InvitationPart::Outside) && invitation.is_on() {
        can.push(Can::Come);
    }
    if standing.screens {
        can.push(Can::MarkAnswered);
    }
    if me.is_some() {
        if open && !host && standing.part != Some(InvitationPart::Invitee) {
            can.extend([Can::Cosign, Can::Ask]);
        }
        if open {
            can.push(Can::Vote);
        }
        can.push(Can::Reply);
    }
    can
}

fn invitee(shown: ShownInvitee, verified: Vec<String>) -> Invitee {
    match shown {
        ShownInvitee::Member(person) => Invitee {
            name: person.name.clone(),
            person: Some(person.into()),
            about: String::new(),
            domain: None,
            verified,
        },
        ShownInvitee::Outside { name, about, domain } => Invitee { person: None, name, about, domain, verified },
        ShownInvitee::Gone => {
            Invitee { person: None, name: String::new(), about: String::new(), domain: None, verified }
        }
    }
}

fn text(text: Text) -> InvitationText {
    InvitationText { language: text.language, title: text.title, text: text.body, original: text.original }
}

/// A version of the talk sheet as it is shown: what it says, and how it stands.
pub(super) fn sheet(said: ShownSheet, version: &rules::Version) -> SheetVersion {
    let ShownSheet { number, hash, sheet } = said;
    SheetVersion {
        version: number,
        hash: hex(&hash),
        topics: sheet.topics,
        minutes: sheet.minutes,
        languages: sheet.languages,
        recorded: sheet.recorded,
        others: sheet.others,
        audience: sheet.audience.into(),
        notes: sheet.notes,
        by: version.by.into(),
        at: version.at.0,
        agreed_at: version.agreed_at.map(|at| at.0),
    }
}
