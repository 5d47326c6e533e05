//! Who is in the demo: the people who talk, and names for those who listen.

use std::collections::BTreeSet;

use super::dialogue::{CITY_SOUNDS, Cue, LAUNDRY_RADIO, NIGHT_TRAIN};
use super::speech::Voice;

/// A room of the demo.
#[derive(Debug)]
pub struct Room {
    /// Its title.
    pub title: &'static str,
    /// BCP 47 tag of what is spoken in it.
    pub language: &'static str,
    /// Who talks in it; the first is the host.
    pub people: &'static [Person],
    /// How many of them are on stage from the beginning; the others sit in the audience until they are let up.
    pub on_stage: usize,
    /// What they say, over and over.
    pub cues: &'static [Cue],
}

/// Somebody who talks.
#[derive(Debug)]
pub struct Person {
    /// Their handle.
    pub handle: &'static str,
    /// Their name.
    pub name: &'static str,
    /// How they speak.
    pub voice: Voice,
}

const fn person(handle: &'static str, name: &'static str, voice: &'static str, pitch: u8, speed: u16) -> Person {
    Person { handle, name, voice: Voice { name: voice, pitch, speed } }
}

/// The rooms, the newest in the hallway last.
pub const ROOMS: [Room; 3] = [
    Room {
        title: "Как звучит город",
        language: "ru",
        people: &[
            person("vera_sokolova", "Вера Соколова", "ru+f2", 52, 150),
            person("ivan_petrov", "Иван Петров", "ru+m3", 40, 142),
            person("lidia_morozova", "Лидия Морозова", "ru+f4", 38, 138),
            person("artyom_belov", "Артём Белов", "ru+m7", 58, 155),
            person("olya_zimina", "Оля Зимина", "ru+f5", 66, 152),
        ],
        on_stage: 4,
        cues: CITY_SOUNDS,
    },
    Room {
        title: "A radio station in the laundry room",
        language: "en",
        people: &[
            person("ines_calder", "Ines Calder", "en-gb+f4", 48, 156),
            person("felix_brandt", "Felix Brandt", "en-gb+m1", 38, 150),
            person("amara_osei", "Amara Osei", "en-us+f3", 46, 152),
            person("jonas_reed", "Jonas Reed", "en-gb-scotland+m3", 56, 162),
            person("pete_marlow", "Pete Marlow", "en-us+m7", 50, 158),
        ],
        on_stage: 4,
        cues: LAUNDRY_RADIO,
    },
    Room {
        title: "The night train, and who is awake in it",
        language: "en",
        people: &[
            person("maya_lind", "Maya Lind", "en-gb+f2", 50, 154),
            person("tom_okafor", "Tom Okafor", "en-gb+m3", 34, 144),
            person("ruth_ashby", "Ruth Ashby", "en-gb-x-rp+f4", 36, 148),
            person("dev_kapoor", "Dev Kapoor", "en-us+m1", 54, 158),
            person("nora_whitlock", "Nora Whitlock", "en-us+f3", 62, 150),
            person("leo_hartmann", "Leo Hartmann", "en-us+m7", 60, 160),
        ],
        on_stage: 4,
        cues: NIGHT_TRAIN,
    },
];

/// Somebody who listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Their handle.
    pub handle: String,
    /// Their name.
    pub name: String,
    /// BCP 47 tag of what they speak.
    pub language: &'static str,
}

/// First or last names that go together, as they are written and as they stand in a handle.
type Names = &'static [(&'static str, &'static str)];

const EN_FIRST: Names = &[
    ("Ada", "ada"),
    ("Alma", "alma"),
    ("Arthur", "arthur"),
    ("Bea", "bea"),
    ("Bruno", "bruno"),
    ("Cleo", "cleo"),
    ("Carlos", "carlos"),
    ("Dara", "dara"),
    ("Edith", "edith"),
    ("Elio", "elio"),
    ("Farah", "farah"),
    ("Gwen", "gwen"),
    ("Hugo", "hugo"),
    ("Imani", "imani"),
    ("Iris", "iris"),
    ("Joan", "joan"),
    ("Kenji", "kenji"),
    ("Lars", "lars"),
    ("Lucía", "lucia"),
    ("Mina", "mina"),
    ("Noah", "noah"),
    ("Nadia", "nadia"),
    ("Otis", "otis"),
    ("Priya", "priya"),
    ("Rosa", "rosa"),
    ("Samir", "samir"),
    ("Tessa", "tessa"),
    ("Uma", "uma"),
    ("Viktor", "viktor"),
    ("Wendy", "wendy"),
    ("Yara", "yara"),
];

