//! Takes what is found by its words into the search index in the background, so that redeeming an invite does not wait for it. Rooms
//! are in no index: there are few.

use std::collections::BTreeSet;
use std::time::Duration;

use roomtone_room::search::index_words;
use roomtone_store::Store;
use tokio::sync::Notify;

use crate::edge;
use crate::wire::http::RoomCard;

/// How long nothing is tried after the store failed. Shorter finds new people sooner; longer leaves a store that is
/// overloaded alone.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long nothing is done after each step, in times what the step took: the store has one writer, and who redeems an
/// invite is to wait for few of these. More keeps out of the way; less finds a crowd of new people sooner.
const PAUSE: u32 = 3;

/// How often the task looks by itself: for what another process has changed.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Tells the task that there is something to take in.
#[derive(Debug, Default)]
pub struct Indexer {
    changed: Notify,
}

impl Indexer {
    /// Somebody or something is new or has another name. Costs nothing; many at once are one.
    pub fn changed(&self) {
        self.changed.notify_one();
    }

    /// Takes in what is marked, now and whenever there is more, until the task is aborted.
    pub(crate) async fn run(&self, store: &Store) {
        loop {
            let begun = edge::instant();
            match store.index_next().await {
                Ok(0) => {
                    // Late is all that a change can be that nobody told of.
                    let _ = tokio::time::timeout(LOOK_EVERY, self.changed.notified()).await;
                }
                Ok(_) => tokio::time::sleep((edge::instant() - begun) * PAUSE).await,
                Err(error) => {
                    tracing::warn!(%error, "the search index could not be brought up to date");
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        }
    }
}

/// By what a room is found: its title, topics and house, and who hosts it or is named on its card.
pub(crate) fn words_of(card: &RoomCard) -> BTreeSet<String> {
    let people = card.stage.iter().chain([&card.host]).flat_map(|person| [&person.name, &person.handle]);
    let house = card.house.iter().flat_map(|house| [&house.name, &house.handle]);
    let texts = [&card.title].into_iter().chain(&card.topics).chain(house).chain(people);
    texts.flat_map(|text| index_words([text.as_str()])).collect()
}
