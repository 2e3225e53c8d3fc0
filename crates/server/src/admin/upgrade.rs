//! `POST /admin/upgrade`: starts the program anew with the listening sockets; this process drains once that one serves.

use http::{Method, Response, StatusCode};
use llm_router_endpoints::{Body, BoxFuture};
use serde_json::json;

use super::{Page, Visit};
use crate::handover::UpgradeError;

inventory::submit! { Page { method: Method::POST, path: "/admin/upgrade", answer } }

fn answer(visit: &Visit) -> BoxFuture<'_, Response<Body>> {
    Box::pin(async {
        match visit.shared.upgrade().await {
            Ok(pid) => super::json(StatusCode::OK, &json!({"pid": pid})),
            Err(error) => {
                let busy = matches!(error, UpgradeError::Busy);
                let status = if busy { StatusCode::CONFLICT } else { StatusCode::INTERNAL_SERVER_ERROR };
                super::json(status, &json!({"error": error.to_string()}))
            }
        }
    })
}
