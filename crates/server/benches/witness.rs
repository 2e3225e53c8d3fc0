//! What seeing costs: CPU time of a request that is recorded for nobody, and of one that is counted, remembered and
//! logged; all threads of the process together, so that the log's own thread is in it.
//!
//! CPU time, not time on the clock, and the quickest of many rounds: a machine that is busy with something else tells
//! nearly the same. Log lines go to standard error: `cargo bench -p llm-router-server --bench witness 2>/dev/null`.

use std::{fs, hint::black_box, sync::Arc, thread::sleep, time::Duration};

use llm_router_balancer::Demand;
use llm_router_core::{
    canonical::Usage,
    settings::{Log as LogSettings, LogFormat, LogLevel, Sources},
};
use llm_router_endpoints::{ClientKey, Facts, Observer, Outcome, Record, State};
use llm_router_server::{AccessLog, Models, Witness, load, log};

/// Requests of a round: few enough for the log's buffer.
const REQUESTS: u32 = 4_000;
/// Rounds; all settings take turns.
const ROUNDS: usize = 60;
/// Behind a round, so that the log's thread has written.
const PAUSE: Duration = Duration::from_millis(110);

struct Nobody;

impl Observer for Nobody {
    fn finished(&self, facts: &Arc<Facts>) {
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

/// What only those have who look: the key's fingerprint, and why a provider was chosen.
fn seen(state: &State, route: &Arc<str>, observer: &Arc<dyn Observer>) {
    let id = "0123456789abcdef".to_owned();
    let mut record = Record::new(id, http::Method::POST, Arc::clone(route), Arc::clone(observer));
    let model = &state.catalogue.models()[0];
    record.key = Some(ClientKey::of_key(b"sk-0123456789abcdefghijklmnopqrstuv"));
    let pool = state.pool(&model.name).expect("the model has a pool");
    let lease = pool.balancer.pick(&Demand { explain: true, ..Demand::default() }).expect("a provider is free");
    record.choices.push(lease.explain());
    record.outcome = Outcome::Complete;
}

/// CPU time of all threads so far.
fn cpu() -> Duration {
    let threads = fs::read_dir("/proc/self/task").expect("Linux tells of threads").filter_map(Result::ok);
    let spent = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

/// CPU nanoseconds of a request in one round.
fn round(request: &dyn Fn()) -> f64 {
    let before = cpu();
    for _ in 0..REQUESTS {
        request();
    }
    sleep(PAUSE);
    (cpu() - before).as_nanos() as f64 / f64::from(REQUESTS)
}

#[expect(clippy::print_stdout, reason = "the table is the bench's output")]
fn main() {
    let (off, on) = (state("0"), state("500"));
    let route = &off.routes().list().first().expect("there are routes").pattern.clone();
    let nobody: Arc<dyn Observer> = Arc::new(Nobody);
    let counted: Arc<dyn Observer> = Witness::new(&off, Arc::new(Nobody));
    let remembered: Arc<dyn Observer> = Witness::new(&on, Arc::new(Nobody));
    let (lines, _writer, _) = log::Log::open(None).expect("a thread can be started");
    let settings = LogSettings { level: LogLevel::Info, format: LogFormat::Json, file: None };
    let all: Arc<dyn Observer> = Witness::new(&on, Arc::new(AccessLog::new(lines, &settings)));
    let cases: [(&str, &dyn Fn()); 5] = [
        ("recorded for nobody", &|| request(&off, route, &nobody)),
        ("counted", &|| request(&off, route, &counted)),
        ("counted and remembered", &|| request(&on, route, &remembered)),
        ("counted, remembered and logged", &|| request(&on, route, &all)),
        ("fingerprint of a key and reasons of a choice, alone", &|| seen(&off, route, &nobody)),
    ];
    let mut best = cases.map(|_| f64::INFINITY);
    for _ in 0..ROUNDS {
        for (best, (_, case)) in best.iter_mut().zip(&cases) {
            *best = best.min(round(case));
        }
    }
    for ((name, _), nanos) in cases.iter().zip(best) {
        println!("{name:55} {nanos:8.0} ns of CPU, {:+8.0}", nanos - best[0]);
    }
    assert_eq!(log::lost(), 0, "the log did not keep up, so that its lines cost too little");
}
