//! What is said in the rooms of the demo, by whom, and when it is whose turn.

/// One thing that happens in a conversation. People are places in [`super::cast::Room::people`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cue {
    /// Somebody says something.
    Say {
        /// Who.
        who: usize,
        /// When they begin.
        when: When,
        /// What they say.
        text: &'static str,
    },
    /// Somebody in the audience raises a hand.
    Raise {
        /// Who.
        who: usize,
        /// What they would like to ask.
        question: &'static str,
    },
    /// They think better of it.
    Lower {
        /// Who.
        who: usize,
    },
    /// The host lets the one whose hand is up on stage.
    Accept {
        /// Whom.
        who: usize,
    },
    /// Somebody goes back to the audience.
    StepDown {
        /// Who.
        who: usize,
    },
}

/// When somebody begins to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// After the one before has finished, and a moment.
    After,
    /// Before the one before has quite finished.
    Over,
    /// In the middle of what somebody says, who goes on: the turn stays theirs.
    Aside,
    /// After a silence.
    Late,
}

/// Whose turn it is, on a clock in milliseconds that begins when the conversation does.
#[derive(Debug, Default, Clone, Copy)]
pub struct Turns {
    began: u64,
    ends: u64,
}

impl Turns {
    /// When something that takes `length` ms begins; `chance` is a random number from 0 up to 1. Never before anything
    /// that was asked for earlier.
    pub fn next(&mut self, when: When, length: u64, chance: f64) -> u64 {
        let between = |least: u64, most: u64| least + ((most - least) as f64 * chance) as u64;
        let turn = self.ends - self.began;
        let begins = match when {
            // Most answers come quickly, some after a thought.
            When::After if chance < 0.85 => self.ends + 200 + (chance * 900.0) as u64,
            When::After => self.ends + between(1_200, 2_200),
            When::Over => self.ends - (turn / 2).min(between(250, 900)),
            When::Aside => return self.began + (turn as f64 * (0.4 + 0.3 * chance)) as u64,
            When::Late => self.ends + between(2_000, 3_000),
        };
        *self = Self { began: begins, ends: begins + length };
        begins
    }

    /// When the turn that was asked for last ends.
    pub fn ends(&self) -> u64 {
        self.ends
    }
}

const fn say(who: usize, text: &'static str) -> Cue {
    Cue::Say { who, when: When::After, text }
}

const fn over(who: usize, text: &'static str) -> Cue {
    Cue::Say { who, when: When::Over, text }
}

const fn aside(who: usize, text: &'static str) -> Cue {
    Cue::Say { who, when: When::Aside, text }
}

const fn late(who: usize, text: &'static str) -> Cue {
    Cue::Say { who, when: When::Late, text }
}

/// A conductor, a cook and two passengers remember.
pub const NIGHT_TRAIN: &[Cue] = {
    const MAYA: usize = 0;
    const TOM: usize = 1;
    const RUTH: usize = 2;
    const DEV: usize = 3;
    const NORA: usize = 4;
    const LEO: usize = 5;
    &[
        say(
            MAYA,
            "Good evening, and welcome aboard. Tonight we talk about night trains, and about who is awake in them at \
             three in the morning. Tom, you were a conductor for twenty-six years. When does a train become a night \
             train?",
        ),
        say(
            TOM,
            "Somewhere after the second stop, I think. Until then people look at their phones. Then the last town \
             goes by, somebody opens a bag of sandwiches, and strangers begin to say where they are going.",
        ),
        over(RUTH, "And why. It is always the why that takes until midnight."),
        say(
            TOM,
            "Yes, the why. I once had a whole carriage helping a young man to write a letter to his father. Nine \
             people, and one pencil. They argued about a single word until the border.",
        ),
        say(MAYA, "Which word?"),
        late(TOM, "Sorry. Whether it belongs at the beginning or at the end."),
        say(
            DEV,
            "I cooked on that line. You learn to make soup that stays in the bowl when the train leans to the left. \
             The secret is to fill it by half, and then to come back twice.",
        ),
        aside(TOM, "Twice, yes."),
        say(RUTH, "I remember that soup. I thought that you were being generous."),
        over(DEV, "I was being careful. It only looked generous."),
        Cue::Raise { who: NORA, question: "Did anybody on the train ever see us wave?" },
        say(MAYA, "Ruth, you take the night train every other month. What do you do when you cannot sleep?"),
        say(
            RUTH,
            "I go and stand in the corridor, at the window that does not close. There is always somebody there. Last \
             time it was a man who tunes church bells.",
        ),
        aside(TOM, "I knew him!"),
        say(TOM, "Grey beard. He carried a tuning fork in his sock."),
        over(
            RUTH,
            "In his sock, exactly. He struck it on the handrail, and told us that our carriage was humming in A flat \
             minor.",
        ),
        say(MAYA, "There is a hand in the audience. Nora, come up to us, please."),
        Cue::Accept { who: NORA },
        say(
            NORA,
            "Thank you. I grew up beside that line. Every night we waved to the ten forty from the kitchen window. \
             Did anybody on the train ever see us?",
        ),
        late(
            TOM,
            "Of course we saw you. A yellow kitchen after the long bridge, with a tall child and a small one. We used \
             to flash the reading lamp at you, twice.",
        ),
        say(NORA, "That was us. I was the small one. We never knew that it was for us."),
        late(MAYA, "Well. Now I need a moment."),
        say(DEV, "Half a bowl of soup for everybody, I would say."),
        over(RUTH, "Twice."),
        Cue::StepDown { who: NORA },
        Cue::Raise { who: LEO, question: "What is the longest you ever stood still?" },
        say(
            MAYA,
            "If you have just come in: this is the night train, and there is a seat by the window. Raise your hand if \
             you have a story. Tom, tell us about the snow.",
        ),
        Cue::Lower { who: LEO },
        say(
            TOM,
            "Oh, the snow. We stood still for eleven hours. By the fourth hour the dining car was a school. A \
             geography teacher drew the whole route on a tablecloth, and the children learned every station by heart.",
        ),
        aside(DEV, "My best tablecloth."),
        say(
            TOM,
            "And when we moved at last, they called out the names one by one, and nobody over ten was allowed to help.",
        ),
        say(MAYA, "And did they know them all?"),
        late(TOM, "All but one. They forgot the last station. Nobody wanted to arrive."),
        say(
            RUTH,
            "That is what I like about it. Nobody on a night train is late. You are all exactly as far as everybody \
             else.",
        ),
        say(MAYA, "Let us stay here for a while, then. The lamps are low, and the next stop is far away."),
    ]
};

