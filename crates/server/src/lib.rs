//! The Roomtone server: everything that touches the world.
//!
//! Invariant: the only crate that serialises, and with `crowd` the only one that reads the clock and the dice (`edge`).
//!
//! Invariant: nothing is told to anybody before it is on the disk.

pub mod app;
pub mod cli;
pub mod edge;
pub mod files;
pub mod http;
pub mod media_io;
pub mod observe;
pub mod rooms;
pub mod serve;
pub mod wire;
mod ws;
