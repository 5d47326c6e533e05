//! The Roomtone server: everything that touches the world.
//!
//! Invariant: the only crate that serialises, and with `crowd` the only one that reads the clock and the dice (`edge`).
//!
//! Invariant: nothing is told to anybody before it is on the disk.

mod account;
mod addresses;
pub mod app;
pub mod avatars;
pub mod cli;
pub mod edge;
pub mod events;
pub mod evidence;
mod feeds;
pub mod files;
pub mod http;
pub mod limits;
mod line;
pub mod live;
pub mod mail;
pub mod media_io;
pub mod mix;
pub mod notices;
pub mod observe;
mod parcel;
pub mod proof;
mod public;
pub mod recorder;
pub mod replays;
pub mod rooms;
pub mod search;
pub mod serve;
pub mod settings;
mod space;
mod tasks;
pub mod transcripts;
pub mod visits;
pub mod wire;
mod ws;
