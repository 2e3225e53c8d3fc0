//! Settings of the way to the providers.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use super::reader::Reader;
use crate::catalogue::{ON_DISCONNECT, OnDisconnect};

/// How long each phase of a call to a provider may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// `connect_timeout`: name look-up, TCP and TLS.
    pub connect: Duration,
    /// `response_header_timeout`: from the request sent to the head of the answer.
    pub response_header: Duration,
    /// `first_token_timeout`: from the head of the answer to its first content.
    pub first_token: Duration,
    /// `idle_timeout`: between two pieces of the answer.
    pub idle: Duration,
    /// `timeout`: the whole request with all its attempts; `None` is no limit.
    pub total: Option<Duration>,
}

/// How providers are reached.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// The limits that hold where a model or provider sets none of its own.
    pub timeouts: Timeouts,
    /// `on_disconnect`: what becomes of an answer whose client has gone, for models that do not say.
    pub on_disconnect: OnDisconnect,
    /// `on_disconnect_timeout`: how long an answer is read on without its client.
    pub on_disconnect_timeout: Duration,
    /// `on_disconnect_size`: how much of an answer is read without its client, in bytes.
    pub on_disconnect_size: NonZeroUsize,
    /// `max_answer_size`: the largest answer that is read as a whole, in bytes: to be translated, or its text.
    pub max_answer: NonZeroUsize,
    /// `stream_usage`: whether OpenAI-compatible providers are asked for a stream's usage numbers where the client did
    /// not.
    pub stream_usage: bool,
    /// `ca_file`: PEM file of certificate authorities trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// `pool_size`: idle connections kept per provider and worker.
    pub pool_size: NonZeroUsize,
    /// `pool_idle_timeout`: how long an idle connection to a provider is kept.
    pub pool_idle_timeout: Duration,
    /// `probe_interval`: how often each server is asked whether it is up, once for all its models; `None` never asks.
    pub probe_interval: Option<Duration>,
    /// `probe_timeout`: how long such a question may take.
    pub probe_timeout: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 3600);
const SOON: Duration = Duration::from_millis(1);

impl Upstream {
    pub(super) fn read(r: &mut Reader<'_>) -> Self {
        // The one number of the Python version: connecting, first byte and silence between bytes alike.
        let external = r.time("external_timeout", Duration::from_secs(300), SOON..=DAY);
        Self {
            timeouts: Timeouts {
                connect: r.time("connect_timeout", Duration::from_secs(10), SOON..=DAY),
                response_header: r.time_or("response_header_timeout", external, SOON..=DAY),
                first_token: r.time_or("first_token_timeout", external, SOON..=DAY),
                idle: r.time_or("idle_timeout", external, SOON..=DAY),
                total: r.limit("timeout", DAY),
            },
            on_disconnect: r.choice("on_disconnect", ON_DISCONNECT[0], &ON_DISCONNECT),
            on_disconnect_timeout: r.time("on_disconnect_timeout", Duration::from_secs(60), SOON..=DAY),
            on_disconnect_size: r.count("on_disconnect_size", 10 << 20, 4 << 30),
            max_answer: r.count("max_answer_size", 64 << 20, 4 << 30),
            stream_usage: r.boolean("stream_usage", false),
            ca_file: r.optional("ca_file", "").map(PathBuf::from),
            pool_size: r.count("pool_size", 256, 100_000),
            pool_idle_timeout: r.time("pool_idle_timeout", Duration::from_secs(60), SOON..=DAY),
            probe_interval: Some(r.time("probe_interval", Duration::from_secs(10), Duration::ZERO..=DAY))
                .filter(|interval| !interval.is_zero()),
            probe_timeout: r.time("probe_timeout", Duration::from_secs(2), SOON..=DAY),
        }
    }
}