const EN_LAST: Names = &[
    ("Abbott", "abbott"),
    ("Adeyemi", "adeyemi"),
    ("Barrow", "barrow"),
    ("Bellamy", "bellamy"),
    ("Castro", "castro"),
    ("Chen", "chen"),
    ("Dahl", "dahl"),
    ("Doyle", "doyle"),
    ("Eriksen", "eriksen"),
    ("Fontaine", "fontaine"),
    ("Garcia", "garcia"),
    ("Hale", "hale"),
    ("Haddad", "haddad"),
    ("Ito", "ito"),
    ("Jansen", "jansen"),
    ("Keller", "keller"),
    ("Kowalski", "kowalski"),
    ("Lowell", "lowell"),
    ("Mbeki", "mbeki"),
    ("Moreau", "moreau"),
    ("Nilsson", "nilsson"),
    ("Novak", "novak"),
    ("Park", "park"),
    ("Quill", "quill"),
    ("Rossi", "rossi"),
    ("Sato", "sato"),
    ("Sharma", "sharma"),
    ("Turner", "turner"),
    ("Weiss", "weiss"),
];

const RU_WOMEN: Names = &[
    ("Алина", "alina"),
    ("Валентина", "valentina"),
    ("Дарья", "darya"),
    ("Елена", "elena"),
    ("Жанна", "zhanna"),
    ("Зоя", "zoya"),
    ("Инна", "inna"),
    ("Ксения", "ksenia"),
    ("Людмила", "lyudmila"),
    ("Марина", "marina"),
    ("Наталья", "natalya"),
    ("Полина", "polina"),
    ("Софья", "sofya"),
    ("Татьяна", "tatyana"),
    ("Фаина", "faina"),
    ("Юлия", "yulia"),
    ("Яна", "yana"),
];

const RU_WOMEN_LAST: Names = &[
    ("Андреева", "andreeva"),
    ("Белкина", "belkina"),
    ("Воронова", "voronova"),
    ("Громова", "gromova"),
    ("Ершова", "ershova"),
    ("Журавлёва", "zhuravlyova"),
    ("Калинина", "kalinina"),
    ("Лебедева", "lebedeva"),
    ("Миронова", "mironova"),
    ("Орлова", "orlova"),
    ("Рябинина", "ryabinina"),
    ("Снегирёва", "snegiryova"),
    ("Тихонова", "tikhonova"),
];

const RU_MEN: Names = &[
    ("Алексей", "alexey"),
    ("Борис", "boris"),
    ("Виталий", "vitaly"),
    ("Глеб", "gleb"),
    ("Денис", "denis"),
    ("Егор", "egor"),
    ("Захар", "zakhar"),
    ("Илья", "ilya"),
    ("Кирилл", "kirill"),
    ("Лев", "lev"),
    ("Матвей", "matvey"),
    ("Никита", "nikita"),
    ("Олег", "oleg"),
    ("Павел", "pavel"),
    ("Роман", "roman"),
    ("Степан", "stepan"),
    ("Тимур", "timur"),
];

const RU_MEN_LAST: Names = &[
    ("Андреев", "andreev"),
    ("Белкин", "belkin"),
    ("Воронов", "voronov"),
    ("Громов", "gromov"),
    ("Ершов", "ershov"),
    ("Журавлёв", "zhuravlyov"),
    ("Калинин", "kalinin"),
    ("Лебедев", "lebedev"),
    ("Миронов", "mironov"),
    ("Орлов", "orlov"),
    ("Рябинин", "ryabinin"),
    ("Снегирёв", "snegiryov"),
    ("Тихонов", "tikhonov"),
];

