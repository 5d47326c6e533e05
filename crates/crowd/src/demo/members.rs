//! The members of the demo: signed up once, and remembered in a file that only its owner can read.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::server::Server;
use crate::{Error, Result};

/// Who signs up at the same time. More is quicker and loads the server more while it starts.
const AT_ONCE: usize = 16;

/// Somebody who is to be a member.
#[derive(Debug, Clone)]
pub struct Applicant {
    /// The handle to take.
    pub handle: String,
    /// The name to go by.
    pub name: String,
    /// BCP 47 tag of what they speak.
    pub language: &'static str,
}

/// What is remembered from one start to the next.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    /// Session tokens by handle.
    tokens: BTreeMap<String, String>,
    /// Ids of rooms by their title.
    rooms: BTreeMap<String, String>,
}

/// The members of the demo and the rooms that they opened.
#[derive(Debug)]
pub struct Members {
    file: PathBuf,
    server: Api,
    memory: Memory,
}

impl Members {
    /// What `file` remembers of `server`; nothing if there is no such file or it is damaged.
    pub fn remembered(file: &Path, server: &Server) -> Self {
        let memory = fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { file: file.to_owned(), server: server.api.clone(), memory }
    }

    /// Makes members of those who are not yet.
    ///
    /// # Errors
    /// [`Error::Refused`] with `handle_taken` for a handle that belongs to somebody else; whatever keeps invites from
    /// being made; [`Error::Io`] when they cannot be remembered.
    pub async fn sign_up(&mut self, server: &Server, applicants: Vec<Applicant>) -> Result<()> {
        let strangers: Vec<Applicant> =
            applicants.into_iter().filter(|one| !self.memory.tokens.contains_key(&one.handle)).collect();
        if strangers.is_empty() {
            return Ok(());
        }
        let invites = server.invites(strangers.len()).await?;
        let mut redeeming = stream::iter(strangers.into_iter().zip(invites))
            .map(|(one, code)| {
                let api = server.api.clone();
                async move {
                    let member = api.redeem_in(&code, &one.handle, &one.name, one.language).await?;
                    let token = member.token().map(str::to_owned).unwrap_or_default();
                    Ok::<_, Error>((one.handle, token))
                }
            })
            .buffer_unordered(AT_ONCE);
        let mut failed = None;
        while let Some(redeemed) = redeeming.next().await {
            match redeemed {
                Ok((handle, token)) => _ = self.memory.tokens.insert(handle, token),
                Err(error) => failed = Some(error),
            }
        }
        // Those who are in by now must be remembered whatever became of the others.
        self.write()?;
        failed.map_or(Ok(()), Err)
    }

    /// The session token of a member.
    ///
    /// # Errors
    /// [`Error::Usage`] for a handle that was never signed up.
    pub fn token(&self, handle: &str) -> Result<&str> {
        let token = self.memory.tokens.get(handle).map(String::as_str);
        token.ok_or_else(|| Error::Usage(format!("{handle} is not a member of the demo")))
    }

    /// The API for a member.
    ///
    /// # Errors
    /// As [`Members::token`].
    pub fn api(&self, handle: &str) -> Result<Api> {
        Ok(self.server.signed_in(self.token(handle)?))
    }

    /// The id of the room that was opened last under this title.
    pub fn room(&self, title: &str) -> Option<&str> {
        self.memory.rooms.get(title).map(String::as_str)
    }

    /// Remembers a room.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn opened(&mut self, title: &str, room: &str) -> Result<()> {
        self.memory.rooms.insert(title.to_owned(), room.to_owned());
        self.write()
    }

    /// Writes a new file and puts it into the place of the old one, so that there always is a whole one.
    fn write(&self) -> Result<()> {
        let bytes = serde_json::to_vec(&self.memory).expect("memory has only strings");
        let fresh = self.file.with_extension("new");
        let writing = || {
            // Left over from a crash, it might be readable to others.
            match fs::remove_file(&fresh) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
            file.write_all(&bytes)?;
            fs::rename(&fresh, &self.file)
        };
        writing().map_err(|error| Error::io(self.file.display().to_string(), error))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn members_are_remembered_in_a_file_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::running("http://127.0.0.1:1", folder.path(), Path::new("roomtone")).unwrap();
        let file = folder.path().join("members.json");
        let mut members = Members::remembered(&file, &server);
        assert!(members.token("ada").is_err() && members.room("Talk").is_none());
        members.memory.tokens.insert("ada".into(), "secret".into());
        members.opened("Talk", "r1").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

        let mut again = Members::remembered(&file, &server);
        assert_eq!((again.token("ada").unwrap(), again.room("Talk")), ("secret", Some("r1")));
        assert_eq!(again.api("ada").unwrap().token(), Some("secret"));
        // Whoever is a member already needs no server to be one.
        let ada = Applicant { handle: "ada".into(), name: "Ada".into(), language: "en" };
        again.sign_up(&server, vec![ada]).await.unwrap();

        fs::write(&file, "half a f").unwrap();
        assert!(Members::remembered(&file, &server).token("ada").is_err());
    }
}
