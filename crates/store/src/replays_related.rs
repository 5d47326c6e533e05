//! Other talks that have something to do with one.

use roomtone_room::ids::ReplayId;

use crate::Store;
use crate::db::sql;
use crate::error::StoreError;
use crate::replays::{Hearer, Replay, may_hear, of_hearer, seen};

/// Replays `p` that the viewer may hear with how near they are to the replay `o`: the same invitation counts most, then each speaker
/// in both of whom the viewer may know, then the same house and the same host.
const NEAR: &str = concat!(
    "SELECT f.replay FROM (
         SELECT p.id AS replay, p.began_at,
                CASE WHEN p.invitation = o.invitation THEN 8 ELSE 0 END
                + CASE WHEN p.house = o.house THEN 2 ELSE 0 END + CASE WHEN p.host = o.host THEN 1 ELSE 0 END
                + 4 * (SELECT count(*) FROM replay_tracks s JOIN replay_tracks r ON r.member = s.member
                           JOIN members w ON w.id = s.member
                       WHERE s.replay = p.id AND r.replay = o.id AND s.withdrawn_at IS NULL AND r.withdrawn_at IS NULL AND ",
    seen!("w"),
    ") AS near
         FROM replays o JOIN replays p ON p.id <> o.id AND p.state = 3
              JOIN members m ON m.id = p.host LEFT JOIN houses h ON h.id = p.house
         WHERE o.id = $4 AND (p.invitation = o.invitation OR p.house = o.house OR p.host = o.host
               OR p.id IN (SELECT s.replay FROM replay_tracks s JOIN replay_tracks r ON r.member = s.member WHERE r.replay = $4))
               AND ",
    may_hear!(),
    ") AS f WHERE f.near > 0 ORDER BY f.near DESC, f.began_at DESC, f.replay LIMIT $5"
);

impl Store {
    /// Talks that can be heard and have something to do with this one, the nearest first. For somebody who may hear it.
    pub async fn related_replays(
        &self,
        replay: ReplayId,
        hearer: Hearer,
        limit: u32,
    ) -> Result<Vec<Replay>, StoreError> {
        let rows = self.database.all(of_hearer(sql(NEAR), hearer).bind(replay).bind(limit)).await?;
        let ids = rows.iter().map(|row| row.id("replay").map(ReplayId)).collect::<Result<Vec<_>, _>>()?;
        self.these_replays(&ids, hearer).await
    }
}
