//! What a room answers to a command: the events that it brings about, or why not.

use crate::command::{Actor, Command, GuestPass, Rejection};
use crate::event::{CallUpCause, Event, HandCause, KnockCause, LeaveReason, OfferCause, RoleCause};
use crate::hands::{line_is_valid, question_is_valid};
use crate::ids::{MemberId, TalkerNo, Timestamp};
use crate::participant::Participant;
use crate::role::Role;
use crate::room::Room;
use crate::settings::{CallUp, HandRule, link_is_valid};
use crate::{
    BANS_MAX, CALL_UP_MILLIS, CALL_UPS_MAX, CONTEXT_MAX_CHARS, HANDS_MAX, LINKS_MAX, REASON_MAX_CHARS,
    SLOW_MAX_SECONDS, STAGE_MAX, TIMER_MAX_MILLIS, WAITING_MAX,
};

impl Room {
    /// The events that a command brings about, before anybody has to inherit the room.
    pub(crate) fn decide(&self, now: Timestamp, actor: Actor, command: Command) -> Result<Vec<Event>, Rejection> {
        if !self.is_open() {
            return Err(Rejection::RoomEnded);
        }
        match (actor, command) {
            (Actor::System, Command::LoseConnection { member }) => self.lose_connection(member),
            (Actor::System, Command::Tick) => Ok(self.run_out(now)),
            (Actor::System, Command::EndPass { guest }) => self.end_pass(guest),
            (Actor::System, Command::StopRecording { replay, cause }) => Ok(self.stop_recording(replay, cause)),
            (Actor::System, Command::WithdrawTrack { replay, track }) => Ok(self.withdraw_track(replay, track)),
            (Actor::System, Command::Forget { member }) if self.present.get(member).is_some() => {
                Err(Rejection::AlreadyHere)
            }
            (Actor::System, Command::Forget { member }) if self.keeps_anything_of(member) => {
                Ok(vec![Event::Forgotten { member }])
            }
            (Actor::System, Command::Forget { .. }) => Ok(Vec::new()),
            (Actor::System, Command::LiftBan { member, at, by }) => {
                let appealed = self.bans.get(&member).is_some_and(|ban| ban.at == at);
                changes(appealed, Event::Unbanned { member, by })
            }
            (Actor::System, _)
            | (
                _,
                Command::LoseConnection { .. }
                | Command::Tick
                | Command::EndPass { .. }
                | Command::StopRecording { .. }
                | Command::WithdrawTrack { .. }
                | Command::Forget { .. }
                | Command::LiftBan { .. },
            ) => Err(Rejection::WrongActor),
            (Actor::Member { member, role_epoch, .. }, command) => match self.present.get(member) {
                None => self.decide_for_outsider(member, now, command),
                Some(sender)
                    if takes_a_role(&command) && role_epoch.is_some_and(|believed| believed != sender.role_epoch) =>
                {
                    Err(Rejection::StaleRole)
                }
                Some(sender) => self.decide_for(sender, now, command),
            },
        }
    }

    /// The events that a command of somebody who is not present brings about.
    fn decide_for_outsider(&self, member: MemberId, now: Timestamp, command: Command) -> Result<Vec<Event>, Rejection> {
        let ended = |cause| Ok(vec![Event::KnockEnded { guest: member, cause }]);
        match command {
            Command::Enter { followed_by_moderator } => self.admit(member, followed_by_moderator),
            Command::Knock { pass } => self.knock(member, now, pass),
            Command::Leave if self.waiting.contains_key(&member) => ended(KnockCause::GaveUp),
            Command::DeclineCallUp => {
                let call = self.called.get(&member).ok_or(Rejection::NoCallUp)?;
                Ok(vec![Event::CallUpEnded { member, by: call.by, cause: CallUpCause::Declined }])
            }
            _ => Err(Rejection::NotInRoom),
        }
    }