/// How six neighbours came to have a radio station.
pub const LAUNDRY_RADIO: &[Cue] = {
    const INES: usize = 0;
    const FELIX: usize = 1;
    const AMARA: usize = 2;
    const JONAS: usize = 3;
    const PETE: usize = 4;
    &[
        say(
            INES,
            "This is the room about small radio. Three years ago, six people in our block had one microphone, a \
             borrowed mixer, and a laundry room. Felix, tell them why the laundry room.",
        ),
        say(
            FELIX,
            "It was the only room with thick walls and a key. And it was warm in winter. We learned the timetable of \
             the washing machines by heart, and put the interviews between the spin cycles.",
        ),
        over(
            AMARA,
            "Not always between. There is a famous interview with the mayor in which you hear somebody's jeans.",
        ),
        say(JONAS, "Those were my jeans."),
        aside(FELIX, "Ha!"),
        say(INES, "Amara, you had the very first programme. What did you play?"),
        late(
            AMARA,
            "Nothing. For ten minutes I played nothing, because I had forgotten to raise the fader. I talked about my \
             grandmother's records to nobody at all. Then Felix knocked on the glass.",
        ),
        over(FELIX, "I knocked on the washing machine. There is no glass."),
        say(
            JONAS,
            "I was the audience that night. One listener on the fourth floor, with a wire hanging out of the window. \
             When the sound came at last, I ran down in my slippers to tell them.",
        ),
        say(INES, "One listener who comes down in slippers is worth a great deal."),
        Cue::Raise { who: PETE, question: "We have no money at all. What should we get first?" },
        say(
            AMARA,
            "I still prepare every programme for one person. When you imagine a crowd you begin to shout, and nobody \
             wants to be shouted at in their own kitchen.",
        ),
        aside(INES, "So true."),
        say(
            FELIX,
            "It is good engineering, too. Close to the microphone, and quietly. We hung up everybody's winter coats \
             as curtains, and suddenly we sounded like the national station.",
        ),
        over(JONAS, "And in spring people came for their coats, and we sounded like a bathroom again."),
        say(INES, "I see a hand. Pete, come up and join us."),
        Cue::Accept { who: PETE },
        say(
            PETE,
            "Hello, everybody. We want to begin in our village, and we have no money at all. What should we get \
             first?",
        ),
        say(FELIX, "People who come back every week. I mean it. A transmitter can be borrowed. A Tuesday cannot."),
        say(AMARA, "And one good pair of headphones. Once you hear yourself well, you become kinder."),
        say(PETE, "Kinder. I am going to write that on the wall."),
        over(JONAS, "And slippers."),
        say(INES, "People, headphones, slippers. Thank you, Pete, and tell us when you are on the air."),
        Cue::StepDown { who: PETE },
        say(
            AMARA,
            "May I tell about the storm? The whole street was dark, and we ran on the battery of Felix's car. We read \
             out who had candles, who had a gas stove, and whose grandmother lived alone on which floor.",
        ),
        aside(JONAS, "All night long."),
        say(AMARA, "By the morning, everybody had eaten soup in somebody else's kitchen."),
        say(FELIX, "Four hours on one battery. I carried the second one up the hill myself."),
        over(JONAS, "We carried it. I had the heavy end."),
        say(FELIX, "A battery does not have a heavy end."),
        over(JONAS, "That one did."),
        late(
            INES,
            "And that was the evening when the station became everybody's. If you have just come in, stay a little. \
             The kettle is on, and the machine on the left is about to spin.",
        ),
    ]
};

