//! The guest `caller`.

forecourt_sdk::plugin!(Caller);

use collections::ANSWERS;
use forecourt_sdk::KernelError;
use forecourt_sdk::http::{Error as HttpError, Method, Request};
use subscriptions::{Error as Untold, Event, Subscriber, Told};
use wit::caller::calls::{Ending, Error, Guest};
use wit::caller::records::Answer;

struct Caller;

fn told(error: KernelError) -> Error {
    match error {
        KernelError::Http(HttpError::Invalid(field)) => Error::Refused(field),
        other => other.into(),
    }
}

impl Guest for Caller {
    fn send(key: String, url: String, secretly: bool, ending: Ending) -> Result<String, Error> {
        let mut request = Request::new(key.clone(), Method::Post, url).header("x-key", key.clone());
        if secretly {
            request = request.secret("authorization", "Bearer ", "outside-token");
        }
        let id = request.json(&key)?.send().map_err(told)?;
        match ending {
            Ending::Well => Ok(id),
            Ending::Badly => Err(Error::AskedTo),
            Ending::Abruptly => panic!("as asked"),
        }
    }

    fn send_wrongly(url: String, name: String, value: String) -> Result<String, Error> {
        Request::new("k", Method::Get, url).header(name, value).send().map_err(told)
    }

    fn get_answer(key: String) -> Result<Answer, Error> {
        ANSWERS.get(&key)?.ok_or(Error::NotFound)
    }
}

fn untold(error: KernelError) -> Untold {
    Untold::Other(error.logged())
}

impl Subscriber for Caller {
    fn handle(event: Event, told: &Told) -> Result<(), Untold> {
        let Event::KernelHttpResponse(response) = event;
        if response.key.starts_with("unusable") {
            return Err(Untold::Unusable("as asked".to_owned()));
        }
        let before = ANSWERS.get(&response.key).map_err(untold)?;
        let answer = Answer {
            told: before.map_or(0, |before| before.told) + 1,
            attempts: response.attempts,
            status: response.status,
            location: response.headers.iter().find(|header| header.name == "location").map(|header| header.value.clone()),
            body: response.body.map(|body| body.chars().take(1_000).collect()),
            failed: response.failed,
            key: response.key,
        };
        ANSWERS.put(&answer.key, &answer).map_err(untold)?;
        if answer.key.starts_with("later") && told.failures < 2 {
            // What was written above is undone.
            return Err(Untold::Other("as-asked".to_owned()));
        }
        Ok(())
    }
}
