//! E-mail: the mail server that the operator entered, one task that sends, and the letters about signing in.
//!
//! Who asks for a letter never waits for it and does not learn what became of it, so that the time an answer takes does not
//! tell whether somebody has an address here.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lettre::address::AddressError;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use roomtone_room::ids::Timestamp;
use roomtone_store::Store;
use tokio::sync::mpsc;

use crate::cli::sign_in_link;
use crate::edge::{self, Secret};
use crate::settings::{MailServer, MailTls, Settings};

/// Letters that may wait to be sent, of those by which people sign in and of all others alike. More rides out a longer stall of
/// the mail server; when it is full, nobody can ask for one.
const QUEUE: usize = 256;

/// Letters that may wait to be tried again. When there are as many, one that fails is given up.
const AGAIN: usize = 256;

/// After how long a letter is tried again that the mail server did not take for now. Longer spares the mail server; with
/// the last one it is given up.
const AGAIN_AFTER: [Duration; 4] =
    [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120), Duration::from_secs(600)];

/// How long the mail server may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// How long a link in a letter works, in milliseconds. Longer suits slow mail; shorter leaves less in mailboxes that works.
pub const LINK_LIFE: u64 = 15 * 60 * 1000;

/// An e-mail address in the form in which it is kept and compared: plain ASCII, in lower case (RFC 5321, section 4.1.2,
/// without quoted local parts and address literals).
pub fn address(text: &str) -> Option<String> {
    let text = text.trim();
    let plain = text.len() <= 254 && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"()<>[]\\,;:".contains(&b));
    let parsed: Address = plain.then(|| text.parse().ok()).flatten()?;
    (parsed.domain().contains('.') || parsed.domain() == "localhost").then(|| text.to_ascii_lowercase())
}

/// A letter of plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The address that it goes to.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub body: String,
    /// Where one press ends letters of this kind (RFC 8058).
    pub unsubscribe: Option<String>,
}

/// Why a letter did not go out.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    /// An address is none, or the mail server takes it under no circumstances.
    #[error("{0}")]
    Refused(String),
    /// The mail server cannot be reached, or takes no letters for now.
    #[error("{0}")]
    ForNow(String),
}

/// Sends a letter now, and waits for the mail server's answer.
pub async fn send_now(server: &MailServer, letter: &Letter) -> Result<(), NotSent> {
    let message = message(server, letter).map_err(NotSent::Refused)?;
    let transport = transport(server).map_err(|error| NotSent::ForNow(error.to_string()))?;
    let sent = transport.send(message).await;
    sent.map(drop).map_err(|error| match error.is_permanent() {
        true => NotSent::Refused(error.to_string()),
        false => NotSent::ForNow(error.to_string()),
    })
}