    /// The events that a command of somebody present brings about.
    fn decide_for(&self, sender: &Participant, now: Timestamp, command: Command) -> Result<Vec<Event>, Rejection> {
        let by = sender.member;
        match command {
            Command::Enter { .. } if sender.connected => Ok(Vec::new()),
            Command::Enter { .. } => Ok(vec![Event::Returned { member: by }]),
            Command::Leave => Ok(vec![Event::Left { member: by, reason: LeaveReason::Quit }]),
            Command::RaiseHand { question, followed_by_speaker } => {
                self.raise_hand(sender, question, followed_by_speaker)
            }
            Command::LowerHand => {
                sender.hand.as_ref().ok_or(Rejection::NoHand)?;
                Ok(vec![Event::HandLowered { member: by, cause: HandCause::Lowered }])
            }
            Command::AcceptHand { member } => {
                let target = self.subject(sender, member)?;
                self.to_stage(target, target.hand.is_some(), Rejection::NoHand, RoleCause::HandAccepted { by })
            }
            Command::DeclineHand { member } => {
                let target = self.subject(sender, member)?;
                target.hand.as_ref().ok_or(Rejection::NoHand)?;
                Ok(vec![Event::HandLowered { member, cause: HandCause::Declined { by } }])
            }
            Command::MoveHand { member, place } => {
                self.subject(sender, member)?.hand.as_ref().ok_or(Rejection::NoHand)?;
                Ok(vec![Event::HandMoved { member, place, by }])
            }
            Command::OfferStage { member } => self.offer_stage(sender, member),
            Command::WithdrawOffer { member } => {
                self.subject(sender, member)?.offer.ok_or(Rejection::NoOffer)?;
                Ok(vec![Event::OfferEnded { member, cause: OfferCause::Withdrawn { by } }])
            }
            Command::AcceptOffer => {
                self.to_stage(sender, sender.offer.is_some(), Rejection::NoOffer, RoleCause::OfferAccepted)
            }
            Command::DeclineOffer => {
                sender.offer.ok_or(Rejection::NoOffer)?;
                Ok(vec![Event::OfferEnded { member: by, cause: OfferCause::Declined }])
            }
            Command::StepDown => self.step_down(sender),
            Command::SetMic { open } => set_mic(sender, open),
            Command::Mute { member } => {
                let target = self.performer(sender, member)?;
                if target.muted {
                    return Err(Rejection::NothingToChange);
                }
                Ok(vec![Event::Muted { member, by, role_epoch: target.role_epoch.next() }])
            }
            Command::Unmute { member } => {
                let target = self.performer(sender, member)?;
                if !target.muted {
                    return Err(Rejection::NothingToChange);
                }
                Ok(vec![Event::Unmuted { member, by, role_epoch: target.role_epoch.next() }])
            }
            Command::MoveToAudience { member } => {
                let target = self.performer(sender, member)?;
                Ok(vec![role_changed(target, Role::Listener, RoleCause::MovedToAudience { by })])
            }
            Command::Remove { member } => {
                self.unprotected(sender, member)?;
                Ok(vec![Event::Left { member, reason: LeaveReason::Removed { by } }])
            }
            Command::MakeModerator { member } => {
                let target = self.performer(sender, member)?;
                if target.role.moderates() {
                    return Err(Rejection::NothingToChange);
                }
                not_a_guest(target)?;
                Ok(vec![role_changed(target, Role::Moderator, RoleCause::MadeModerator { by })])
            }
            Command::TakeModerator { member } => {
                let target = self.performer(sender, member)?;
                if !target.role.moderates() {
                    return Err(Rejection::NothingToChange);
                }
                Ok(vec![role_changed(target, Role::Speaker, RoleCause::ModeratorTaken { by })])
            }
            Command::Ban { member, reason } => self.ban(sender, member, reason),
            Command::Unban { member } => {
                moderates(sender)?;
                self.bans.get(&member).ok_or(Rejection::NothingToChange)?;
                Ok(vec![Event::Unbanned { member, by }])
            }
            Command::HandOver { member } => self.hand_over(sender, member),
            Command::Widen { kind } => {
                if sender.role != Role::Host {
                    return Err(Rejection::NotAllowed);
                }
                changes(kind > self.kind, Event::Widened { kind, by })
            }
            Command::CallUp { member, context } => self.call_up(sender, now, member, context),
            Command::WithdrawCallUp { member } => {
                // Whoever rang may stop, and so may those who run the room.
                let own = self.called.get(&member).is_some_and(|call| call.by == by);
                if !own {
                    moderates(sender)?;
                }
                let call = self.called.get(&member).ok_or(Rejection::NoCallUp)?;
                Ok(vec![Event::CallUpEnded { member, by: call.by, cause: CallUpCause::Withdrawn { by } }])
            }
            Command::GiveFloor { member } => self.give_floor(sender, member),
            Command::SetEvidence { on } => {
                if sender.role != Role::Host {
                    return Err(Rejection::NotAllowed);
                }
                if on && !self.may_be_kept() {
                    return Err(Rejection::NotInSheet);
                }
                changes(on != self.settings.evidence, Event::EvidenceSet { on, by })
            }
            Command::AgreeEvidence { agree } => self.agree_evidence(sender, agree),
            Command::SetRecording { recording } => self.set_recording(sender, recording),
            Command::ConsentRecording { replay, text, agree } => self.consent_recording(sender, replay, text, agree),
            Command::TakeQuestion { number } => self.take_question(sender, number),
            Command::SettleQuestion { number, answered } => self.settle_question(sender, number, answered),
            Command::Admit { guest } => self.let_in(sender, guest),
            Command::TurnAway { guest } => {
                moderates(sender)?;
                self.waiting.get(&guest).ok_or(Rejection::NotWaiting)?;
                Ok(vec![Event::KnockEnded { guest, cause: KnockCause::TurnedAway { by } }])
            }
            Command::Knock { .. } => Err(Rejection::AlreadyHere),
            Command::DeclineCallUp => Err(Rejection::NoCallUp),
            Command::End => {
                moderates(sender)?;
                Ok(vec![Event::Ended { by: Some(by) }])
            }
            Command::Describe { .. }
            | Command::RuleHands { .. }
            | Command::LockStage { .. }
            | Command::SetBackchannel { .. }
            | Command::SetTimer { .. }
            | Command::PinLink { .. }
            | Command::UnpinLink { .. } => {
                moderates(sender)?;
                self.set(by, now, command)
            }
            Command::LoseConnection { .. }
            | Command::Tick
            | Command::EndPass { .. }
            | Command::StopRecording { .. }
            | Command::WithdrawTrack { .. }
            | Command::Forget { .. }
            | Command::LiftBan { .. } => Err(Rejection::WrongActor),
        }
    }

