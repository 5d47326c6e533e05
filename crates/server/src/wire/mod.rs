//! What goes over the wire and into the log: the only place where Roomtone's types meet serde.
//!
//! The types here are the protocol of docs/PROTOCOL.md. Those of the control socket are exported to TypeScript by ts-rs,
//! those of the HTTP surface by way of OpenAPI; `make types` writes both and a test compares.

pub mod acts;
pub mod admin;
pub mod chatter;
pub mod command;
pub mod error;
pub mod events;
pub mod guests;
pub mod hallway;
pub mod houses;
pub mod http;
pub mod id;
pub mod invitations;
pub mod invites;
pub mod notices;
pub mod offices;
pub mod people;
pub mod proofs;
pub mod recording;
pub mod replays;
pub mod running;
pub mod search;
pub mod sign_in;
pub mod socket;
pub mod stored;
pub mod transcripts;

pub use error::{ApiError, Code};
pub use id::Id;
pub use roomtone_room::ids::{CommandId, MemberId, RoomId};
