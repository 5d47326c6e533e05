//! Telling of steps of invitations, in the same way as of changes of events.

use roomtone_room::ids::{MemberId, Timestamp};
use roomtone_store::{NewNotice, StepHearer, StepToTell, StoreError};

use super::{PAGE, notice_id};
use crate::app::App;
use crate::edge;
use crate::notices::choices::default_ways;
use crate::notices::keep_all_of;
use crate::wire::notices::NoticeKind;

/// Tells the next page of those who are to be told of a step, and notes that.
pub(super) async fn tell_page(app: &App, step: &StepToTell) -> Result<(), StoreError> {
    let last = keep_page(app, step).await?;
    app.store.step_told(step, last, edge::now()).await
}

/// Keeps the notices of a page, and returns the last whom it tells.
async fn keep_page(app: &App, step: &StepToTell) -> Result<Option<MemberId>, StoreError> {
    let audience = app.store.step_audience(step, edge::now(), PAGE).await?;
    let notices = audience.iter().map(|&StepHearer { member, cosigns }| {
        // No name goes with an answer: who is in an office is not for everybody to know.
        let (kind, actor) = match (cosigns, step.asks) {
            (true, _) => (NoticeKind::InvitationAccepted, Some(step.host)),
            (false, true) => (NoticeKind::InvitationAsked, Some(step.host)),
            (false, false) => (NoticeKind::InvitationAnswered, None),
        };
        NewNotice {
            id: notice_id(b"roomtone invitation", step.invitation.0, step.n, member),
            member,
            kind: kind.as_str(),
            actor,
            subject: Some(step.invitation.0),
            body: String::new(),
            at: step.at,
            defaults: default_ways(kind),
            away: !app.live.is_open(member),
        }
    });
    // No two steps are the same.
    keep_all_of(app, notices.collect(), Timestamp(i64::MAX as u64)).await?;
    Ok(audience.last().map(|hearer| hearer.member))
}

#[cfg(test)]
mod tests {
    use roomtone_room::ids::{EventId, InvitationId, RecordId};
    use roomtone_room::invitation::{Act, Invitation, Invitee};
    use roomtone_store::{Acted, Acting, CrowdSaid, InvitationAct, InvitationMade, InvitationText, NewInvitation};

    use super::super::settle;
    use super::*;
    use crate::app::tests::idle;

    /// More who co-sign than a page has.
    const COSIGNERS: u128 = PAGE as u128 + 20;

    async fn told(app: &App, member: MemberId) -> Vec<String> {
        let told = app.store.notices(member, None, 10).await.unwrap();
        told.into_iter().map(|notice| notice.kind).collect()
    }

    /// The process dies between two pages, and between a page and the note of it: after the next start everybody has been told once.
    #[tokio::test]
    async fn whoever_is_killed_between_pages_tells_nobody_twice_and_forgets_nobody() {
        let (app, _data) = idle().await;
        let [ada, ben] = [app.newcomer("ada").await, app.newcomer("ben").await].map(|one| one.member.person.id);
        let (id, now) = (InvitationId(edge::random_128()), edge::now());
        let (invitation, step) = Invitation::ask(id, ada, Invitee::Member(ben), now.plus(3_600_000), now);
        let (language, title) = ("en".to_owned(), "Tea".to_owned());
        let texts = vec![InvitationText { language, title, body: "Come".to_owned(), original: true }];
        let new = NewInvitation { invitation, step, house: None, topics: Vec::new(), texts };
        assert_eq!(app.store.create_invitation(&new).await.unwrap(), InvitationMade::Made);
        let mut cosigners = Vec::new();
        for number in 0..COSIGNERS {
            let member = app.newcomer(&format!("m{number}")).await.member.person.id;
            assert_eq!(app.store.cosign(member, id, edge::now()).await.unwrap(), CrowdSaid::Done);
            cosigners.push(member);
        }
        settle(&app).await.unwrap();
        assert_eq!(told(&app, ben).await, ["invitation_asked"]);
        let ids = (EventId(edge::random_128()), RecordId(edge::random_128()));
        let (act, now) = (Act::Accept { round: 1, words: None }, edge::now());
        let yes = InvitationAct { invitation: id, acting: Acting::Member(ben), act, sheet: None, text: None, ids, now };
        assert!(matches!(app.store.act_on_invitation(&yes).await.unwrap(), Acted::Done(_)));
        // The first page is told and noted; the second is told, and nobody notes it any more.
        let open = app.store.steps_to_tell(10).await.unwrap();
        tell_page(&app, &open[0]).await.unwrap();
        let open = app.store.steps_to_tell(10).await.unwrap();
        assert!(open[0].told.is_some());
        assert!(keep_page(&app, &open[0]).await.unwrap().is_some());
        // What starts again knows only the store.
        settle(&app).await.unwrap();
        assert_eq!(app.store.steps_to_tell(10).await.unwrap(), []);
        for member in cosigners {
            assert_eq!(told(&app, member).await, ["invitation_accepted"]);
        }
        assert_eq!(told(&app, ada).await, ["invitation_answered"]);
        assert_eq!(told(&app, ben).await, ["invitation_asked"], "he did it");
    }
}