    /// What any moderator may set.
    fn set(&self, by: MemberId, now: Timestamp, command: Command) -> Result<Vec<Event>, Rejection> {
        let settings = &self.settings;
        match command {
            Command::Describe { title, topics, language } => {
                let same = title == self.title && topics == self.topics && language == self.language;
                changes(!same, Event::Described { title, topics, language, by })
            }
            Command::RuleHands { rule } => changes(rule != settings.hands, Event::HandsRuled { rule, by }),
            Command::LockStage { locked } => {
                changes(locked != settings.stage_locked, Event::StageLocked { locked, by })
            }
            Command::SetBackchannel { open, slow_seconds } => {
                if slow_seconds > SLOW_MAX_SECONDS {
                    return Err(Rejection::InvalidValue);
                }
                let same = (open, slow_seconds) == (settings.backchannel, settings.slow_seconds);
                changes(!same, Event::BackchannelSet { open, slow_seconds, by })
            }
            Command::SetTimer { until } => {
                if until.is_some_and(|until| until <= now || until > now.plus(TIMER_MAX_MILLIS)) {
                    return Err(Rejection::InvalidValue);
                }
                changes(until != settings.timer, Event::TimerSet { until, by })
            }
            Command::PinLink { url, label } => {
                if !link_is_valid(&url, &label) {
                    return Err(Rejection::InvalidValue);
                }
                // After four thousand million links there is no number left.
                let number = settings.last_link.checked_add(1).ok_or(Rejection::TooMany)?;
                if settings.links.len() >= LINKS_MAX {
                    return Err(Rejection::TooMany);
                }
                Ok(vec![Event::LinkPinned { number, url, label, by }])
            }
            Command::UnpinLink { number } => {
                settings.links.iter().find(|link| link.number == number).ok_or(Rejection::NoSuchLink)?;
                Ok(vec![Event::LinkUnpinned { number, by }])
            }
            _ => Err(Rejection::WrongActor),
        }
    }