fn message(server: &MailServer, letter: &Letter) -> Result<Message, String> {
    let from: Mailbox = server.from.parse().map_err(|error: AddressError| error.to_string())?;
    let to: Address = letter.to.parse().map_err(|error: AddressError| error.to_string())?;
    let mut message = Message::builder()
        .from(from)
        .to(to.into())
        .subject(&letter.subject)
        // No answering machine is to answer (RFC 3834, section 5).
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .header(ContentType::TEXT_PLAIN);
    if let Some(address) = &letter.unsubscribe {
        message = message
            .raw_header(header("List-Unsubscribe", &format!("<{address}>")))
            .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
    }
    message.body(letter.body.clone()).map_err(|error| error.to_string())
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn transport(server: &MailServer) -> Result<AsyncSmtpTransport<Tokio1Executor>, lettre::transport::smtp::Error> {
    let tls = match server.tls {
        MailTls::Tls => Tls::Wrapper(TlsParameters::new(server.host.clone())?),
        MailTls::StartTls => Tls::Required(TlsParameters::new(server.host.clone())?),
        MailTls::None => Tls::None,
    };
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
        .port(server.port)
        .tls(tls)
        .timeout(Some(ANSWER_LIMIT));
    if let Some((_, domain)) = server.from.trim_end_matches('>').rsplit_once('@') {
        transport = transport.hello_name(ClientId::Domain(domain.to_owned()));
    }
    if !server.user.is_empty() {
        transport = transport.credentials(Credentials::new(server.user.clone(), server.password.clone()));
    }
    Ok(transport.build())
}

/// Where letters are handed in.
#[derive(Debug, Clone)]
pub struct Mailer {
    /// Those that somebody waits for, who wants to sign in.
    first: mpsc::Sender<Job>,
    /// All others.
    jobs: mpsc::Sender<Job>,
}

/// What the task does.
#[derive(Debug)]
enum Job {
    /// Sends a letter.
    Send(Letter),
    /// Sends a link to sign in to whoever has this address, if anybody has.
    SignIn { address: String },
}

impl Mailer {
    /// Starts the task, which lives as long as somebody can hand in letters. Links in them begin with `public_url`.
    pub fn start(store: Store, settings: Arc<Settings>, public_url: &str) -> Self {
        let ((first, first_queue), (jobs, queue)) = (mpsc::channel(QUEUE), mpsc::channel(QUEUE));
        let post = Arc::new(Post { store, settings, public_url: public_url.to_owned() });
        let writer = post.clone();
        tokio::spawn(work(
            first_queue,
            queue,
            async move |job| writer.letter(job).await,
            async move |letter| post.send(letter).await,
        ));
        Self { first, jobs }
    }

    /// Hands in a letter. Returns false if too many wait.
    pub fn send(&self, letter: Letter) -> bool {
        self.jobs.try_send(Job::Send(letter)).is_ok()
    }

    /// Hands in a letter that somebody waits for: it goes before those of [`Mailer::send`]. Returns false if too many wait.
    pub fn send_first(&self, letter: Letter) -> bool {
        self.first.try_send(Job::Send(letter)).is_ok()
    }

    /// Asks for a link to sign in for the member with this address. Whether there is one is found out later, by the task.
    /// Returns false if too many wait.
    pub fn send_sign_in_link(&self, address: String) -> bool {
        self.first.try_send(Job::SignIn { address }).is_ok()
    }
}

/// The task: has each letter written and sent, those of `first` before the others, and those that could not be sent for now sent
/// again later. `send` returns false for these. Ends when `first` is closed.
async fn work(
    mut first: mpsc::Receiver<Job>,
    mut queue: mpsc::Receiver<Job>,
    write: impl AsyncFn(Job) -> Option<Letter>,
    send: impl AsyncFn(&Letter) -> bool,
) {
    let mut again = FuturesUnordered::new();
    loop {
        let job = tokio::select! {
            biased;
            job = first.recv() => match job {
                Some(job) => Next::New(job),
                None => return,
            },
            Some((letter, failures)) = again.next(), if !again.is_empty() => Next::Again(letter, failures),
            Some(job) = queue.recv() => Next::New(job),
        };
        let (letter, failures) = match job {
            Next::Again(letter, failures) => (letter, failures),
            Next::New(job) => match write(job).await {
                Some(letter) => (letter, 0),
                None => continue,
            },
        };
        if send(&letter).await {
            continue;
        }
        match AGAIN_AFTER.get(failures) {
            Some(&after) if again.len() < AGAIN => again.push(async move {
                tokio::time::sleep(after).await;
                (letter, failures + 1)
            }),
            _ => {
                tracing::warn!("a letter was given up");
                metrics::counter!("roomtone_mail_given_up_total").increment(1);
            }
        }
    }
}

/// What the task turns to.
enum Next {
    New(Job),
    /// A letter that has failed so many times.
    Again(Letter, usize),
}

/// What letters are written and sent with.
struct Post {
    store: Store,
    settings: Arc<Settings>,
    public_url: String,
}

impl Post {
    async fn letter(&self, job: Job) -> Option<Letter> {
        match job {
            Job::Send(letter) => Some(letter),
            Job::SignIn { address } => self.sign_in_letter(address).await,
        }
    }

    /// Sends a letter. Returns whether trying again is of no use: it went out, will never, or there is no mail server.
    async fn send(&self, letter: &Letter) -> bool {
        let Some(server) = &self.settings.get().mail else { return true };
        match send_now(server, letter).await {
            Ok(()) => {
                metrics::counter!("roomtone_mail_sent_total").increment(1);
                true
            }
            // The mail server's words may hold the address.
            Err(NotSent::Refused(_)) => {
                tracing::warn!("the mail server refused a letter");
                metrics::counter!("roomtone_mail_refused_total").increment(1);
                true
            }
            Err(NotSent::ForNow(_)) => {
                tracing::warn!("the mail server did not take a letter for now");
                false
            }
        }
    }

    /// A letter with a link to sign in, if a member has this address.
    async fn sign_in_letter(&self, address: String) -> Option<Letter> {
        let secret = Secret::draw();
        match self.store.sign_in_link(&secret.hash, &address, link_end(edge::now())).await {
            Ok(Some(language)) => {
                let link = sign_in_link(&self.public_url, &secret.text);
                Some(texts(&language).sign_in.letter(address, &self.settings.get().name, &link))
            }
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, "a link to sign in could not be kept");
                None
            }
        }
    }
}

