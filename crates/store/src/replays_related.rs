//! Other talks that have something to do with one.

use roomtone_room::ids::ReplayId;

use crate::Store;
use crate::db::sql;
use crate::error::StoreError;
use crate::replays::{Hearer, Replay, may_hear, of_hearer, seen};

/// Talks that are looked at of each kind of nearness (the same invitation, house or host, a speaker or a topic in both), the newest first.
/// More finds older ones that are nearer; each costs a look at who may hear it.
const LOOKED_AT: u32 = 100;

/// Replays `p` that the viewer may hear with how near they are to the replay `o`: the same invitation counts most, then each speaker
/// in both of whom the viewer may know, then each topic of both, then the same house and the same host.
const NEAR: &str = concat!(
    "SELECT f.replay FROM (
         SELECT p.id AS replay, p.began_at,
                CASE WHEN p.invitation = o.invitation THEN 8 ELSE 0 END
                + CASE WHEN p.house = o.house THEN 2 ELSE 0 END + CASE WHEN p.host = o.host THEN 1 ELSE 0 END
                + 3 * (SELECT count(*) FROM replay_topics s JOIN replay_topics r ON r.topic = s.topic
                       WHERE s.replay = p.id AND r.replay = o.id)
                + 4 * (SELECT count(*) FROM replay_tracks s JOIN replay_tracks r ON r.member = s.member
                           JOIN members w ON w.id = s.member
                       WHERE s.replay = p.id AND r.replay = o.id AND s.withdrawn_at IS NULL AND r.withdrawn_at IS NULL AND ",
    seen!("w"),
    ") AS near
         FROM replays o JOIN replays p ON p.id <> o.id AND p.state = 3
              JOIN members m ON m.id = p.host LEFT JOIN houses h ON h.id = p.house
         WHERE o.id = $4 AND p.id IN (
               SELECT id FROM (SELECT c.id FROM replays c JOIN replays a ON c.invitation = a.invitation WHERE a.id = $4
                               ORDER BY c.began_at DESC, c.id LIMIT $5) one
               UNION SELECT id FROM (SELECT c.id FROM replays c JOIN replays a ON c.house = a.house WHERE a.id = $4
                               ORDER BY c.began_at DESC, c.id LIMIT $5) two
               UNION SELECT id FROM (SELECT c.id FROM replays c JOIN replays a ON c.host = a.host WHERE a.id = $4
                               ORDER BY c.began_at DESC, c.id LIMIT $5) three
               UNION SELECT id FROM (SELECT DISTINCT c.id, c.began_at FROM replay_tracks a JOIN replay_tracks s ON s.member = a.member
                                   JOIN replays c ON c.id = s.replay WHERE a.replay = $4
                               ORDER BY c.began_at DESC, c.id LIMIT $5) four
               UNION SELECT replay FROM (SELECT c.replay FROM replay_topics a JOIN replay_topics c ON c.topic = a.topic
                                   WHERE a.replay = $4 ORDER BY c.began_at DESC, c.replay LIMIT $5) five)
               AND ",
    may_hear!(),
    ") AS f WHERE f.near > 0 ORDER BY f.near DESC, f.began_at DESC, f.replay LIMIT $6"
);

impl Store {
    /// Talks that can be heard and have something to do with this one, the nearest first. For somebody who may hear it.
    pub async fn related_replays(
        &self,
        replay: ReplayId,
        hearer: Hearer,
        limit: u32,
    ) -> Result<Vec<Replay>, StoreError> {
        let near = of_hearer(sql(NEAR), hearer).bind(replay).bind(LOOKED_AT).bind(limit);
        let rows = self.database.all(near).await?;
        let ids = rows.iter().map(|row| row.id("replay").map(ReplayId)).collect::<Result<Vec<_>, _>>()?;
        self.these_replays(&ids, hearer).await
    }
}
