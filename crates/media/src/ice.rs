//! ICE-lite (RFC 8445, section 2.5) of one leg: we answer the peer's checks, and send where they say.
//!
//! Invariant: nothing here changes before a check's message integrity has been verified, and what is not verified is not
//! answered.

use std::fmt;
use std::time::Instant;

use aws_lc_rs::hmac;
use is::stun::StunMessage;

use crate::leg::{IceCredentials, Path};

/// Paths of one leg that are held valid at once. More serves devices with many networks; fewer bounds what one leg holds.
pub(crate) const PATHS_MAX: usize = 8;

/// Bytes that an answer to a check takes at most: header, IPv6 address, message integrity and fingerprint.
pub(crate) const ANSWER_MAX: usize = 20 + 24 + 24 + 8;

/// A STUN Binding request that has the form of an ICE check (RFC 8445, section 7.1). Nothing in it is verified yet.
pub(crate) struct Check<'a>(StunMessage<'a>);

impl<'a> Check<'a> {
    /// `None` for anything else, or if it lacks user name, priority or message integrity.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let message = StunMessage::parse(bytes).ok()?;
        message.is_binding_request().then_some(Self(message))
    }

    /// The user fragment of the leg that it claims to be for: ours, the part before the colon.
    pub(crate) fn ufrag(&self) -> Option<&str> {
        self.0.split_username().map(|(ours, _)| ours)
    }
}

impl fmt::Debug for Check<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Check(REDACTED)")
    }
}

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not from our peer: no answer, nothing changed.
    Forged,
    /// From our peer, who believes to be controlled (RFC 8445, section 7.3.1.1). An ICE-lite agent cannot switch roles, so
    /// the peer is told to; the path is not taken.
    RoleConflict,
    /// From our peer. The path is valid from now on.
    Valid {
        /// Whether it was not among the valid paths before.
        new: bool,
        /// A path that had to make room.
        evicted: Option<Path>,
        /// Whether packets go another way from now on.
        moved: bool,
    },
}

/// The ICE-lite agent of one leg.
pub(crate) struct Ice {
    local: IceCredentials,
    remote_ufrag: String,
    /// Oldest first.
    paths: Vec<Path>,
    selected: Option<Path>,
    heard: Instant,
}

impl Ice {
    /// An agent that has heard nothing yet; the time until consent is lost runs from `now`.
    pub(crate) fn new(now: Instant, local: IceCredentials, remote: &IceCredentials) -> Self {
        Self { local, remote_ufrag: remote.ufrag.clone(), paths: Vec::new(), selected: None, heard: now }
    }

    /// Our user fragment.
    pub(crate) fn ufrag(&self) -> &str {
        &self.local.ufrag
    }

    /// Where packets are sent: the path nominated last, else the newest valid one.
    pub(crate) fn selected(&self) -> Option<Path> {
        self.selected
    }

    /// The valid paths.
    pub(crate) fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// When the peer's last authenticated check came (RFC 7675).
    pub(crate) fn heard(&self) -> Instant {
        self.heard
    }

    /// Verifies a check and, if it is the peer's, takes its path. Everything but [`Verdict::Forged`] is to be answered
    /// with [`Ice::answer`].
    pub(crate) fn check(&mut self, now: Instant, path: Path, check: &Check<'_>) -> Verdict {
        let user = check.0.split_username();
        if user != Some((self.local.ufrag.as_str(), self.remote_ufrag.as_str()))
            || !check.0.verify(self.local.pwd.as_bytes(), hmac_sha1)
        {
            return Verdict::Forged;
        }
        self.heard = now;
        if check.0.ice_controlled().is_some() {
            return Verdict::RoleConflict;
        }
        let new = !self.paths.contains(&path);
        let evicted = if new { self.add(path) } else { None };
        // A browser that nominates keeps doing so on the pair it uses; before the first nomination any valid path will do.
        let select = check.0.use_candidate() || self.selected.is_none();
        let moved = select && self.selected != Some(path);
        if select {
            self.selected = Some(path);
        }
        Verdict::Valid { new, evicted, moved }
    }

    /// Writes the answer to a check that was verified (RFC 8445, section 7.3.1), and returns its length.
    pub(crate) fn answer(&self, path: Path, check: &Check<'_>, out: &mut [u8; ANSWER_MAX]) -> usize {
        let id = check.0.trans_id();
        let message = match check.0.ice_controlled() {
            Some(_) => StunMessage::binding_role_conflict_reply(id),
            None => StunMessage::binding_reply(id, path.addr()),
        };
        let written = message.to_bytes(Some(self.local.pwd.as_bytes()), out, hmac_sha1);
        written.expect("ANSWER_MAX holds either answer")
    }

    /// Forgets a path, because its connection is gone or another leg has shown that it is theirs.
    pub(crate) fn forget(&mut self, path: Path) {
        self.paths.retain(|p| *p != path);
        if self.selected == Some(path) {
            self.selected = self.paths.last().copied();
        }
    }

    fn add(&mut self, path: Path) -> Option<Path> {
        let full = self.paths.len() >= PATHS_MAX;
        let oldest = self.paths.iter().position(|p| full && self.selected != Some(*p));
        let evicted = oldest.map(|i| self.paths.remove(i));
        self.paths.push(path);
        evicted
    }
}

impl fmt::Debug for Ice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ice(REDACTED)")
    }
}