/// When a link that is made now ends.
pub(crate) fn link_end(now: Timestamp) -> Timestamp {
    Timestamp(now.0 + LINK_LIFE)
}

/// A letter before names and links are filled in: `{server}` and `{link}`.
#[derive(Debug)]
pub(crate) struct Template {
    subject: &'static str,
    body: &'static str,
}

impl Template {
    /// The letter to an address.
    pub(crate) fn letter(&self, to: String, server: &str, link: &str) -> Letter {
        let filled = |text: &str| text.replace("{server}", server).replace("{link}", link);
        Letter { to, subject: filled(self.subject), body: filled(self.body), unsubscribe: None }
    }
}

/// The letters about signing in, in one language.
#[derive(Debug)]
pub(crate) struct Texts {
    /// With a link to sign in.
    pub(crate) sign_in: Template,
    /// With a link that confirms the address.
    pub(crate) confirm: Template,
    /// To the address that a member had until now.
    pub(crate) changed: Template,
    /// To an operator who tries out how letters are sent.
    pub(crate) test: Template,
}

/// The letters in the interface language that is nearest to a language tag.
pub(crate) fn texts(language: &str) -> &'static Texts {
    let primary = language.split('-').next().unwrap_or_default();
    if primary.eq_ignore_ascii_case("ru") { &RUSSIAN } else { &ENGLISH }
}

static ENGLISH: Texts = Texts {
    sign_in: Template {
        subject: "Sign in to {server}",
        body: "Open this link to sign in to {server}:\n\n{link}\n\nIt works once, for 15 minutes. If you did not ask for it, \
               you can ignore this letter: nobody gets in without the link.\n",
    },
    confirm: Template {
        subject: "Confirm your address at {server}",
        body: "Open this link in the browser in which you are signed in to {server}, and this address is yours there:\n\n\
               {link}\n\nIt works once, for 15 minutes. If you did not ask for it, you can ignore this letter.\n",
    },
    changed: Template {
        subject: "Your address at {server} has changed",
        body: "Links to sign in to {server} go to another address from now on, as you asked.\n\nIf it was not you, sign in \
               at {link} and look at your sessions and passkeys.\n",
    },
    test: Template {
        subject: "A test letter from {server}",
        body: "{server} can send letters. You asked for this one at {link}.\n",
    },
};

