//! Telling of invitations: the side that is to answer and its office, and when one is accepted those who co-sign it.
//!
//! Invariant: a step is written with the note that it is to be told, so that whoever tells of steps finds each one exactly once, also
//! after the process was killed. It is the same as with the changes of events.

use roomtone_room::ids::{InvitationId, MemberId, Timestamp};
use roomtone_room::invitation::What;
use roomtone_room::office::{Right, Rights};

use crate::Store;
use crate::db::{Row, sql};
use crate::error::StoreError;

/// A step of which not everybody has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepToTell {
    /// The invitation.
    pub invitation: InvitationId,
    /// Who invites.
    pub host: MemberId,
    /// The number of the step.
    pub n: u64,
    /// When it was taken.
    pub at: Timestamp,
    /// Whether it is the asking itself.
    pub asks: bool,
    /// The last of those who were told.
    pub told: Option<MemberId>,
    /// Whether it is for the host's side to hear of, and not for the invitee's.
    for_host: bool,
    /// Whether those who co-sign hear of it too.
    for_crowd: bool,
    /// Who took it, and so need not be told.
    by: Option<MemberId>,
}

/// Somebody who is to be told of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepHearer {
    /// Who.
    pub member: MemberId,
    /// Whether they hear of it only since they co-sign.
    pub cosigns: bool,
}

impl Store {
    /// Some of the steps of which not everybody has been told, the oldest first; of one invitation only the first.
    pub async fn steps_to_tell(&self, limit: u32) -> Result<Vec<StepToTell>, StoreError> {
        // The first yes makes the talk certain; a time that is agreed later moves it.
        let open = sql(
            "SELECT s.invitation, s.n, s.at, s.kind, s.voice, s.told, i.host, COALESCE(s.delegate, s.member) AS giver,
                    s.kind IN ('accepted', 'time_agreed') AND NOT EXISTS
                        (SELECT 1 FROM invitation_steps b WHERE b.invitation = s.invitation AND b.n < s.n
                            AND b.kind IN ('accepted', 'time_agreed')) AS accepts
             FROM invitation_steps s JOIN invitations i ON i.id = s.invitation
             WHERE s.done_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM invitation_steps o
                               WHERE o.invitation = s.invitation AND o.n < s.n AND o.done_at IS NULL)
             ORDER BY s.at, s.invitation LIMIT $1",
        );
        self.database.all(open.bind(limit)).await?.iter().map(step_to_tell_from).collect()
    }

    /// The next of those who are to be told of a step, by their ids: the side that it is for, with those in its office who may answer
    /// or arrange times, and those who co-signed by then if it is the one that makes the talk certain; but not whoever took it. Blocks and mutes
    /// are for whoever keeps the notices.
    pub async fn step_audience(
        &self,
        step: &StepToTell,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StepHearer>, StoreError> {
        let page = sql("SELECT a.member, CAST(MIN(a.crowd) AS BIGINT) AS crowd FROM (
                 SELECT i.host AS member, 0 AS crowd FROM invitations i WHERE i.id = $1 AND $2
                 UNION ALL SELECT i.invitee, 0 FROM invitations i WHERE i.id = $1 AND NOT $2 AND i.invitee IS NOT NULL
                 UNION ALL SELECT g.delegate, 0 FROM office_grants g JOIN invitations i ON i.id = $1
                     AND g.principal = CASE WHEN $2 THEN i.host ELSE i.invitee END
                     WHERE g.accepted_at IS NOT NULL AND g.ended_at IS NULL AND g.expires_at > $3 AND (g.rights & $4) <> 0
                 UNION ALL SELECT c.member, 1 FROM cosigns c WHERE c.invitation = $1 AND $5 AND c.at <= $6
             ) a WHERE a.member > $7 AND ($8 IS NULL OR a.member <> $8)
             GROUP BY a.member ORDER BY a.member LIMIT $9")
        .bind(step.invitation)
        .bind(step.for_host)
        .bind(now)
        .bind(Rights::from_iter([Right::Answer, Right::Schedule]).bits())
        .bind(step.for_crowd)
        .bind(step.at)
        .bind(step.told.unwrap_or(MemberId(0)))
        .bind(step.by)
        .bind(limit);
        let hearer = |row: &Row| Ok(StepHearer { member: row.member("member")?, cosigns: row.int("crowd")? == 1 });
        self.database.all(page).await?.iter().map(hearer).collect()
    }

    /// Notes that everybody up to `told` was told of a step; `None`: everybody was.
    pub async fn step_told(&self, step: &StepToTell, told: Option<MemberId>, now: Timestamp) -> Result<(), StoreError> {
        let note = sql("UPDATE invitation_steps SET told = COALESCE($3, told), done_at = $4
             WHERE invitation = $1 AND n = $2 AND done_at IS NULL")
        .bind(step.invitation)
        .bind(step.n)
        .bind(told)
        .bind(told.is_none().then_some(now));
        self.database.execute(note).await?;
        Ok(())
    }
}

/// Whether somebody is told of such a step. Of the talk itself its event tells.
pub(crate) fn is_told(what: &What) -> bool {
    !matches!(what, What::Translated { .. } | What::Opened { .. } | What::Ended { .. })
}

fn step_to_tell_from(row: &Row) -> Result<StepToTell, StoreError> {
    let (kind, voice) = (row.text("kind")?, row.text("voice")?);
    Ok(StepToTell {
        invitation: InvitationId(row.id("invitation")?),
        host: row.member("host")?,
        n: row.count("n")?,
        at: row.time("at")?,
        asks: kind == "asked",
        told: row.id_or_null("told")?.map(MemberId),
        // Nobody but the host waits for one whose time is over; everything else is for the other side.
        for_host: kind == "expired" || matches!(voice.as_str(), "invitee" | "invitee_office" | "outside"),
        for_crowd: row.bool("accepts")?,
        by: row.id_or_null("giver")?.map(MemberId),
    })
}
