//! What a translation has to know beside the body.

/// What to do with a request of which the provider cannot carry everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Send the rest, and report what was left out.
    #[default]
    Drop,
    /// Refuse it, naming the field.
    Reject,
}

/// A picture that the caller fetched for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedImage {
    /// The URL, as it stands in the request.
    pub url: String,
    /// What the server said it is, such as `image/png`.
    pub media_type: String,
    /// Its bytes, in base64.
    pub data: String,
}

/// What a translation has to know beside the body.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The model as the client asked for it; every answer says this name.
    pub public_model: &'a str,
    /// The model as the provider knows it.
    pub upstream_model: &'a str,
    /// The time of the request, in seconds since 1970.
    pub now: u64,
    /// What makes ids in the answer its own: ASCII letters and digits, another for every request.
    pub seed: &'a str,
    /// What to do when something cannot be carried.
    pub policy: Policy,
    /// Pictures fetched after an earlier try ended in [`TranslateError::Images`](super::TranslateError::Images).
    pub images: &'a [FetchedImage],
}
