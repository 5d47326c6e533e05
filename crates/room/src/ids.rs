//! Typed identifiers. Those that leave the server are 128 random bits, so that none can be guessed or counted through
//! (guarantee G4); this crate never draws them, it is handed them.

use std::fmt;
use std::str::FromStr;

/// Crockford's base 32 in lower case: no `i`, `l`, `o` or `u`, so that an id survives being read aloud or retyped.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Length of an id in text: 26 characters of 5 bits hold 128 bits, with two leading zero bits.
pub const ID_TEXT_LEN: usize = 26;

/// The text is not an id: wrong length, a character outside the alphabet, or a value above 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id: 26 characters of lower-case Crockford base 32 are expected")
    }
}

impl std::error::Error for InvalidId {}

/// Writes 128 bits as 26 characters of lower-case Crockford base 32, most significant bits first.
pub fn encode_128(value: u128) -> String {
    (0..ID_TEXT_LEN).rev().map(|i| ALPHABET[(value >> (5 * i)) as usize & 31] as char).collect()
}

/// Reads what [`encode_128`] wrote. Refuses rather than cleans: upper case and look-alikes are errors.
pub fn decode_128(text: &str) -> Result<u128, InvalidId> {
    if text.len() != ID_TEXT_LEN {
        return Err(InvalidId);
    }
    let mut value: u128 = 0;
    for (i, byte) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|&a| a == byte).ok_or(InvalidId)? as u128;
        if i == 0 && digit > 7 {
            return Err(InvalidId);
        }
        value = value << 5 | digit;
    }
    Ok(value)
}

macro_rules! id_128 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&encode_128(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                decode_128(text).map(Self)
            }
        }
    };
}

id_128!(
    /// A member: a person with an account.
    MemberId
);
id_128!(
    /// A room: a live conversation.
    RoomId
);
id_128!(
    /// Chosen by the sender of a command, so that a command sent twice is applied once.
    CommandId
);

id_128!(
    /// A house: a community with members, rules and its own rooms.
    HouseId
);
id_128!(
    /// An announced talk, not to be confused with the events of a room's log.
    EventId
);
id_128!(
    /// An invitation: a public, answerable request to a person to come and talk.
    InvitationId
);
id_128!(
    /// A replay: what was recorded of a room between switching that on and off.
    ReplayId
);
id_128!(
    /// A member's picture: another id for each picture.
    AvatarId
);
id_128!(
    /// What is only ever named in a list of its owner's: an invite, a passkey, a session, a notice, a report.
    RecordId
);

/// A participant's number in the room, from 1 upwards in order of entering, never used twice in a room. It is what the
/// CSRC field of a forwarded RTP packet carries (RFC 3550, section 5.1), so that a listener knows whose voice it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TalkerNo(pub u32);

/// The number of an event in its room, from 1 upwards without gaps. Zero means "before the first event".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

/// Rises by one each time a participant's role or permission to speak changes. A command that carries an older value
/// was sent by somebody who did not yet know, and is refused. Who comes in begins above what anybody had who has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RoleEpoch(pub u32);

impl RoleEpoch {
    /// The epoch after this one. At the end of the numbers it stays where it is rather than make old commands new again.
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z, as handed in by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The moment `millis` milliseconds later.
    pub fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_form_round_trips(value: u128) {
            let text = encode_128(value);
            prop_assert_eq!(text.len(), ID_TEXT_LEN);
            prop_assert_eq!(decode_128(&text), Ok(value));
        }
    }

    #[test]
    fn refuses_what_it_did_not_write() {
        for text in ["", "0", "80000000000000000000000000", "0000000000000000000000000U", "0000000000000000000000000i"]
        {
            assert_eq!(decode_128(text), Err(InvalidId), "{text}");
        }
    }
}