/// HMAC-SHA1 over several pieces (RFC 8489, section 14.5).
pub(crate) fn hmac_sha1(key: &[u8], pieces: &[&[u8]]) -> [u8; 20] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let mut context = hmac::Context::with_key(&key);
    pieces.iter().for_each(|piece| context.update(piece));
    let mut out = [0; 20];
    out.copy_from_slice(context.sign().as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leg::StreamId;
    use is::stun::TransId;
    use std::net::SocketAddr;

    fn credentials(ufrag: &str, pwd: &str) -> IceCredentials {
        IceCredentials { ufrag: ufrag.into(), pwd: pwd.into() }
    }

    fn agent(now: Instant) -> Ice {
        Ice::new(now, credentials("ours", "our-own-secret-password"), &credentials("theirs", "irrelevant-to-us-here"))
    }

    fn path(port: u16) -> Path {
        Path::Udp(SocketAddr::from(([192, 0, 2, 1], port)))
    }

    fn request(user: &str, pwd: &str, controlling: bool, nominate: bool) -> Vec<u8> {
        let message = StunMessage::binding_request(user, TransId::new(), controlling, 7, 1234, nominate);
        let mut out = vec![0; 512];
        let len = message.to_bytes(Some(pwd.as_bytes()), &mut out, hmac_sha1).unwrap();
        out.truncate(len);
        out
    }

    const PWD: &str = "our-own-secret-password";

    #[expect(clippy::disallowed_methods, reason = "a test needs some moment to start from; none passes")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn only_the_peer_with_the_password_changes_anything() {
        let now = start();
        let later = now + std::time::Duration::from_secs(1);
        for (user, pwd) in [
            ("ours:theirs", "wrong-password-altogether"),
            ("ours:other", PWD),
            ("other:theirs", PWD),
            ("ours:theirs:x", PWD),
        ] {
            let mut ice = agent(now);
            let bytes = request(user, pwd, true, true);
            let check = Check::parse(&bytes).unwrap();
            assert_eq!(ice.check(later, path(1), &check), Verdict::Forged, "{user}");
            assert_eq!((ice.selected(), ice.paths().len(), ice.heard()), (None, 0, now));
        }
        let mut ice = agent(now);
        let bytes = request("ours:theirs", PWD, true, false);
        let check = Check::parse(&bytes).unwrap();
        assert_eq!(ice.check(later, path(1), &check), Verdict::Valid { new: true, evicted: None, moved: true });
        assert_eq!(ice.heard(), later);
    }

    #[test]
    fn nomination_moves_the_path_and_other_checks_do_not() {
        let now = start();
        let mut ice = agent(now);
        let mut check = |port, nominate| {
            let bytes = request("ours:theirs", PWD, true, nominate);
            let verdict = ice.check(now, path(port), &Check::parse(&bytes).unwrap());
            (verdict, ice.selected())
        };
        assert_eq!(check(1, false).1, Some(path(1)));
        assert_eq!(check(2, false).1, Some(path(1)));
        assert_eq!(check(2, true), (Verdict::Valid { new: false, evicted: None, moved: true }, Some(path(2))));
        assert_eq!(check(1, false).1, Some(path(2)));
        ice.forget(path(2));
        assert_eq!(ice.selected(), Some(path(1)));
    }

    #[test]
    fn paths_are_bounded_and_the_selected_one_stays() {
        let now = start();
        let mut ice = agent(now);
        for port in 1..=20 {
            let bytes = request("ours:theirs", PWD, true, port == 1);
            ice.check(now, path(port), &Check::parse(&bytes).unwrap());
        }
        assert_eq!(ice.paths().len(), PATHS_MAX);
        assert_eq!(ice.selected(), Some(path(1)));
        assert!(ice.paths().contains(&path(1)) && ice.paths().contains(&path(20)));
    }

    #[test]
    fn answers_carry_the_address_and_fit() {
        let now = start();
        let mut ice = agent(now);
        let six: SocketAddr = "[2001:db8::1]:4711".parse().unwrap();
        for path in [path(4711), Path::Tcp { stream: StreamId(1), addr: six }] {
            let bytes = request("ours:theirs", PWD, true, true);
            let check = Check::parse(&bytes).unwrap();
            ice.check(now, path, &check);
            let mut out = [0; ANSWER_MAX];
            let len = ice.answer(path, &check, &mut out);
            assert!(len <= bytes.len(), "an answer is not larger than the request");
            let answer = StunMessage::parse(&out[..len]).unwrap();
            assert_eq!(answer.mapped_address(), Some(path.addr()));
            assert!(answer.verify(PWD.as_bytes(), hmac_sha1));
        }
    }

    #[test]
    fn a_peer_that_would_be_controlled_is_told_so() {
        let now = start();
        let mut ice = agent(now);
        let bytes = request("ours:theirs", PWD, false, false);
        let check = Check::parse(&bytes).unwrap();
        assert_eq!(ice.check(now, path(1), &check), Verdict::RoleConflict);
        assert_eq!(ice.selected(), None);
        let mut out = [0; ANSWER_MAX];
        let len = ice.answer(path(1), &check, &mut out);
        assert_eq!(StunMessage::parse(&out[..len]).unwrap().error_code().map(|(code, _)| code), Some(487));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_may_come(bytes: Vec<u8>, cut in 0usize..200, flip in 0usize..100, to: u8) {
            let _ = Check::parse(&bytes);
            let mut bytes = request("ours:theirs", PWD, true, true);
            let at = flip % bytes.len();
            let before = bytes[at];
            bytes[at] = to;
            bytes.truncate(cut);
            if let Some(check) = Check::parse(&bytes) {
                let now = start();
                let verdict = agent(now).check(now, path(1), &check);
                // The last 8 bytes are the fingerprint, which message integrity does not cover.
                let untouched = cut >= bytes.len() && (to == before || at >= bytes.len() - 8);
                proptest::prop_assert!(untouched || verdict == Verdict::Forged);
            }
        }
    }
}