static RUSSIAN: Texts = Texts {
    sign_in: Template {
        subject: "Вход в {server}",
        body: "Чтобы войти в {server}, откройте эту ссылку:\n\n{link}\n\nОна сработает один раз, в течение 15 минут. Если вы её \
               не просили, ничего делать не нужно: без ссылки никто не войдёт.\n",
    },
    confirm: Template {
        subject: "Подтвердите адрес в {server}",
        body: "Откройте эту ссылку в браузере, в котором вы вошли в {server}, и адрес станет вашим:\n\n{link}\n\nОна сработает \
               один раз, в течение 15 минут. Если вы её не просили, ничего делать не нужно.\n",
    },
    changed: Template {
        subject: "Ваш адрес в {server} изменён",
        body: "Ссылки для входа в {server} теперь приходят на другой адрес, как вы просили.\n\nЕсли это были не вы, войдите на \
               {link} и проверьте сеансы и ключи доступа.\n",
    },
    test: Template {
        subject: "Пробное письмо от {server}",
        body: "{server} может отправлять письма. Это вы запросили на странице {link}.\n",
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_complete_in_every_language() {
        for (language, texts) in [("en", texts("en-GB")), ("ru", texts("ru"))] {
            for template in [&texts.sign_in, &texts.confirm, &texts.changed, &texts.test] {
                let letter = template.letter("ada@example.org".to_owned(), "Kitchen", "https://x.example/signin/TOKEN");
                let text = format!("{}\n{}", letter.subject, letter.body);
                assert!(letter.subject.contains("Kitchen") && letter.body.contains("https://x.example/signin/TOKEN"));
                assert!(!text.contains(['{', '}', '!']), "{text}");
                let cyrillic = |text: &str| text.chars().any(|c| matches!(c, 'а'..='я' | 'ё'));
                for part in [&letter.subject, &letter.body] {
                    assert_eq!(cyrillic(part), language == "ru", "{part}");
                }
            }
        }
        assert!(std::ptr::eq(texts("de"), &ENGLISH) && std::ptr::eq(texts("RU-ru"), &RUSSIAN));
    }

    fn letter(number: usize) -> Letter {
        Letter { to: format!("{number}@example.org"), subject: String::new(), body: String::new(), unsubscribe: None }
    }

    /// Time is virtual: it goes on when nothing else can.
    #[tokio::test(start_paused = true)]
    async fn a_letter_is_tried_again_while_others_go_out_and_given_up_in_the_end() {
        let ((first, first_queue), (jobs, queue)) = (mpsc::channel(QUEUE), mpsc::channel(QUEUE));
        let (tries, mut tried) = mpsc::unbounded_channel();
        let began = tokio::time::Instant::now();
        let task = tokio::spawn(work(
            first_queue,
            queue,
            async |job| match job {
                Job::Send(letter) => Some(letter),
                // Nobody has the address.
                Job::SignIn { .. } => None,
            },
            async move |letter: &Letter| {
                tries.send((letter.to.clone(), began.elapsed().as_secs())).unwrap();
                letter.to != "0@example.org"
            },
        ));
        for job in [Job::Send(letter(0)), Job::SignIn { address: "x".to_owned() }, Job::Send(letter(1))] {
            jobs.send(job).await.unwrap();
        }
        let mut seen = Vec::new();
        for _ in 0..6 {
            let (to, at) = tried.recv().await.unwrap();
            seen.push((to.chars().next().unwrap(), at));
        }
        assert_eq!(seen, [('0', 0), ('1', 0), ('0', 5), ('0', 35), ('0', 155), ('0', 755)]);
        drop((first, jobs));
        task.await.unwrap();
        assert!(tried.recv().await.is_none());
    }

    #[tokio::test]
    async fn letters_to_sign_in_by_go_first_however_many_others_wait() {
        let ((first, first_queue), (jobs, queue)) = (mpsc::channel(QUEUE), mpsc::channel(QUEUE));
        let mailer = Mailer { first, jobs };
        while mailer.send(letter(1)) {}
        assert!(mailer.send_first(letter(2)) && mailer.send_sign_in_link("3@example.org".to_owned()));
        let (sent, mut seen) = mpsc::unbounded_channel();
        let task = tokio::spawn(work(
            first_queue,
            queue,
            async |job| match job {
                Job::Send(letter) => Some(letter),
                Job::SignIn { address } => Some(Letter { to: address, ..letter(3) }),
            },
            async move |letter: &Letter| sent.send(letter.to.clone()).is_ok(),
        ));
        for to in ["2@example.org", "3@example.org", "1@example.org"] {
            assert_eq!(seen.recv().await.as_deref(), Some(to));
        }
        drop(mailer);
        task.await.unwrap();
    }

    #[tokio::test]
    async fn no_more_letters_are_taken_than_wait() {
        let ((first, _first_queue), (jobs, _queue)) = (mpsc::channel(QUEUE), mpsc::channel(QUEUE));
        let mailer = Mailer { first, jobs };
        assert!((0..QUEUE).all(|number| mailer.send(letter(number))) && !mailer.send(letter(QUEUE)));
        assert!((0..QUEUE).all(|number| mailer.send_first(letter(number))) && !mailer.send_first(letter(QUEUE)));
        assert!(!mailer.send_sign_in_link("ada@example.org".to_owned()));
    }

    #[test]
    fn addresses() {
        for (given, kept) in [(" Ada@Example.org ", "ada@example.org"), ("a.b+c@x-y.example", "a.b+c@x-y.example")] {
            assert_eq!(address(given).as_deref(), Some(kept));
        }
        let long = format!("{}@example.org", "a".repeat(250));
        let bad = [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@example",
            "a b@example.org",
            "ada@example.org\r\nBcc: ben@example.org",
            "\"ada\"@example.org",
            "ada@[127.0.0.1]",
            "Ada <ada@example.org>",
            "ada@example.org,ben@example.org",
            "ада@example.org",
            "ada@пример.рф",
            "ada@@example.org",
            &long,
        ];
        for bad in bad {
            assert_eq!(address(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn headers_cannot_be_smuggled_in() {
        let server = MailServer {
            host: "x".into(),
            port: 25,
            user: String::new(),
            password: String::new(),
            from: "Kitchen <kitchen@example.org>".into(),
            tls: MailTls::None,
        };
        let letter = Letter {
            to: "ada@example.org".into(),
            subject: "Hello\r\nBcc: ben@example.org".into(),
            body: "…".into(),
            unsubscribe: Some("https://x.example/api/off/TOKEN".into()),
        };
        let text = String::from_utf8(message(&server, &letter).unwrap().formatted()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc:")), "{head}");
        assert!(head.contains("List-Unsubscribe: <https://x.example/api/off/TOKEN>"), "{head}");
        assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
        let elsewhere = Letter { to: "ada@example.org\r\nRCPT TO:<ben@example.org>".into(), ..letter };
        assert!(message(&server, &elsewhere).is_err());
    }
}