    /// A member who is not present comes in as a listener, under a number nobody had before. Whoever was called up is
    /// asked on stage with it.
    fn admit(&self, member: MemberId, followed_by_moderator: bool) -> Result<Vec<Event>, Rejection> {
        if self.bans.contains_key(&member) {
            return Err(Rejection::Banned);
        }
        // A guest who waits is let in by a moderator and in no other way.
        if self.waiting.contains_key(&member) || !self.may_enter(member, followed_by_moderator) {
            return Err(Rejection::NotAdmitted);
        }
        let mut events = vec![Event::Entered { member, number: self.next_number()?, pass: None }];
        if let Some(call) = self.called.get(&member) {
            events.push(Event::CallUpEnded { member, by: call.by, cause: CallUpCause::Answered });
            events.push(Event::StageOffered { member, by: call.by });
        }
        Ok(events)
    }

    /// The number of whoever comes in next. After four thousand million entrances there is none left.
    fn next_number(&self) -> Result<TalkerNo, Rejection> {
        self.last_number.0.checked_add(1).map(TalkerNo).ok_or(Rejection::NotAdmitted)
    }

    /// A guest waits; one who was let in before comes in at once, into the audience, unless they were put out since. Saying so
    /// twice is harmless.
    fn knock(&self, guest: MemberId, now: Timestamp, pass: GuestPass) -> Result<Vec<Event>, Rejection> {
        if self.bans.contains_key(&guest) {
            return Err(Rejection::Banned);
        }
        if pass.until <= now {
            return Err(Rejection::NotAdmitted);
        }
        if self.waiting.contains_key(&guest) {
            return Ok(Vec::new());
        }
        if self.let_in.get(&guest).is_some_and(|until| *until > now) {
            return Ok(vec![Event::Entered { member: guest, number: self.next_number()?, pass: Some(pass) }]);
        }
        if self.waiting.len() >= WAITING_MAX {
            return Err(Rejection::TooMany);
        }
        Ok(vec![Event::Knocked { guest, pass }])
    }

    /// A waiting guest comes in, and on stage if it has a place for them and is not locked.
    fn let_in(&self, sender: &Participant, guest: MemberId) -> Result<Vec<Event>, Rejection> {
        moderates(sender)?;
        let by = sender.member;
        let pass = self.waiting.get(&guest).ok_or(Rejection::NotWaiting)?.pass;
        let mut events = vec![
            Event::KnockEnded { guest, cause: KnockCause::Admitted { by } },
            Event::Entered { member: guest, number: self.next_number()?, pass: Some(pass) },
        ];
        let provided = self.provided_on_stage(guest, true).is_ok();
        if !self.settings.stage_locked && self.present.stage_len() < STAGE_MAX && provided {
            let (role, role_epoch) = (Role::Speaker, self.first_epoch.next());
            events.push(Event::RoleChanged { member: guest, role, role_epoch, cause: RoleCause::LetIn { by } });
        }
        Ok(events)
    }

    /// A guest's link was revoked.
    fn end_pass(&self, guest: MemberId) -> Result<Vec<Event>, Rejection> {
        if self.waiting.contains_key(&guest) {
            return Ok(vec![Event::KnockEnded { guest, cause: KnockCause::PassEnded }]);
        }
        match self.present.get(guest) {
            Some(participant) if participant.is_guest() => {
                Ok(vec![Event::Left { member: guest, reason: LeaveReason::PassEnded }])
            }
            _ => Err(Rejection::NotInRoom),
        }
    }

