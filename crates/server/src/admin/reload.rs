//! `POST /admin/reload`: reads settings, models, prompts and certificates again; 422 and the reasons when they are bad.

use http::{Method, Response, StatusCode};
use llm_router_core::problem::Problem;
use llm_router_endpoints::{Body, BoxFuture};
use serde_json::json;

use super::{Page, Visit};

inventory::submit! { Page { method: Method::POST, path: "/admin/reload", answer } }

fn answer(visit: &Visit) -> BoxFuture<'_, Response<Body>> {
    Box::pin(async {
        match visit.shared.reload("asked by an operator") {
            Ok(reloaded) => super::json(
                StatusCode::OK,
                &json!({
                    "version": reloaded.version,
                    "changed": reloaded.changed,
                    "warnings": texts(&reloaded.warnings),
                }),
            ),
            Err(problems) => {
                let told = json!({"error": "nothing was changed", "problems": texts(&problems.problems)});
                super::json(StatusCode::UNPROCESSABLE_ENTITY, &told)
            }
        }
    })
}

fn texts(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}
