//! Replay protection (RFC 3711, section 3.3.2): for each source of a peer, which of the latest indices were opened.

use super::SrtpError;

/// How many packets back a late one is still taken (RFC 3711, section 3.3.2: at least 64).
pub(super) const WINDOW: u64 = 64;

/// How many sources of one peer are kept apart. More would let a peer send under more SSRCs, and would cost 24 bytes
/// each on its leg; a browser uses one for each m-line at most.
pub(super) const SOURCES_MAX: usize = 16;

/// The windows of a peer's sources, each kept from its first authentic packet on.
#[derive(Debug, Default)]
pub(super) struct Sources(Vec<(u32, Window)>);

impl Sources {
    /// The window of a source; a fresh one for a source not yet heard, as long as there may be more.
    pub(super) fn window(&self, ssrc: u32) -> Result<Window, SrtpError> {
        match self.0.iter().find(|(of, _)| *of == ssrc) {
            Some((_, window)) => Ok(*window),
            None if self.0.len() < SOURCES_MAX => Ok(Window::default()),
            None => Err(SrtpError::TooManySources),
        }
    }

    /// Notes an index as opened, once its packet has proved authentic. `window` is the source's own, and has passed
    /// the index.
    pub(super) fn remember(&mut self, ssrc: u32, mut window: Window, index: u64) {
        window.mark(index);
        match self.0.iter_mut().find(|(of, _)| *of == ssrc) {
            Some((_, known)) => *known = window,
            None => self.0.push((ssrc, window)),
        }
    }
}

/// Which of the last [`WINDOW`] indices of a source were opened.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    /// One more than the highest index opened; 0 before the first.
    next: u64,
    /// Bit n: the index `next - 1 - n` was opened.
    opened: u64,
}

impl Window {
    /// The index of a packet with this sequence number: with the rollover counter that brings it nearest to the highest
    /// so far (RFC 3711, section 3.3.1). `None` if that would be below zero or above 48 bits.
    pub(super) fn guess_index(&self, seq: u16) -> Option<u64> {
        let Some(highest) = self.next.checked_sub(1) else {
            return Some(u64::from(seq));
        };
        let distance = i64::from(seq.wrapping_sub(highest as u16) as i16);
        highest.checked_add_signed(distance).filter(|index| index >> 48 == 0)
    }

    /// Refuses an index that was opened, or is too old to tell.
    pub(super) fn check(&self, index: u64) -> Result<(), SrtpError> {
        match self.next.checked_sub(index + 1) {
            Some(age) if age >= WINDOW || self.opened >> age & 1 == 1 => Err(SrtpError::Replayed),
            _ => Ok(()),
        }
    }

    fn mark(&mut self, index: u64) {
        if let Some(ahead) = (index + 1).checked_sub(self.next) {
            self.opened = self.opened.checked_shl(ahead.min(64) as u32).unwrap_or(0);
            self.next = index + 1;
        }
        let age = self.next - 1 - index;
        self.opened |= 1u64.checked_shl(age.min(64) as u32).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The window agrees with a plain set of all indices opened.
        #[test]
        fn window_agrees_with_a_set(indices in proptest::collection::vec(0u64..300, 0..200)) {
            let (mut window, mut opened) = (Window::default(), std::collections::BTreeSet::new());
            for index in indices {
                let fresh = !opened.contains(&index) && opened.last().is_none_or(|&last| index + WINDOW > last);
                prop_assert_eq!(window.check(index).is_ok(), fresh);
                if fresh {
                    window.mark(index);
                    opened.insert(index);
                }
            }
        }
    }
}