    /// Somebody is rung who is not in the room. Any speaker may; only a moderator's call lets somebody into a room that
    /// is not for them.
    fn call_up(
        &self,
        sender: &Participant,
        now: Timestamp,
        member: MemberId,
        context: Option<String>,
    ) -> Result<Vec<Event>, Rejection> {
        if !sender.role.on_stage() || sender.is_guest() {
            return Err(Rejection::NotAllowed);
        }
        if context.as_deref().is_some_and(|text| !line_is_valid(text, CONTEXT_MAX_CHARS)) {
            return Err(Rejection::InvalidValue);
        }
        self.provided_on_stage(member, false)?;
        if self.settings.stage_locked {
            return Err(Rejection::StageLocked);
        }
        if self.present.get(member).is_some() || self.waiting.contains_key(&member) {
            return Err(Rejection::AlreadyHere);
        }
        if self.bans.contains_key(&member) {
            return Err(Rejection::TargetBanned);
        }
        if self.called.contains_key(&member) {
            return Err(Rejection::OfferAlreadyOpen);
        }
        if self.called.len() >= CALL_UPS_MAX {
            return Err(Rejection::TooMany);
        }
        Ok(vec![Event::CalledUp { member, by: sender.member, context, until: now.plus(CALL_UP_MILLIS) }])
    }

    /// The interview is handed over by those who run the room and by whoever leads it, to somebody on stage.
    fn give_floor(&self, sender: &Participant, member: Option<MemberId>) -> Result<Vec<Event>, Rejection> {
        if !sender.role.moderates() && self.settings.floor != Some(sender.member) {
            return Err(Rejection::NotAllowed);
        }
        if let Some(member) = member {
            let target = self.present.get(member).ok_or(Rejection::NoSuchParticipant)?;
            if !target.role.on_stage() {
                return Err(Rejection::NotOnStage);
            }
        }
        changes(member != self.settings.floor, Event::FloorGiven { member, by: sender.member })
    }

    /// Somebody is put out, if present, and kept out.
    fn ban(&self, sender: &Participant, member: MemberId, reason: Option<String>) -> Result<Vec<Event>, Rejection> {
        moderates(sender)?;
        let by = sender.member;
        if reason.as_deref().is_some_and(|text| !line_is_valid(text, REASON_MAX_CHARS)) {
            return Err(Rejection::InvalidValue);
        }
        let present = self.present.get(member);
        if member == by || present.is_some_and(|target| !sender.role.may_act_on(target.role)) {
            return Err(Rejection::TargetProtected);
        }
        if self.bans.contains_key(&member) {
            return Err(Rejection::NothingToChange);
        }
        if self.bans.len() >= BANS_MAX {
            return Err(Rejection::TooMany);
        }
        let mut events = vec![Event::Banned { member, by, reason }];
        if present.is_some() {
            events.push(Event::Left { member, reason: LeaveReason::Removed { by } });
        }
        if let Some(call) = self.called.get(&member) {
            events.push(Event::CallUpEnded { member, by: call.by, cause: CallUpCause::Withdrawn { by } });
        }
        if self.waiting.contains_key(&member) {
            events.push(Event::KnockEnded { guest: member, cause: KnockCause::TurnedAway { by } });
        }
        Ok(events)
    }

