//! The four roles and who may act on whom.

/// What a participant may do, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// In the audience: hears, may raise a hand.
    Listener,
    /// On stage: may be heard.
    Speaker,
    /// On stage, and runs the room.
    Moderator,
    /// Opened the room or was handed it. There is exactly one; nobody can act on the host.
    Host,
}

impl Role {
    /// Whether somebody with this role is on stage.
    pub fn on_stage(self) -> bool {
        self >= Self::Speaker
    }

    /// Whether somebody with this role runs the room. A host is always a moderator.
    pub fn moderates(self) -> bool {
        self >= Self::Moderator
    }

    /// Whether a moderation act by this role on `target` is allowed: the host acts on everybody else, a moderator on
    /// speakers, listeners and other moderators, and nobody on the host (guarantee G9).
    pub fn may_act_on(self, target: Self) -> bool {
        self.moderates() && target < Self::Host
    }
}
