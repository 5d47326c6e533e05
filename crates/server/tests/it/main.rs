//! The server from outside: real HTTP, real sockets, a real database in a temporary folder.

#![expect(clippy::unwrap_used, reason = "a test that fails to set up has failed")]

mod account;
mod acts;
mod admin;
mod authenticator;
mod avatars;
mod call_ups;
mod calls;
mod domains;
mod events;
mod evidence;
mod full;
mod guard;
mod guests;
mod hallway;
mod houses;
mod http;
mod invitations;
mod invites;
mod legs;
mod limits;
mod matrix;
mod naughty;
mod notices;
mod offices;
mod people;
mod proofs;
mod public;
mod push;
mod races;
mod recording;
mod replays;
mod restart;
mod rooms;
mod running;
mod search;
mod sheets;
mod sign_in;
mod socket;
mod streams;
mod support;
mod talker;
mod talks;
mod transcripts;
