//! Who is where. A member is in one room at a time (guarantee G3), and takes one of the places that the server has.

use std::collections::HashMap;
use std::sync::Arc;

use roomtone_room::Room;
use roomtone_room::ids::{MemberId, RoomId};

use crate::wire::socket::Person;

/// Everybody who is in a room or on the way to one.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    places: HashMap<MemberId, Place>,
    visits: u64,
}

/// Where one member is. It is kept for as long as they are inside or on their way.
#[derive(Debug)]
struct Place {
    room: RoomId,
    /// Changes when they go to another room.
    visit: u64,
    /// How many of their requests are on the way to the room's owner.
    coming: usize,
    /// Whether the owner has let them in.
    inside: bool,
    known: Option<Arc<Known>>,
}

/// What is known of somebody in a room, for those who do not ask the room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) person: Person,
    /// Whether they let nobody see that they are here.
    pub(crate) hidden: bool,
}

/// Somebody's way to a room.
#[derive(Debug)]
pub(super) struct Way {
    /// Which way, for [`Presence::arrived`].
    pub(super) visit: u64,
    /// The other room they were in or on the way to.
    pub(super) from: Option<RoomId>,
}

impl Presence {
    /// Notes that the member comes to a room, until [`Presence::arrived`]. For somebody who is in none, `has_room` decides
    /// by the number of places that are taken; `None` if it refuses.
    pub(super) fn come(&mut self, member: MemberId, room: RoomId, has_room: impl FnOnce(usize) -> bool) -> Option<Way> {
        let taken = self.places.len();
        let from = match self.places.get_mut(&member) {
            Some(place) if place.room == room => {
                place.coming += 1;
                return Some(Way { visit: place.visit, from: None });
            }
            Some(place) => Some(place.room),
            None if has_room(taken) => None,
            None => return None,
        };
        let visit = self.put(member, Place { room, visit: 0, coming: 1, inside: false, known: None });
        Some(Way { visit, from })
    }

    /// Ends what [`Presence::come`] began: the owner has answered. Whoever was not let in is nowhere.
    pub(super) fn arrived(&mut self, member: MemberId, visit: u64) {
        if let Some(place) = self.places.get_mut(&member).filter(|place| place.visit == visit) {
            place.coming -= 1;
            self.tidy(member);
        }
    }

    /// Notes that the member is in a room, unless they have gone to another one meanwhile; returns whether they are.
    pub(super) fn claim(&mut self, member: MemberId, room: RoomId) -> bool {
        match self.places.get_mut(&member) {
            Some(place) => {
                place.inside |= place.room == room;
                place.room == room
            }
            None => {
                self.put(member, Place { room, visit: 0, coming: 0, inside: true, known: None });
                true
            }
        }
    }

    /// Notes that the member is not in a room any more. If they are on their way back into it, they keep their place.
    pub(super) fn left(&mut self, member: MemberId, room: RoomId) {
        if let Some(place) = self.places.get_mut(&member).filter(|place| place.room == room) {
            place.inside = false;
            self.tidy(member);
        }
    }

    /// Notes who is in a room as it starts, or starts again: its participants, unless they have gone to another one, and
    /// nobody else.
    pub(super) fn start(&mut self, room: &Room) {
        let id = room.id();
        self.places.retain(|&member, place| {
            place.inside &= place.room != id || room.participant(member).is_some();
            place.inside || place.coming > 0
        });
        for participant in room.participants() {
            self.claim(participant.member, id);
        }
    }

    /// Forgets a room that is not live any more, and who was in it.
    pub(super) fn end(&mut self, room: RoomId) {
        self.places.retain(|_, place| place.room != room);
    }

    /// The room that the member is in or on the way to.
    pub(crate) fn room_of(&self, member: MemberId) -> Option<RoomId> {
        self.places.get(&member).map(|place| place.room)
    }

    /// The room that the member is in, and not only on the way to.
    pub(crate) fn inside(&self, member: MemberId) -> Option<RoomId> {
        self.places.get(&member).filter(|place| place.inside).map(|place| place.room)
    }

    /// Notes who a member in a room is.
    pub(crate) fn know(&mut self, member: MemberId, room: RoomId, known: Known) {
        if let Some(place) = self.places.get_mut(&member).filter(|place| place.room == room) {
            place.known = Some(Arc::new(known));
        }
    }

    /// The room that the member is in, and who they are.
    pub(crate) fn find(&self, member: MemberId) -> Option<(RoomId, &Arc<Known>)> {
        let place = self.places.get(&member).filter(|place| place.inside)?;
        Some((place.room, place.known.as_ref()?))
    }

    /// Everybody who is in a room or on the way to one.
    pub(crate) fn members(&self) -> impl Iterator<Item = MemberId> {
        self.places.keys().copied()
    }

