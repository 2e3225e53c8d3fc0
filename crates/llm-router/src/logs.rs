//! Log lines: which are written, in what form, and the signal to open the file anew.

use llm_router_core::{
    problem::Problem,
    settings::{Log as Settings, LogFormat, LogLevel},
};
use llm_router_server::log::{Log, Writer};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Starts logging. What waits to be written is written when the writer is dropped.
///
/// A file that cannot be opened is a warning: the router serves all the same.
///
/// # Errors
/// When the thread that writes cannot be started.
pub(crate) fn start(settings: &Settings) -> std::io::Result<(Log, Writer, Option<Problem>)> {
    let (log, writer, fault) = Log::open(settings.file.clone())?;
    subscribe(settings, log.clone());
    let warning = fault.zip(settings.file.as_ref()).map(|(error, path)| {
        let problem = Problem::new(path.display().to_string(), format!("cannot be written: {error}"));
        problem.hint("the log goes to standard error alone; set LLM_ROUTER_LOG_FILENAME")
    });
    Ok((log, writer, warning))
}

/// Opens the log file anew at every SIGHUP, so that a rotation loses nothing.
pub(crate) async fn reopen_on_hangup(log: &Log) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return std::future::pending().await };
    while hangup.recv().await.is_some() {
        log.reopen();
    }
}

fn subscribe(log: &Settings, writer: Log) {
    let level = level(log.level);
    // Libraries below speak up from their warnings on; everything only when asked for everything.
    let below = if log.level == LogLevel::Trace { level } else { level.min(LevelFilter::WARN) };
    let targets = Targets::new().with_default(below).with_target("llm_router", level).with_target("access", level);
    let layer = fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    let layer = match log.format {
        LogFormat::Text => layer.with_filter(targets).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_filter(targets).boxed(),
    };
    tracing_subscriber::registry().with(layer).init();
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
