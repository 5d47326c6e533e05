//! The server from outside: real HTTP, real sockets, a real database in a temporary folder.

#![expect(clippy::unwrap_used, reason = "a test that fails to set up has failed")]

mod full;
mod http;
mod invites;
mod legs;
mod restart;
mod rooms;
mod socket;
mod support;