/// How many listeners there are names for in one room: fewest in the Russian one.
pub const MOST_LISTENERS: usize = 400;

/// People to listen in the `room`-th of [`ROOMS`]; the same every time. At most [`MOST_LISTENERS`].
pub fn listeners(room: usize, count: usize) -> Vec<Listener> {
    let russian = ROOMS[room].language == "ru";
    // Two English rooms share their names: one has the even, one the odd of them.
    let place = |index: usize| if russian { index / 2 } else { index * 2 + room % 2 };
    let talkers: BTreeSet<&str> = ROOMS.iter().flat_map(|room| room.people).map(|person| person.handle).collect();
    (0..count.min(MOST_LISTENERS))
        .map(|index| {
            let (first, last, language) = match (russian, index % 2) {
                (true, 0) => (RU_WOMEN, RU_WOMEN_LAST, "ru"),
                (true, _) => (RU_MEN, RU_MEN_LAST, "ru"),
                (false, _) => (EN_FIRST, EN_LAST, "en"),
            };
            // Both lists go round at once, and their lengths have no common divisor: no pair comes twice before all
            // have been.
            let (first, last) = (first[place(index) % first.len()], last[place(index) % last.len()]);
            let mut handle = format!("{}_{}", first.1, last.1);
            if talkers.contains(handle.as_str()) {
                handle.push('2');
            }
            Listener { handle, name: format!("{} {}", first.0, last.0), language }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::dialogue::When;

    #[test]
    fn everybody_has_a_handle_of_their_own_that_the_server_takes() {
        let talkers = ROOMS.iter().flat_map(|room| room.people).map(|person| person.handle.to_owned());
        let audience = (0..ROOMS.len()).flat_map(|room| listeners(room, MOST_LISTENERS)).map(|one| one.handle);
        let handles: Vec<String> = talkers.chain(audience).collect();
        let different: BTreeSet<&String> = handles.iter().collect();
        assert_eq!(different.len(), handles.len());
        assert!(handles.len() > ROOMS.len() * MOST_LISTENERS);
        for handle in handles {
            let plain = handle.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
            assert!(plain && (2..=30).contains(&handle.len()) && !handle.starts_with("crowd_"), "{handle}");
        }
    }

    /// A conversation can be played from its beginning to its end, again and again: who speaks is on stage, hands are
    /// raised before they are accepted, and whoever was let up has gone down again at the end.
    #[test]
    fn conversations_can_be_played_over_and_over() {
        for room in &ROOMS {
            let mut on_stage: BTreeSet<usize> = (0..room.on_stage).collect();
            let mut hands = BTreeSet::new();
            let (mut lines, mut lets_in) = (0, 0);
            let mut last: Option<usize> = None;
            for cue in room.cues {
                match *cue {
                    Cue::Say { who, when, text } => {
                        assert!(on_stage.contains(&who), "{text}");
                        assert!(!text.is_empty() && !text.contains("  "), "{text}");
                        assert!(when != When::Aside || last.is_some_and(|last| last != who), "{text}");
                        assert!(when != When::Over || last.is_some_and(|last| last != who), "{text}");
                        // Above: somebody cannot talk over themselves. An aside leaves the turn where it was.
                        last = if when == When::Aside { last } else { Some(who) };
                        lines += 1;
                    }
                    Cue::Raise { who, question } => {
                        assert!(!on_stage.contains(&who) && hands.insert(who) && question.chars().count() <= 280);
                    }
                    Cue::Lower { who } => assert!(hands.remove(&who)),
                    Cue::Accept { who } => {
                        assert!(hands.remove(&who) && on_stage.insert(who));
                        lets_in += 1;
                    }
                    Cue::StepDown { who } => assert!(who >= room.on_stage && on_stage.remove(&who)),
                }
            }
            assert_eq!((on_stage.len(), hands.len()), (room.on_stage, 0), "{}", room.title);
            assert!(lines >= 12 && lets_in >= 1, "{}: {lines} lines", room.title);
        }
    }
}
