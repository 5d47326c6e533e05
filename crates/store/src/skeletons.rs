//! What handles look like. Two that look alike are one, so that nobody takes another's for theirs.

use unicode_security::skeleton as look_of;

use crate::db::{Database, sql};
use crate::error::StoreError;
use crate::open::ROWS_PER_STATEMENT;

/// The setting that is there while the tables hold handles from before their looks were looked at.
const PENDING: &str = "skeletons_pending";

/// What a handle looks like (Unicode Technical Standard 39, section 4).
pub fn skeleton(handle: &str) -> String {
    // Lower case once more: 0 looks like O, and so like o.
    look_of(handle).flat_map(char::to_lowercase).collect()
}

/// Gives members from before there were skeletons theirs, some at a time; the next start goes on with what this one leaves. Of two
/// who look alike the second keeps the handle itself in its place, and nobody else can take a handle that looks like either.
pub(crate) async fn complete(database: &Database) -> Result<(), StoreError> {
    let pending = sql("SELECT 1 AS found FROM settings WHERE key = $1").bind(PENDING);
    if database.optional(pending).await?.is_none() {
        return Ok(());
    }
    let mut after = String::new();
    loop {
        let mut transaction = database.begin().await?;
        let some = sql("SELECT h.skeleton, m.id, m.handle FROM handles h JOIN members m ON m.id = h.member
             WHERE h.skeleton > $1 ORDER BY h.skeleton LIMIT $2");
        let some = transaction.all(some.bind(after.as_str()).bind(ROWS_PER_STATEMENT as u64)).await?;
        for row in &some {
            let look = skeleton(&row.text("handle")?);
            after = row.text("skeleton")?;
            if look != after {
                let change = sql("UPDATE handles SET skeleton = $1 WHERE skeleton = $2 AND member = $3
                       AND NOT EXISTS (SELECT 1 FROM handles o WHERE o.skeleton = $1)");
                transaction.execute(change.bind(look).bind(after.as_str()).bind(row.member("id")?)).await?;
            }
        }
        if some.len() < ROWS_PER_STATEMENT {
            transaction.execute(sql("DELETE FROM settings WHERE key = $1").bind(PENDING)).await?;
            return transaction.commit().await;
        }
        transaction.commit().await?;
    }
}
