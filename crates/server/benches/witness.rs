//! What seeing costs: a request that is recorded for nobody, and one that is counted, remembered and logged.
//!
//! Log lines go to standard error too, so run it as `cargo bench -p llm-router-server --bench witness 2>/dev/null`.

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use llm_router_core::{
    canonical::Usage,
    settings::{Log as LogSettings, LogFormat, LogLevel, Sources},
};
use llm_router_endpoints::{Facts, Observer, Outcome, Record, State};
use llm_router_server::{AccessLog, Models, Witness, load, log::Log};

struct Nobody;

impl Observer for Nobody {
    fn finished(&self, facts: &Facts) {
        black_box(facts);
    }
}

const MODELS: &str = r#"{"active_models": {"g": ["m"]}, "g": {"m": {"providers": [
    {"id": "a", "api_type": "vllm", "api_host": "http://127.0.0.1:1"},
    {"id": "b", "api_type": "vllm", "api_host": "http://127.0.0.1:2"}]}}}"#;

fn state(kept: &str) -> State {
    let flags = [("log_filename", ""), ("requests_kept", kept)];
    let flags = flags.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let loaded = load::settings(Sources { flags, ..Sources::default() }).expect("the settings are well formed");
    let models = Models { origin: "bench".to_owned(), text: MODELS.to_owned() };
    load::state(loaded.settings, &models).expect("the models are well formed").0
}

/// A streamed request from its beginning to its end, as the service and the relay record it.
fn request(state: &State, route: &Arc<str>, observer: &Arc<dyn Observer>) {
    let id = "0123456789abcdef".to_owned();
    let mut record = Record::new(id, http::Method::POST, Arc::clone(route), Arc::clone(observer));
    let model = &state.catalogue.models()[0];
    record.model = Some(Arc::clone(&model.name));
    record.provider = Some(Arc::clone(&model.providers[0].id));
    record.attempts = 1;
    record.stream = true;
    record.status = 200;
    record.received = 700;
    record.sent = 12_000;
    record.forwarded = Some(Duration::from_micros(90));
    record.first_byte = Some(Duration::from_millis(210));
    record.phases.handed = Some(Duration::from_millis(210));
    record.phases.last_byte = Some(Duration::from_secs(4));
    record.phases.pieces = 300;
    record.usage = Some(Usage { input: 150, output: 300, ..Usage::default() });
    record.outcome = Outcome::Complete;
}

fn seeing(c: &mut Criterion) {
    let off = state("0");
    let route = &off.routes().list().first().expect("there are routes").pattern.clone();
    let nobody: Arc<dyn Observer> = Arc::new(Nobody);
    c.bench_function("recorded for nobody", |b| b.iter(|| request(&off, route, &nobody)));
    let counted: Arc<dyn Observer> = Witness::new(&off, Arc::new(Nobody));
    c.bench_function("counted", |b| b.iter(|| request(&off, route, &counted)));
    let on = state("500");
    let remembered: Arc<dyn Observer> = Witness::new(&on, Arc::new(Nobody));
    c.bench_function("counted and remembered", |b| b.iter(|| request(&on, route, &remembered)));
    let (log, _writer, _) = Log::open(None).expect("a thread can be started");
    let settings = LogSettings { level: LogLevel::Info, format: LogFormat::Json, file: None };
    let all: Arc<dyn Observer> = Witness::new(&on, Arc::new(AccessLog::new(log, &settings)));
    c.bench_function("counted, remembered and logged", |b| b.iter(|| request(&on, route, &all)));
}

criterion_group!(benches, seeing);
criterion_main!(benches);