    fn raise_hand(
        &self,
        sender: &Participant,
        question: Option<String>,
        followed_by_speaker: bool,
    ) -> Result<Vec<Event>, Rejection> {
        if sender.role.on_stage() {
            return Err(Rejection::AlreadyOnStage);
        }
        if sender.hand.is_some() {
            return Err(Rejection::HandAlreadyUp);
        }
        match self.settings.hands {
            HandRule::Off => return Err(Rejection::HandsOff),
            HandRule::Followed if !followed_by_speaker => return Err(Rejection::HandsFollowedOnly),
            HandRule::Followed | HandRule::Everyone => {}
        }
        if question.as_deref().is_some_and(|text| !question_is_valid(text)) {
            return Err(Rejection::InvalidQuestion);
        }
        if self.present.hands_len() >= HANDS_MAX {
            return Err(Rejection::TooMany);
        }
        let spoken = self.spoken.contains(&sender.member);
        let place = self.place_in_queue(spoken);
        Ok(vec![Event::HandRaised { member: sender.member, question, place, spoken }])
    }

    /// Where a new hand goes: at the end for whoever has spoken, and for others before those who have spoken and wait at
    /// the end. A hand that a moderator has placed is never overtaken.
    fn place_in_queue(&self, spoken: bool) -> u32 {
        let hands = || self.present.hands().filter_map(|p| p.hand.as_ref());
        let overtaken = if spoken {
            0
        } else {
            self.present.hands().rev().filter_map(|p| p.hand.as_ref()).take_while(|h| h.spoken && !h.placed).count()
        };
        u32::try_from(hands().count() - overtaken).unwrap_or(u32::MAX)
    }

    /// A connection was lost. Saying so twice is harmless: sockets and legs may both report it. A guest who waits has no
    /// place to keep.
    fn lose_connection(&self, member: MemberId) -> Result<Vec<Event>, Rejection> {
        if self.waiting.contains_key(&member) {
            return Ok(vec![Event::KnockEnded { guest: member, cause: KnockCause::GaveUp }]);
        }
        let participant = self.present.get(member).ok_or(Rejection::NotInRoom)?;
        Ok(if participant.connected { vec![Event::ConnectionLost { member }] } else { Vec::new() })
    }

    /// Everybody whose grace or pass is over leaves, the host last, so that nobody who is leaving as well inherits the
    /// room; and call-ups and waits that are over end.
    fn run_out(&self, now: Timestamp) -> Vec<Event> {
        let mut over: Vec<&Participant> = self.present.overdue(now).collect();
        over.sort_by_key(|participant| participant.member == self.host);
        let leave = |participant: &Participant| {
            let passed = participant.pass.is_some_and(|pass| pass.until <= now);
            let reason = if passed { LeaveReason::PassEnded } else { LeaveReason::Lost };
            Event::Left { member: participant.member, reason }
        };
        let mut events: Vec<Event> = over.into_iter().map(leave).collect();
        let called = self.called.iter().filter(|(_, call)| call.until <= now);
        let expired = |(&member, call): (&MemberId, &CallUp)| Event::CallUpEnded {
            member,
            by: call.by,
            cause: CallUpCause::Expired,
        };
        events.extend(called.map(expired));
        let waiting = self.waiting.iter().filter(|(_, waiting)| waiting.pass.until <= now);
        events.extend(waiting.map(|(&guest, _)| Event::KnockEnded { guest, cause: KnockCause::PassEnded }));
        events
    }

    /// From the audience onto the stage, if `asked` (a hand or an offer of theirs) and there is a place.
    fn to_stage(
        &self,
        who: &Participant,
        asked: bool,
        not_asked: Rejection,
        cause: RoleCause,
    ) -> Result<Vec<Event>, Rejection> {
        if who.role.on_stage() {
            return Err(Rejection::AlreadyOnStage);
        }
        if !asked {
            return Err(not_asked);
        }
        self.provided_on_stage(who.member, who.is_guest())?;
        if self.settings.stage_locked {
            return Err(Rejection::StageLocked);
        }
        if self.present.stage_len() >= STAGE_MAX {
            return Err(Rejection::StageFull);
        }
        Ok(vec![role_changed(who, Role::Speaker, cause)])
    }

