//! What a request, a model, a provider, a prompt and the settings are; nothing in flight.

pub mod api_type;
pub mod canonical;
pub mod catalogue;
pub mod codec;
pub mod dialect;
pub mod json;
pub mod operation;
pub mod problem;
pub mod prompts;
pub mod secret;
pub mod settings;
pub mod translate;
