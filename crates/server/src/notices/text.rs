//! What push messages and letters say, in the languages of the interface.

use crate::wire::events::EventChange;
use crate::wire::notices::NoticeKind;

/// The words of one language. `{who}` is the name of whoever did it, `{what}` the title of a room or the name of a house or
/// a text, `{server}` the name of the server, `{n}` a number.
pub(crate) struct Texts {
    line: fn(NoticeKind) -> &'static str,
    /// What happened to an event: `{what}` is its title, `{when}` its date.
    event: fn(EventChange) -> &'static str,
    /// Where nobody's name is known.
    somebody: &'static str,
    /// How many notices, for the number's plural form.
    many: fn(u64) -> &'static str,
    /// At the end of a letter; `{settings}` and `{stop}` are links.
    foot: &'static str,
}

/// The words in the interface language that is nearest to a language tag.
pub(crate) fn texts(language: &str) -> &'static Texts {
    let primary = language.split('-').next().unwrap_or_default();
    if primary.eq_ignore_ascii_case("ru") { &RUSSIAN } else { &ENGLISH }
}

impl Texts {
    /// One notice as a sentence.
    pub(crate) fn line(&self, kind: NoticeKind, who: Option<&str>, what: &str) -> String {
        fill((self.line)(kind), &[("{who}", who.unwrap_or(self.somebody)), ("{what}", what)])
    }

    /// What happened to an event as a sentence; `when` is its date as it is written for people.
    pub(crate) fn event(&self, change: EventChange, what: &str, when: &str) -> String {
        fill((self.event)(change), &[("{what}", what), ("{when}", when)])
    }

    /// "3 notices".
    pub(crate) fn many(&self, n: u64) -> String {
        fill((self.many)(n), &[("{n}", &n.to_string())])
    }

    /// The end of a letter.
    pub(crate) fn foot(&self, server: &str, settings: &str, stop: &str) -> String {
        fill(self.foot, &[("{server}", server), ("{settings}", settings), ("{stop}", stop)])
    }
}

/// Fills values in. What a value holds is not looked at again, so that a name cannot stand for another value.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(begin) = rest.find('{') {
        text.push_str(&rest[..begin]);
        rest = &rest[begin..];
        let (mark, value) = values.iter().find(|(mark, _)| rest.starts_with(mark)).copied().unwrap_or(("{", "{"));
        text.push_str(value);
        rest = &rest[mark.len()..];
    }
    text.push_str(rest);
    text
}

static ENGLISH: Texts = Texts {
    line: |kind| match kind {
        NoticeKind::Followed => "{who} follows you",
        NoticeKind::RoomOpened => "{who} opened a room: {what}",
        NoticeKind::RoomSpeaking => "{who} is on stage: {what}",
        NoticeKind::HouseRoom => "{who} opened a room in one of your houses: {what}",
        NoticeKind::Ping => "{who} asks you to come: {what}",
        NoticeKind::Call => "{who} is calling you",
        NoticeKind::CalledUp => "{who} calls you up on stage: {what}",
        NoticeKind::InviteUsed => "{who} has used your invite",
        NoticeKind::InviteEarned => "{who} takes part: you may invite one more person",
        NoticeKind::Nomination => "{who} has nominated somebody for {what}",
        NoticeKind::HouseInvited => "You may join {what}",
        NoticeKind::HouseJoined => "{who} has joined {what}",
        NoticeKind::ReportHandled => "Your report was looked at. {what}",
        NoticeKind::Moderated => "A moderator put you out of a room, which you can appeal against: {what}",
        NoticeKind::AppealMade => "{who} appeals against what was done to them in a room: {what}",
        NoticeKind::AppealDecided => "Your appeal is decided: {what}",
        NoticeKind::OfficeOffered => "{who} asks you to act for them: {what}",
        NoticeKind::OfficeAccepted => "{who} acts for you from now on: {what}",
        NoticeKind::InvitationAsked => "{who} invites you to come and talk: {what}",
        NoticeKind::InvitationAnswered => "There is an answer in an invitation: {what}",
        NoticeKind::InvitationAccepted => "An invitation that you co-signed is accepted: {what}",
        NoticeKind::EventChanged => "News of an event: {what}",
        NoticeKind::CohostAsked => "{who} asks you to host an event with them: {what}",
        NoticeKind::CohostAccepted => "{who} hosts your event with you: {what}",
        NoticeKind::ProofMissing => "Show again that a domain is yours: {what}",
    },
    event: |change| match change {
        EventChange::Announced => "The next one is on {when}: {what}",
        EventChange::Agreed => "It is agreed: {what}",
        EventChange::Dated => "It has a date, {when}: {what}",
        EventChange::Moved => "It has another date, {when}: {what}",
        EventChange::Undated => "Its date is unknown again: {what}",
        EventChange::Live => "It is live now: {what}",
        EventChange::Ended => "It has ended: {what}",
        EventChange::Cancelled => "It is cancelled: {what}",
        EventChange::Resized => "It ends at another time: {what}",
    },
    somebody: "Somebody",
    many: |n| match n {
        1 => "{n} notice",
        _ => "{n} notices",
    },
    foot: "You get this letter because you asked {server} for letters.\nWhich ones you get: {settings}\nTo get none any \
           more: {stop}\n",
};

