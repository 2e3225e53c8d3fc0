//! `GET /livez`: the process answers.

use http::Method;
use llm_router_endpoints::probes;

use super::Page;

inventory::submit! {
    Page { method: Method::GET, path: "/livez", answer: |_| Box::pin(async { probes::alive() }) }
}
