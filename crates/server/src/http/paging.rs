//! Lists in pages: where a page begins, and where the one after it does.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use roomtone_room::ids::Timestamp;
use serde::Deserialize;

use crate::wire::{ApiError, Code};

/// Entries on a page of those lists of which the store gives as many as it is asked for. More saves requests; fewer makes each
/// cheaper.
pub(super) const PAGE: u32 = 50;

/// Where a page begins: `next` of the page before, or nothing for the first one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    after: Option<String>,
}

impl After {
    /// Whether it is the first page.
    pub(super) fn is_first(&self) -> bool {
        self.after.is_none()
    }
}

/// The query of a page.
pub(super) type AskedPage = Result<Query<After>, QueryRejection>;

/// What a page comes after, if it is not the first one; `bad_request` for what no answer has said as `next`.
pub(super) fn after<T>(page: AskedPage, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, ApiError> {
    let Query(After { after }) = page.map_err(|_| Code::BadRequest)?;
    after.map(|text| read(&text).ok_or_else(|| Code::BadRequest.into())).transpose()
}

/// The same in a list by time and id.
pub(super) fn place<T: FromStr>(page: AskedPage) -> Result<Option<(Timestamp, T)>, ApiError> {
    after(page, read_place)
}

/// A place in such a list, as the client passes it back: the time and the id, with a dot between them. It is one also when what
/// stood there has gone.
pub(super) fn write_place(at: Timestamp, id: impl Display) -> String {
    format!("{}.{id}", at.0)
}

/// Reads what [`write_place`] wrote.
pub(super) fn read_place<T: FromStr>(text: &str) -> Option<(Timestamp, T)> {
    let (at, id) = text.split_once('.')?;
    Some((Timestamp(read_number(at)?), id.parse().ok()?))
}

/// Reads a number as the databases can hold it: of at most 63 bits.
pub(super) fn read_number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| i64::try_from(*number).is_ok())
}

/// Where the page after this one begins, if this one has the `full` number of entries: pages of the store are as long as they may
/// be until the last.
pub(super) fn next<T>(items: &[T], full: usize, place: impl FnOnce(&T) -> String) -> Option<String> {
    items.last().filter(|_| items.len() >= full).map(place)
}

#[cfg(test)]
mod tests {
    use roomtone_room::ids::MemberId;

    use super::*;

    fn asked(after: Option<&str>) -> AskedPage {
        Ok(Query(After { after: after.map(str::to_owned) }))
    }

    #[test]
    fn places_are_read_back_and_nothing_else_is() {
        let (at, id) = (Timestamp(1_700_000_000_123), MemberId(u128::MAX - 7));
        assert_eq!(place(asked(Some(&write_place(at, id)))), Ok(Some((at, id))));
        assert_eq!(place::<MemberId>(asked(None)), Ok(None));
        let last = Timestamp(i64::MAX as u64);
        assert_eq!(place(asked(Some(&write_place(last, id)))), Ok(Some((last, id))));
        let too_late = format!("{}.{id}", i64::MAX as u64 + 1);
        for bad in ["", ".", "1", &id.to_string(), &format!("-1.{id}"), &too_late, &format!("{}.{id}", u64::MAX), "1.x"]
        {
            let read = place::<MemberId>(asked(Some(bad)));
            assert_eq!(read.map_err(|error| error.code), Err(Code::BadRequest), "{bad}");
        }
    }

    #[test]
    fn a_query_has_one_place_and_nothing_else() {
        let read = |query: &str| {
            let asked = Query::<After>::try_from_uri(&format!("/api/things?{query}").parse().unwrap());
            after(asked, |text| Some(text.to_owned())).map_err(|error| error.code)
        };
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("after=a.b"), Ok(Some("a.b".to_owned())));
        for bad in ["before=1", "after=1&after=2", "after=1&q=x"] {
            assert_eq!(read(bad), Err(Code::BadRequest), "{bad}");
        }
    }

    #[test]
    fn a_page_follows_a_full_one() {
        let next = |items: &[u32]| next(items, 3, u32::to_string);
        assert_eq!((next(&[]), next(&[1, 2])), (None, None));
        assert_eq!(next(&[1, 2, 3]), Some("3".to_owned()));
    }
}
