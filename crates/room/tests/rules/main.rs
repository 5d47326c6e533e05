//! The rules of a room, from outside: cases written as traces, limits, and properties over random commands.

mod agenda;
mod answers;
mod cases;
mod evidence;
mod hallway;
mod invitation;
mod limits;
mod log;
mod office;
mod played;
mod properties;
mod recording;
mod running;
mod social;
mod terms;
mod trace;
