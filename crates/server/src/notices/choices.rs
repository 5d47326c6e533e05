//! How members are told who have not chosen, and when they are not to be disturbed.

use jiff::tz::TimeZone;
use roomtone_room::ids::Timestamp;
use roomtone_room::quiet;
use roomtone_store::{QuietHours, Ways};

use crate::wire::notices::NoticeKind;

/// How a member is told of a kind until they choose. What happens now, or waits for an answer, goes out; the rest waits in
/// the inbox. Mail is only for those who ask for it.
pub(crate) fn default_ways(kind: NoticeKind) -> Ways {
    let push = match kind {
        NoticeKind::EventChanged
        | NoticeKind::InvitationAsked
        | NoticeKind::InvitationAnswered
        | NoticeKind::InvitationAccepted
        | NoticeKind::CohostAsked
        | NoticeKind::RoomOpened
        | NoticeKind::RoomSpeaking
        | NoticeKind::HouseRoom
        | NoticeKind::Ping
        | NoticeKind::Call
        | NoticeKind::CalledUp
        | NoticeKind::Nomination
        | NoticeKind::HouseInvited
        | NoticeKind::ReportHandled
        | NoticeKind::Moderated
        | NoticeKind::AppealMade
        | NoticeKind::AppealDecided
        | NoticeKind::OfficeOffered
        | NoticeKind::OfficeAccepted
        | NoticeKind::ProofMissing => true,
        NoticeKind::Followed
        | NoticeKind::InviteUsed
        | NoticeKind::InviteEarned
        | NoticeKind::HouseJoined
        | NoticeKind::CohostAccepted => false,
    };
    Ways { inbox: true, push, mail: false }
}

/// Whether there is a time zone of this name (IANA); the empty name is UTC.
pub(crate) fn is_time_zone(name: &str) -> bool {
    name.is_empty() || TimeZone::get(name).is_ok()
}

/// The end of a member's quiet hours, if `now` is in them. A time zone that is not known any more counts as UTC.
pub(crate) fn quiet_until(hours: &QuietHours, now: Timestamp) -> Option<Timestamp> {
    let (from, until) = hours.minutes?;
    let zone = TimeZone::get(&hours.time_zone).unwrap_or(TimeZone::UTC);
    quiet::quiet_until(now, from, until, |at| {
        let at = i64::try_from(at.0).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
        at.map_or(0, |at| zone.to_offset(at).seconds() / 60)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond() as u64)
    }

    #[track_caller]
    fn ends(zone: &str, from: u32, until: u32, now: &str, end: Option<&str>) {
        assert!(is_time_zone(zone));
        let hours = QuietHours { time_zone: zone.to_owned(), minutes: Some((from * 60, until * 60)) };
        assert_eq!(quiet_until(&hours, at(now)), end.map(at), "{zone} {now}");
    }

    #[test]
    fn nights_in_several_places() {
        ends("", 22, 7, "2026-11-22T23:00:00Z", Some("2026-11-23T07:00:00Z"));
        ends("Europe/Moscow", 22, 7, "2026-11-22T19:00:00Z", Some("2026-11-23T04:00:00Z"));
        ends("Europe/Moscow", 22, 7, "2026-11-22T18:59:59Z", None);
        ends("Asia/Kathmandu", 22, 7, "2026-11-22T16:15:00Z", Some("2026-11-23T01:15:00Z"));
        ends("America/Los_Angeles", 22, 7, "2026-11-22T06:00:00Z", Some("2026-11-22T15:00:00Z"));
    }

    #[test]
    fn nights_in_which_clocks_change() {
        // Forward on 2026-03-29 at 01:00 UTC, back on 2026-10-25 at 01:00 UTC.
        ends("Europe/Berlin", 22, 7, "2026-03-28T22:00:00Z", Some("2026-03-29T05:00:00Z"));
        ends("Europe/Berlin", 22, 7, "2026-10-24T21:00:00Z", Some("2026-10-25T06:00:00Z"));
        ends("Europe/Berlin", 22, 7, "2026-10-25T22:00:00Z", Some("2026-10-26T06:00:00Z"));
        // Forward on 2026-03-08 at 10:00 UTC.
        ends("America/Los_Angeles", 22, 7, "2026-03-08T06:30:00Z", Some("2026-03-08T14:00:00Z"));
    }

    #[test]
    fn what_is_no_time_zone() {
        for bad in ["Mars/Olympus", "../etc/passwd", "europe", "+03:00", "EST5EDT4", "\0"] {
            assert!(!is_time_zone(bad), "{bad}");
        }
        let hours = QuietHours { time_zone: "Mars/Olympus".to_owned(), minutes: Some((0, 60)) };
        assert_eq!(quiet_until(&hours, at("2026-11-22T00:30:00Z")), Some(at("2026-11-22T01:00:00Z")));
        assert_eq!(quiet_until(&QuietHours::default(), at("2026-11-22T00:30:00Z")), None);
    }

    #[test]
    fn nobody_gets_mail_who_has_not_asked_for_it() {
        for kind in NoticeKind::ALL {
            let ways = default_ways(kind);
            assert!(ways.inbox && !ways.mail, "{kind:?}");
        }
    }
}