    fn offer_stage(&self, sender: &Participant, member: MemberId) -> Result<Vec<Event>, Rejection> {
        let target = self.subject(sender, member)?;
        if target.role.on_stage() {
            return Err(Rejection::AlreadyOnStage);
        }
        if target.offer.is_some() {
            return Err(Rejection::OfferAlreadyOpen);
        }
        self.provided_on_stage(member, target.is_guest())?;
        if self.settings.stage_locked {
            return Err(Rejection::StageLocked);
        }
        if self.present.stage_len() >= STAGE_MAX {
            return Err(Rejection::StageFull);
        }
        Ok(vec![Event::StageOffered { member, by: sender.member }])
    }

    /// Whether the talk sheet has a place on stage for somebody who is not on it: by name for a member, by number for a guest.
    fn provided_on_stage(&self, member: MemberId, guest: bool) -> Result<(), Rejection> {
        let provided = self.terms.as_ref().is_none_or(|terms| {
            let guests = || self.present.stage().filter(|p| p.is_guest()).count();
            if guest {
                guests() < usize::try_from(terms.guests).unwrap_or(usize::MAX)
            } else {
                terms.stage.contains(&member)
            }
        });
        if provided { Ok(()) } else { Err(Rejection::NotInSheet) }
    }

    /// Another question is being answered, or none any more. What was on before is closed first, since not everybody may see
    /// what follows it.
    fn take_question(&self, sender: &Participant, number: Option<u32>) -> Result<Vec<Event>, Rejection> {
        moderates(sender)?;
        let by = sender.member;
        let before = self.questions.taken().map(|(number, _)| number);
        let mut events = Vec::new();
        if before.is_some() {
            events.push(Event::QuestionClosed { by });
        }
        if let Some(number) = number {
            let asker = self.questions.get(number).ok_or(Rejection::NoSuchQuestion)?.by;
            events.push(Event::QuestionTaken { number, asker, by });
        }
        if before == number { Err(Rejection::NothingToChange) } else { Ok(events) }
    }

    /// A question goes from the queue, and is not being answered any more if it was.
    fn settle_question(&self, sender: &Participant, number: u32, answered: bool) -> Result<Vec<Event>, Rejection> {
        moderates(sender)?;
        let by = sender.member;
        let record = self.questions.get(number).ok_or(Rejection::NoSuchQuestion)?.record;
        let mut events = vec![Event::QuestionSettled { number, record, answered, by }];
        if self.questions.taken().is_some_and(|(taken, _)| taken == number) {
            events.insert(0, Event::QuestionClosed { by });
        }
        Ok(events)
    }

    /// Down to the audience. A host can do so while another member is on stage to inherit the room; without one they
    /// would end it for everybody, which only [`Command::End`] and leaving do.
    fn step_down(&self, sender: &Participant) -> Result<Vec<Event>, Rejection> {
        if !sender.role.on_stage() {
            return Err(Rejection::NotOnStage);
        }
        let alone = !self.present.stage().any(|p| p.member != sender.member && !p.is_guest());
        if sender.role == Role::Host && alone {
            return Err(Rejection::NotAllowed);
        }
        Ok(vec![role_changed(sender, Role::Listener, RoleCause::SteppedDown)])
    }

    fn hand_over(&self, sender: &Participant, member: MemberId) -> Result<Vec<Event>, Rejection> {
        if sender.role != Role::Host {
            return Err(Rejection::NotAllowed);
        }
        let target = self.performer(sender, member)?;
        not_a_guest(target)?;
        let cause = RoleCause::HandedOver { by: sender.member };
        let mut events = make_host(target, cause, sender.member);
        events.push(role_changed(sender, Role::Moderator, cause));
        Ok(events)
    }

    /// Who takes over when the host has gone from the stage: the heir, or nobody, and then the room ends.
    pub(crate) fn succession(&self) -> Vec<Event> {
        let hosted = self.present.get(self.host).is_some_and(|p| p.role == Role::Host);
        if !self.is_open() || hosted {
            return Vec::new();
        }
        match self.present.stage().filter(|p| !p.is_guest()).min_by_key(|p| p.heir_key()) {
            Some(heir) => make_host(heir, RoleCause::Inherited, heir.member),
            None => vec![Event::Ended { by: None }],
        }
    }

