//! The one integration binary: the router as its users meet it, over real sockets.

mod admin_pages;
mod balancing;
mod bytes;
mod capture;
mod chat;
mod dashboard;
mod drain;
mod fault_lab;
mod faults;
mod hostile;
mod hostile_providers;
mod house;
mod limits;
mod matrix;
mod memory_bound;
mod metrics;
mod on_disconnect;
mod prometheus;
mod redis_frozen;
mod reload;
mod reload_property;
mod scene;
mod status_page;
mod text;
mod tls;
mod traces;
