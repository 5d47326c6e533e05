//! Between our types and what the database holds: 128-bit ids as 16 bytes, most significant first, so that they sort as
//! in memory; numbers and times as signed 64 bits.

use roomtone_room::ids::Timestamp;

use crate::error::StoreError;

/// The 16 bytes of an id.
pub(crate) fn id_bytes(id: u128) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

/// Reads what [`id_bytes`] wrote; `what` names the column's meaning in the error.
pub(crate) fn id_from(bytes: &[u8], what: &'static str) -> Result<u128, StoreError> {
    bytes.try_into().map(u128::from_be_bytes).map_err(|_| StoreError::Corrupt(what))
}

/// A number as the database holds it.
pub(crate) fn int(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::OutOfRange(value))
}

/// Reads what [`int`] wrote.
pub(crate) fn int_from(value: i64, what: &'static str) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::Corrupt(what))
}

/// A time as the database holds it.
pub(crate) fn time(at: Timestamp) -> Result<i64, StoreError> {
    int(at.0)
}

/// Reads what [`time`] wrote.
pub(crate) fn time_from(value: i64) -> Result<Timestamp, StoreError> {
    int_from(value, "time").map(Timestamp)
}
