//! `GET /v1/models` and `/v1/models/{id}` for clients that send `anthropic-version`.

use std::ops::Range;

use http::Response;
use llm_router_core::catalogue::{Model, Provider};
use serde_json::{Value, json};

use super::{listed, named};
use crate::{body::Body, call::Call, error::Error};

/// The most models of one page (API description, "List Models").
const LARGEST_PAGE: usize = 1000;

/// Which part of the list is wanted.
#[derive(Debug, Default, PartialEq)]
struct Page {
    limit: Option<usize>,
    after: Option<String>,
    before: Option<String>,
}

/// The list, or one model where the route names it.
pub(super) fn answer(call: &Call) -> Result<Response<Body>, Error> {
    if !call.rest.is_empty() {
        let (model, provider) = named(call, &call.rest)?;
        return super::json(&entry(call, model, provider));
    }
    let page = Page::read(call.head.uri.query().unwrap_or_default())?;
    let models: Vec<(&Model, &Provider)> = listed(call).map(|(model, provider)| (&**model, &**provider)).collect();
    let names: Vec<&str> = models.iter().map(|(model, _)| &*model.name).collect();
    let (shown, has_more) = page.of(&names);
    let names = &names[shown.clone()];
    super::json(&json!({
        "first_id": names.first(),
        "last_id": names.last(),
        "has_more": has_more,
        "data": models[shown].iter().map(|(model, provider)| entry(call, model, provider)).collect::<Vec<_>>(),
    }))
}

impl Page {
    fn read(query: &str) -> Result<Self, Error> {
        let mut page = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=LARGEST_PAGE).contains(limit));
                    let wrong = || Error::Field {
                        field: "limit".to_owned(),
                        message: format!("limit must be a whole number from 1 to {LARGEST_PAGE}"),
                    };
                    page.limit = Some(limit.ok_or_else(wrong)?);
                }
                "after_id" => page.after = Some(value.into_owned()),
                "before_id" => page.before = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(page)
    }

    /// Which of the models stand on the page, and whether there are more in its direction. A name that is not there is
    /// passed over.
    fn of(&self, names: &[&str]) -> (Range<usize>, bool) {
        let place = |name: &Option<String>| {
            let name = name.as_deref()?;
            names.iter().position(|one| *one == name)
        };
        let limit = self.limit.unwrap_or(LARGEST_PAGE);
        if let Some(before) = place(&self.before) {
            let start = before.saturating_sub(limit);
            return (start..before, start > 0);
        }
        let start = place(&self.after).map_or(0, |at| at + 1);
        let end = (start + limit).min(names.len());
        (start..end, end < names.len())
    }
}

/// One model. What the API has a word for and the router knows nothing of is `null`, which its typed clients accept.
fn entry(call: &Call, model: &Model, provider: &Provider) -> Value {
    json!({
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": call.state.loaded_at_text(),
        "lifecycle": "active",
        "deprecated_at": null,
        "retires_at": null,
        "line": null,
        "capabilities": null,
        "max_input_tokens": (provider.input_size > 0).then_some(provider.input_size),
        "max_tokens": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_in_both_directions() {
        let all = ["a", "b", "c"];
        let names = |query: &str| {
            let (shown, more) = Page::read(query).unwrap().of(&all);
            (all[shown].concat(), more)
        };
        assert_eq!(names(""), ("abc".to_owned(), false));
        assert_eq!(names("limit=2"), ("ab".to_owned(), true));
        assert_eq!(names("limit=2&after_id=b"), ("c".to_owned(), false));
        assert_eq!(names("limit=1&before_id=c"), ("b".to_owned(), true));
        assert_eq!(names("before_id=b"), ("a".to_owned(), false));
        assert_eq!(names("after_id=nobody"), ("abc".to_owned(), false));
        for wrong in ["limit=0", "limit=1001", "limit=x"] {
            assert!(Page::read(wrong).is_err(), "{wrong}");
        }
    }
}
