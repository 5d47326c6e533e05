//! The rules of a room, from outside: cases written as traces, limits, and properties over random commands.

mod cases;
mod hallway;
mod limits;
mod properties;
mod social;
mod trace;
