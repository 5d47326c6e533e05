//! Links that end letters to a member without signing in (RFC 8058): they carry a seal that only this server can make.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use roomtone_room::ids::MemberId;
use roomtone_store::{Store, StoreError};

use crate::edge;

/// The setting under which the key is kept.
const KEY_SETTING: &str = "stop_key";

/// Makes and reads such links.
pub(crate) struct StopLinks {
    key: hmac::Key,
}

impl StopLinks {
    /// Reads the key from the store; the first start makes it.
    pub(crate) async fn start(store: &Store) -> Result<Self, StoreError> {
        let fresh = BASE64_URL_SAFE_NO_PAD.encode(edge::random::<32>());
        let kept = store.setting_or(KEY_SETTING, &fresh).await?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(kept).map_err(|_| StoreError::Corrupt("stop key"))?;
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &bytes) })
    }

    /// What stands in the link of a member.
    pub(crate) fn token(&self, member: MemberId) -> String {
        let seal = hmac::sign(&self.key, &sealed(member));
        format!("{member}.{}", BASE64_URL_SAFE_NO_PAD.encode(seal))
    }

    /// Whose link this is; `None` if this server has not made it.
    pub(crate) fn member(&self, token: &str) -> Option<MemberId> {
        let (member, seal) = token.split_once('.')?;
        let member: MemberId = member.parse().ok()?;
        let seal = BASE64_URL_SAFE_NO_PAD.decode(seal).ok()?;
        hmac::verify(&self.key, &sealed(member), &seal).ok()?;
        Some(member)
    }
}

/// What the seal is about: so that one made for something else is none here.
fn sealed(member: MemberId) -> Vec<u8> {
    format!("stop letters to {member}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_server_sealed() {
        let links = |key: u8| StopLinks { key: hmac::Key::new(hmac::HMAC_SHA256, &[key; 32]) };
        let token = links(1).token(MemberId(7));
        assert_eq!(links(1).member(&token), Some(MemberId(7)));
        assert_eq!(links(2).member(&token), None);
        let (member, seal) = token.split_once('.').unwrap();
        let forged = format!("{}.{seal}", MemberId(8));
        for bad in ["", ".", member, seal, &forged, &format!("{member}."), &token[..token.len() - 1]] {
            assert_eq!(links(1).member(bad), None, "{bad}");
        }
    }
}