static RUSSIAN: Texts = Texts {
    line: |kind| match kind {
        NoticeKind::Followed => "{who}: новая подписка на вас",
        NoticeKind::RoomOpened => "{who} открывает комнату: {what}",
        NoticeKind::RoomSpeaking => "{who} на сцене: {what}",
        NoticeKind::HouseRoom => "{who} открывает комнату в вашем доме: {what}",
        NoticeKind::Ping => "{who} зовёт вас: {what}",
        NoticeKind::Call => "{who} звонит вам",
        NoticeKind::CalledUp => "{who} зовёт вас на сцену: {what}",
        NoticeKind::InviteUsed => "{who} теперь здесь по вашему приглашению",
        NoticeKind::InviteEarned => "{who} участвует в разговорах: вы можете пригласить ещё одного человека",
        NoticeKind::Nomination => "{who} предлагает принять человека в дом {what}",
        NoticeKind::HouseInvited => "Вы можете вступить в дом {what}",
        NoticeKind::HouseJoined => "{who} теперь в доме {what}",
        NoticeKind::ReportHandled => "Ваша жалоба рассмотрена. {what}",
        NoticeKind::Moderated => "Модератор удалил вас из комнаты; это можно обжаловать: {what}",
        NoticeKind::AppealMade => "{who} обжалует решение модератора в комнате: {what}",
        NoticeKind::AppealDecided => "По вашему обжалованию принято решение: {what}",
        NoticeKind::OfficeOffered => "{who} просит вас вести свои дела: {what}",
        NoticeKind::OfficeAccepted => "{who} теперь ведёт ваши дела: {what}",
        NoticeKind::InvitationAsked => "{who} приглашает вас на разговор: {what}",
        NoticeKind::InvitationAnswered => "Есть ответ в приглашении: {what}",
        NoticeKind::InvitationAccepted => "Принято приглашение, которое вы поддержали: {what}",
        NoticeKind::EventChanged => "Новости о событии: {what}",
        NoticeKind::CohostAsked => "{who} предлагает вместе вести событие: {what}",
        NoticeKind::CohostAccepted => "{who} ведёт ваше событие вместе с вами: {what}",
        NoticeKind::ProofMissing => "Подтвердите домен ещё раз: {what}",
    },
    event: |change| match change {
        EventChange::Announced => "Следующее событие {when}: {what}",
        EventChange::Agreed => "Событие согласовано: {what}",
        EventChange::Dated => "Назначена дата, {when}: {what}",
        EventChange::Moved => "Дата изменилась, теперь {when}: {what}",
        EventChange::Undated => "Дата снова неизвестна: {what}",
        EventChange::Live => "Событие идёт сейчас: {what}",
        EventChange::Ended => "Событие закончилось: {what}",
        EventChange::Cancelled => "Событие отменено: {what}",
        EventChange::Resized => "Событие закончится в другое время: {what}",
    },
    somebody: "Кто-то",
    many: |n| match (n % 10, n % 100) {
        (1, rest) if rest != 11 => "{n} уведомление",
        (2..=4, rest) if !(12..=14).contains(&rest) => "{n} уведомления",
        _ => "{n} уведомлений",
    },
    foot: "Вы получили это письмо, потому что просили {server} присылать письма.\nКакие письма приходят: {settings}\nБольше не \
           присылать никаких: {stop}\n",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_words_in_every_language() {
        let cyrillic = |text: &str| text.chars().any(|c| matches!(c, 'а'..='я' | 'ё'));
        for (language, texts) in [("en", texts("en-GB")), ("ru", texts("RU"))] {
            for kind in NoticeKind::ALL {
                let line = texts.line(kind, Some("Ada"), "Tea");
                assert!(!line.contains(['{', '}', '!']) && line.len() > 8, "{line}");
                assert_eq!(cyrillic(&line), language == "ru", "{line}");
                let actor = !matches!(
                    kind,
                    NoticeKind::HouseInvited
                        | NoticeKind::EventChanged
                        | NoticeKind::InvitationAnswered
                        | NoticeKind::InvitationAccepted
                        | NoticeKind::ReportHandled
                        | NoticeKind::Moderated
                        | NoticeKind::AppealDecided
                        | NoticeKind::ProofMissing
                );
                assert_eq!(line.contains("Ada"), actor, "{line}");
                assert_eq!(cyrillic(&texts.line(kind, None, "Tea")), language == "ru");
            }
            let foot = texts.foot("Kitchen", "https://x.example/me", "https://x.example/stop");
            assert!(["Kitchen", "x.example/me", "x.example/stop"].iter().all(|part| foot.contains(part)), "{foot}");
            assert!(!foot.contains(['{', '!']) && cyrillic(&foot) == (language == "ru"), "{foot}");
        }
        assert!(std::ptr::eq(texts("de"), &ENGLISH));
    }

    #[test]
    fn every_change_of_an_event_has_words_in_every_language() {
        let cyrillic = |text: &str| text.chars().any(|c| matches!(c, 'а'..='я' | 'ё'));
        for (language, texts) in [("en", texts("en")), ("ru", texts("ru"))] {
            for change in EventChange::ALL {
                let line = texts.event(change, "{when}", "noon");
                assert!(line.ends_with(": {when}") && !line.contains('!'), "{line}");
                assert_eq!(cyrillic(&line), language == "ru", "{line}");
                let dated = matches!(change, EventChange::Announced | EventChange::Dated | EventChange::Moved);
                assert_eq!(line.contains("noon"), dated, "{line}");
            }
        }
    }

    #[test]
    fn plurals() {
        let russian = |n| texts("ru").many(n);
        for n in [1, 21, 101] {
            assert_eq!(russian(n), format!("{n} уведомление"));
        }
        for n in [2, 4, 22, 103] {
            assert_eq!(russian(n), format!("{n} уведомления"));
        }
        for n in [0, 5, 11, 12, 14, 111, 112] {
            assert_eq!(russian(n), format!("{n} уведомлений"));
        }
        assert_eq!((texts("en").many(1), texts("en").many(2)), ("1 notice".to_owned(), "2 notices".to_owned()));
    }

    #[test]
    fn a_name_cannot_stand_for_something_else() {
        assert_eq!(texts("en").line(NoticeKind::RoomOpened, Some("{what}"), "Tea"), "{what} opened a room: Tea");
        assert_eq!(texts("en").line(NoticeKind::Ping, Some("Ada"), "{who} {"), "Ada asks you to come: {who} {");
    }
}