    /// Somebody on stage says whether what they say may be kept; nobody says so for somebody else. Saying so twice changes
    /// nothing and is no error: it may be said on two devices.
    fn agree_evidence(&self, sender: &Participant, agree: bool) -> Result<Vec<Event>, Rejection> {
        if !sender.role.on_stage() {
            return Err(Rejection::NotOnStage);
        }
        if !self.settings.evidence {
            return Err(Rejection::EvidenceOff);
        }
        let said = sender.evidence == agree;
        Ok(if said { Vec::new() } else { vec![Event::EvidenceAgreed { member: sender.member, agree }] })
    }

    /// Whom a moderator's command is about. The permission is looked at first, so that nobody else learns from the
    /// answer who is in the room.
    fn subject(&self, sender: &Participant, member: MemberId) -> Result<&Participant, Rejection> {
        moderates(sender)?;
        self.present.get(member).ok_or(Rejection::NoSuchParticipant)
    }

    /// Whom a moderation act is about: neither the sender nor the host (guarantee G9).
    fn unprotected(&self, sender: &Participant, member: MemberId) -> Result<&Participant, Rejection> {
        let target = self.subject(sender, member)?;
        if target.member == sender.member || !sender.role.may_act_on(target.role) {
            return Err(Rejection::TargetProtected);
        }
        Ok(target)
    }

    /// Whom a moderation act on the stage is about.
    fn performer(&self, sender: &Participant, member: MemberId) -> Result<&Participant, Rejection> {
        let target = self.unprotected(sender, member)?;
        if target.role.on_stage() { Ok(target) } else { Err(Rejection::NotOnStage) }
    }
}

/// Those who run the room may do what is asked.
fn moderates(sender: &Participant) -> Result<(), Rejection> {
    if sender.role.moderates() { Ok(()) } else { Err(Rejection::NotAllowed) }
}

/// Guests neither run a room nor inherit one.
fn not_a_guest(target: &Participant) -> Result<(), Rejection> {
    if target.is_guest() { Err(Rejection::TargetIsGuest) } else { Ok(()) }
}

/// Whether a command is judged by the role that its sender believes to have. Leaving and taking back what one agreed to are not:
/// everybody may in any role, and somebody whose role changes just then is not to be kept here, or recorded, for that.
fn takes_a_role(command: &Command) -> bool {
    !matches!(
        command,
        Command::Leave | Command::AgreeEvidence { agree: false } | Command::ConsentRecording { agree: false, .. }
    )
}

/// One event, if there is something to change.
fn changes(change: bool, event: Event) -> Result<Vec<Event>, Rejection> {
    if change { Ok(vec![event]) } else { Err(Rejection::NothingToChange) }
}

/// Opens or closes the sender's microphone. Asking for what is so already changes nothing and is no error: a publish
/// leg that replaces another opens the microphone again.
fn set_mic(sender: &Participant, open: bool) -> Result<Vec<Event>, Rejection> {
    if !sender.role.on_stage() {
        return Err(Rejection::NotOnStage);
    }
    if open && sender.muted {
        return Err(Rejection::MutedByModerator);
    }
    Ok(if sender.mic == open { Vec::new() } else { vec![Event::MicChanged { member: sender.member, open }] })
}

/// Makes somebody on stage the host. A mute is lifted with it: nobody could lift it from a host.
fn make_host(who: &Participant, cause: RoleCause, by: MemberId) -> Vec<Event> {
    let mut events = vec![role_changed(who, Role::Host, cause)];
    if who.muted {
        events.push(Event::Unmuted { member: who.member, by, role_epoch: who.role_epoch.next().next() });
    }
    events
}

fn role_changed(who: &Participant, role: Role, cause: RoleCause) -> Event {
    Event::RoleChanged { member: who.member, role, role_epoch: who.role_epoch.next(), cause }
}
