//! The faults and the surfaces they are tried on.

use super::cell::{Fault, Moment, Surface};

const fn fault(script: &'static str, moment: Moment) -> Fault {
    Fault { script, moment }
}

pub(super) const FAULTS: &[Fault] = &[
    // No harm: the answer is odd, and right.
    fault("drip=0", Moment::Harmless),
    fault("burst=0", Moment::Harmless),
    fault("keepalive=1", Moment::Harmless),
    fault("close", Moment::Harmless),
    fault("head-delay=30ms", Moment::Harmless),
    // Before the head: another provider can answer.
    fault("accept=reset", Moment::BeforeHead),
    fault("accept=refuse", Moment::BeforeHead),
    fault("accept=silent", Moment::BeforeHead),
    fault("accept=pause", Moment::BeforeHead),
    fault("status=500", Moment::BeforeHead),
    fault("status=503 retry-after=3", Moment::BeforeHead),
    fault("error=rate-limit", Moment::BeforeHead),
    fault("cut=wire:0", Moment::BeforeHead),
    fault("cut=wire:30", Moment::BeforeHead),
    fault("reset=wire:0", Moment::BeforeHead),
    fault("reset=wire:30", Moment::BeforeHead),
    fault("stall=wire:0", Moment::BeforeHead),
    fault("stall=wire:30", Moment::BeforeHead),
    fault("half-close=wire:0", Moment::BeforeHead),
    fault("garbage=wire:0", Moment::BeforeHead),
    // After the head, before anything of the answer.
    fault("cut=body:0", Moment::BeforeContent),
    fault("reset=body:0", Moment::BeforeContent),
    fault("stall=body:0", Moment::BeforeContent),
    fault("half-close=body:0", Moment::BeforeContent),
    // Early: what has come may be no more than an opening, which the router may hold back.
    fault("cut=body:200", Moment::Early),
    fault("reset=body:200", Moment::Early),
    fault("stall=body:200", Moment::Early),
    fault("half-close=body:200", Moment::Early),
    fault("garbage=body:200", Moment::Early),
    fault("bad-event=9", Moment::Early),
    fault("error-event=1", Moment::Early),
    fault("cut=event:3", Moment::Early),
    fault("stall=event:3", Moment::Early),
    // In the midst of a stream: content is with the client. Answers that are not streamed are shorter than that.
    fault("cut=body:1200", Moment::Midway),
    fault("reset=body:1200", Moment::Midway),
    fault("stall=body:1200", Moment::Midway),
    fault("half-close=body:1200", Moment::Midway),
    fault("garbage=body:1200", Moment::Midway),
    fault("cut=event:9", Moment::Midway),
    fault("reset=event:9", Moment::Midway),
    fault("stall=event:9", Moment::Midway),
    fault("error-event=9", Moment::Midway),
    fault("cut=end", Moment::AtTheEnd),
    fault("reset=end", Moment::AtTheEnd),
    fault("stall=end", Moment::AtTheEnd),
    fault("length=+9", Moment::WholeOnly),
];

pub(super) const SURFACES: &[Surface] = &[
    Surface { name: "openai", path: "/v1/chat/completions", api_type: "openai" },
    Surface { name: "vllm", path: "/v1/chat/completions", api_type: "vllm" },
    Surface { name: "ollama", path: "/api/chat", api_type: "ollama" },
    Surface { name: "anthropic", path: "/v1/messages", api_type: "anthropic" },
    Surface { name: "openai>ollama", path: "/v1/chat/completions", api_type: "ollama" },
    Surface { name: "openai>claude", path: "/v1/chat/completions", api_type: "anthropic" },
    Surface { name: "ollama>openai", path: "/api/chat", api_type: "openai" },
    Surface { name: "claude>openai", path: "/v1/messages", api_type: "openai" },
    Surface { name: "text>openai", path: "/api/conversation_with_model", api_type: "openai" },
    Surface { name: "text>ollama", path: "/api/conversation_with_model", api_type: "ollama" },
];
