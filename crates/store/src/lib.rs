//! All SQL of Roomtone, behind plain async methods of [`Store`].
//!
//! Invariant: what a method has returned `Ok` for is on the disk (`synchronous = FULL`) and survives `kill -9`.
//!
//! Invariant: facts that may happen only once (an invite is spent, a handle is taken, a room gets an owner) rest on
//! UNIQUE constraints and conditional updates, not on who asked first in memory. SQL stays portable: no clock, no
//! randomness and no database-specific function is used in a statement, so times and ids are arguments.
//!
//! Invariant: no serialisation. Events and snapshots are text made by the caller.
//!
//! A folder holds one database. Several processes may open it (the command line makes invites while the server runs);
//! the one that serves also holds its [`DataLock`].

mod convert;
mod error;
mod invites;
mod lock;
mod members;
mod open;
mod redeem;
mod rooms;
mod sessions;

pub use error::{AppendError, RedeemError, StoreError};
pub use invites::{InviteInfo, NewInvite};
pub use lock::DataLock;
pub use members::{Member, Person};
pub use open::{DATABASE_FILE, Store};
pub use redeem::{NewMember, Redeemed};
pub use rooms::{LogRow, NewRoom, StoredRoom};
pub use sessions::NewSession;

/// A SHA-256 digest. Invite codes and session tokens are stored only as this, so that a copy of the database opens
/// no account.
pub type Hash = [u8; 32];