/// О том, как слушать улицы.
pub const CITY_SOUNDS: &[Cue] = {
    const VERA: usize = 0;
    const IVAN: usize = 1;
    const LIDIA: usize = 2;
    const ARTYOM: usize = 3;
    const OLYA: usize = 4;
    &[
        say(
            VERA,
            "Добрый вечер всем, кто зашёл. Сегодня мы слушаем город. Не музыку в городе, а сам город: дворы, мосты, \
             трамваи. Иван, ты записываешь улицы уже пятнадцать лет. С чего ты начинаешь?",
        ),
        say(
            IVAN,
            "С того, что долго молчу. Встаю во дворе, закрываю глаза и жду минут десять. Сначала слышишь только себя: \
             куртку, дыхание, мысли. А потом двор перестаёт тебя стесняться.",
        ),
        over(LIDIA, "Как хорошо сказано. Двор перестаёт стесняться!"),
        say(IVAN, "Так и есть. Открывается окно, кто-то роняет крышку от кастрюли, и начинается концерт."),
        say(VERA, "Лидия Сергеевна, вы двадцать лет водили трамвай. Слышно ли город из кабины?"),
        say(
            LIDIA,
            "Ещё как. Рельсы поют перед дождём. Звук становится ниже и мягче. Я по нему решала, брать ли зонт, и ни \
             разу не ошиблась.",
        ),
        aside(VERA, "Надо же!"),
        say(
            ARTYOM,
            "А я настройщик роялей, и у меня то же самое. В сырую погоду весь город немного фальшивит, и мне звонят \
             из трёх музыкальных школ сразу.",
        ),
        over(LIDIA, "Бедные дети."),
        Cue::Raise {
            who: OLYA, question: "Здесь слишком тихо, и я не могу уснуть. Это лечится?"
        },
        say(VERA, "А какой звук пропал? Чего вы больше не слышите?"),
        late(
            IVAN,
            "Точильщика ножей. Он ходил по нашим дворам с колесом на плече и выкрикивал одну фразу на три ноты. У \
             меня осталась единственная запись, одиннадцать секунд. Я берегу её больше, чем фотографии.",
        ),
        over(ARTYOM, "Напой!"),
        say(IVAN, "Не буду. Хотя ладно. Ножи, ножи точить! Вот так: вверх, вниз, и опять вверх."),
        say(VERA, "Спасибо. Кажется, у кого-то в доме сейчас открылось окно."),
        say(VERA, "Я вижу поднятую руку. Оля, поднимайтесь к нам."),
        Cue::Accept { who: OLYA },
        say(
            OLYA,
            "Здравствуйте. Я недавно переехала и не могу уснуть: здесь слишком тихо. Раньше у меня под окнами был \
             вокзал. Это лечится?",
        ),
        late(
            LIDIA,
            "Милая моя, это не лечится, это любовь. Я на пенсии ещё полгода просыпалась без двадцати пять, к первому \
             рейсу.",
        ),
        say(ARTYOM, "Откройте форточку и найдите самый дальний звук, какой только слышен. Пока его ищешь, засыпаешь."),
        say(OLYA, "Самый дальний. Кажется, это лодка на реке. Сегодня же попробую."),
        over(IVAN, "Если это и правда лодка, запишите её, пожалуйста. У меня нет лодки."),
        say(VERA, "Всё, Оля, теперь вы в экспедиции. Спасибо вам."),
        Cue::StepDown { who: OLYA },
        say(
            LIDIA,
            "А можно про мост? Посреди моста есть место без тока, и мотор там замолкает на две секунды. Зимой, в \
             пустом вагоне, в эти две секунды слышно реку подо льдом. Двадцать лет я ждала их каждую ночь.",
        ),
        aside(VERA, "Боже мой."),
        say(VERA, "Две секунды реки. Давайте и мы помолчим две секунды."),
        late(IVAN, "Записал."),
        say(ARTYOM, "На каком она была ноте?"),
        over(LIDIA, "На самой низкой. Ниже вашего рояля."),
        late(
            VERA,
            "Если вы только что вошли: мы слушаем город. Поднимайте руку и рассказывайте, как звучит ваша улица. А мы \
             пока откроем окно.",
        ),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_each_other_as_their_cues_say() {
        for chance in [0.0, 0.3, 0.7, 0.86, 0.999] {
            let mut turns = Turns::default();
            let first = turns.next(When::After, 4_000, chance);
            assert!((200..=2_200).contains(&first), "{first}");
            let aside = turns.next(When::Aside, 700, chance);
            assert!(first < aside && aside + 700 < first + 4_000, "{aside} in {first} and 4 s");
            assert_eq!(turns.ends(), first + 4_000, "an aside takes no turn");
            let over = turns.next(When::Over, 1_000, chance);
            assert!((100..=900).contains(&(first + 4_000 - over)), "{over}");
            let late = turns.next(When::Late, 500, chance);
            assert!((2_000..=3_000).contains(&(late - over - 1_000)), "{late}");
            assert_eq!(turns.ends(), late + 500);
        }
        // Over something very short: it is heard by half.
        let mut turns = Turns::default();
        let short = turns.next(When::After, 100, 0.5);
        assert_eq!(turns.next(When::Over, 100, 0.5), short + 50);
    }
}