    /// How many are in rooms or on the way to one.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    fn put(&mut self, member: MemberId, place: Place) -> u64 {
        self.visits += 1;
        self.places.insert(member, Place { visit: self.visits, ..place });
        self.visits
    }

    fn tidy(&mut self, member: MemberId) {
        if self.places.get(&member).is_some_and(|place| !place.inside && place.coming == 0) {
            self.places.remove(&member);
        }
    }
}

#[cfg(test)]
mod tests {
    use roomtone_room::ids::Timestamp;
    use roomtone_room::{Kind, Opening};

    use super::*;

    const ADA: MemberId = MemberId(1);
    const BEN: MemberId = MemberId(2);
    const X: RoomId = RoomId(10);
    const Y: RoomId = RoomId(11);

    fn come(presence: &mut Presence, member: MemberId, room: RoomId) -> Way {
        presence.come(member, room, |_| true).unwrap()
    }

    #[test]
    fn a_place_is_for_whoever_is_nowhere_and_only_if_there_is_one() {
        let mut presence = Presence::default();
        let two = |taken| taken < 2;
        assert!(presence.come(ADA, X, two).is_some());
        assert!(presence.come(BEN, X, two).is_some());
        assert!(presence.come(MemberId(3), X, two).is_none());
        assert_eq!(presence.room_of(MemberId(3)), None);
        // Who has one may go wherever they like.
        assert_eq!(presence.come(ADA, Y, |_| false).unwrap().from, Some(X));
        assert_eq!(presence.come(ADA, Y, |_| false).unwrap().from, None);
    }

    #[test]
    fn whoever_was_not_let_in_is_nowhere() {
        let mut presence = Presence::default();
        let way = come(&mut presence, ADA, X);
        presence.arrived(ADA, way.visit);
        assert_eq!(presence.room_of(ADA), None);
        // Nor whoever came from another room.
        presence.claim(ADA, X);
        let way = come(&mut presence, ADA, Y);
        presence.arrived(ADA, way.visit);
        assert_eq!(presence.room_of(ADA), None);
    }

    #[test]
    fn one_request_does_not_take_the_place_of_another() {
        let mut presence = Presence::default();
        let (socket, leg) = (come(&mut presence, ADA, X), come(&mut presence, ADA, X));
        presence.arrived(ADA, socket.visit);
        assert_eq!(presence.room_of(ADA), Some(X), "the leg is still on its way");
        assert!(presence.claim(ADA, X));
        presence.arrived(ADA, leg.visit);
        assert_eq!(presence.room_of(ADA), Some(X));
        // There and back: the first way to a room has nothing to do with the second.
        let (away, back) = (come(&mut presence, ADA, Y), come(&mut presence, ADA, X));
        presence.arrived(ADA, away.visit);
        assert_eq!(presence.room_of(ADA), Some(X));
        // A room that they have left for another does not hold them.
        let away = come(&mut presence, ADA, Y);
        assert!(!presence.claim(ADA, X));
        presence.left(ADA, X);
        presence.arrived(ADA, back.visit);
        assert_eq!(presence.room_of(ADA), Some(Y), "a claim that is refused ends nobody's way elsewhere");
        presence.arrived(ADA, away.visit);
        assert_eq!(presence.room_of(ADA), None);
    }

    #[test]
    fn who_leaves_and_comes_back_keeps_the_place() {
        let mut presence = Presence::default();
        presence.claim(ADA, X);
        let back = come(&mut presence, ADA, X);
        presence.left(ADA, X);
        assert!(presence.come(BEN, X, |taken| taken < 1).is_none());
        presence.claim(ADA, X);
        presence.arrived(ADA, back.visit);
        presence.left(ADA, X);
        assert!(presence.come(BEN, X, |taken| taken < 1).is_some());
    }

    #[test]
    fn a_room_that_starts_again_holds_its_participants_and_nobody_else() {
        let mut presence = Presence::default();
        let (room, _) = Room::open(Timestamp(0), X, ADA, Opening::new("A room", Kind::Open, "en"));
        let (coming, elsewhere) = (MemberId(3), MemberId(4));
        presence.claim(BEN, X);
        presence.claim(coming, X);
        let way = come(&mut presence, coming, X);
        presence.claim(elsewhere, Y);
        presence.start(&room);
        let rooms = [ADA, BEN, coming, elsewhere].map(|member| presence.room_of(member));
        assert_eq!(rooms, [Some(X), None, Some(X), Some(Y)]);
        presence.arrived(coming, way.visit);
        assert_eq!(presence.room_of(coming), None);
        presence.end(X);
        assert_eq!((presence.room_of(ADA), presence.room_of(elsewhere)), (None, Some(Y)));
    }
}
