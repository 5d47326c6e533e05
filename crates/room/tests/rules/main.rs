//! The rules of a room, from outside: cases written as traces, limits, and properties over random commands.

mod answers;
mod cases;
mod evidence;
mod hallway;
mod limits;
mod log;
mod properties;
mod running;
mod social;
mod trace;
