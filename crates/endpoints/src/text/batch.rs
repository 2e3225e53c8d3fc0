//! Asks the same question of many texts: some at a time, in order, each failure its own.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    ask::Asker,
    message::Message,
    outcome::{self, Lost},
    plan::ShapeEach,
    request::Question,
};
use crate::{attempts::Note, body::Body, lanes, state::Pool};

/// The texts of one request and what is made of each answer.
pub(super) struct Batch {
    pub(super) texts: Vec<String>,
    pub(super) shape: ShapeEach,
    /// How many are asked for at the same time.
    pub(super) width: usize,
}

/// How many texts to ask for at the same time: `most`, but no more than the providers take. Texts that wait for their
/// own siblings would only lose their patience in the line, and their places to others.
pub(super) fn width(pool: &Pool, most: NonZeroUsize) -> usize {
    let mut room: HashMap<Arc<str>, Option<u64>> = HashMap::new();
    for status in pool.balancer.status() {
        room.insert(status.resource, status.limit.map(u64::from));
    }
    let room: Option<u64> = room.into_values().sum();
    let room = room.and_then(|room| usize::try_from(room).ok()).unwrap_or(usize::MAX);
    most.get().min(room).max(1)
}

/// What came of one text; `None` while it has not been asked for.
type Slot = Option<Result<Value, Lost>>;

impl Batch {
    /// The list of what became of the texts, in their order; or the answer that says which text failed.
    ///
    /// A text that fails is asked for once more. If it fails again, no further text is begun and what is under way
    /// is given up: the client is told at once, with what was finished until then.
    pub(super) async fn run(
        self,
        asker: &Asker<'_>,
        question: &Question,
        note: &Mutex<impl FnMut(Note<'_>) + Send>,
    ) -> Result<Value, Box<Response<Body>>> {
        let Self { texts, shape, width } = self;
        let slots: Mutex<Vec<Slot>> = Mutex::new(texts.iter().map(|_| None).collect());
        let shape = Mutex::new(shape);
        lanes::run(texts.len(), width, |index| {
            let (text, slots, shape) = (&texts[index], &slots, &shape);
            async move {
                let mut note = |told: Note<'_>| lock(note)(told);
                let question = Question { messages: vec![Message::user(text.as_str())], ..question.clone() };
                let answer = asker.text(&question, &mut note).await;
                let told = answer.map(|answer| lock(shape)(text.clone(), answer));
                let good = told.is_ok();
                lock(slots)[index] = Some(told);
                good
            }
        })
        .await;
        settle(slots.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The values under no lock but this; a panic elsewhere leaves them as they were.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn settle(slots: Vec<Slot>) -> Result<Value, Box<Response<Body>>> {
    let count = slots.len();
    let Some(index) = slots.iter().position(|slot| matches!(slot, Some(Err(_)))) else {
        return Ok(slots.into_iter().map(|slot| slot.and_then(Result::ok)).collect());
    };
    let failed: Vec<Value> = slots
        .iter()
        .enumerate()
        .filter_map(|(index, slot)| match slot {
            Some(Err(lost)) => Some(json!({"index": index, "error": lost.info().message})),
            _ => None,
        })
        .collect();
    let Some(Some(Err(lost))) = slots.get(index) else { return Ok(Value::Null) };
    let info = lost.info();
    let body = json!({
        "error": "Not all texts could be worked on.",
        "message": format!("text {} of {count} failed: {}", index + 1, info.message),
        "failed": failed,
        "response": slots.into_iter().map(|slot| slot.and_then(Result::ok)).collect::<Value>(),
    });
    let status = StatusCode::from_u16(info.status).unwrap_or(StatusCode::BAD_GATEWAY);
    Err(Box::new(outcome::failure(status, &body, info.retry_after)))
}
