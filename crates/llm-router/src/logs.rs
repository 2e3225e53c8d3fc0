//! Log lines: to standard error and the log file, written by threads of their own.

use llm_router_core::{
    problem::Problem,
    settings::{Log, LogFormat, LogLevel},
};
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::{
    Layer as _,
    filter::Targets,
    fmt::{self, writer::MakeWriterExt as _},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Starts logging. Lines are flushed when the guards are dropped.
///
/// A file that cannot be opened is a warning: the router serves all the same.
pub(crate) fn start(log: &Log) -> (Vec<WorkerGuard>, Option<Problem>) {
    let (console, guard) = tracing_appender::non_blocking(std::io::stderr());
    let mut guards = vec![guard];
    let mut warning = None;
    let mut file = None;
    if let Some(path) = &log.file {
        match std::fs::OpenOptions::new().create(true).append(true).open(path) {
            Ok(opened) => {
                let (writer, guard) = tracing_appender::non_blocking(opened);
                guards.push(guard);
                file = Some(writer);
            }
            Err(error) => {
                let problem = Problem::new(path.display().to_string(), format!("cannot be written: {error}"));
                warning = Some(problem.hint("the log goes to standard error alone; set LLM_ROUTER_LOG_FILENAME"));
            }
        }
    }
    subscribe(log, console, file);
    (guards, warning)
}

fn subscribe(log: &Log, console: NonBlocking, file: Option<NonBlocking>) {
    let level = level(log.level);
    // Libraries below speak up from their warnings on; everything only when asked for everything.
    let below = if log.level == LogLevel::Trace { level } else { level.min(LevelFilter::WARN) };
    let targets = Targets::new().with_default(below).with_target("llm_router", level).with_target("access", level);
    let layer = fmt::layer().with_ansi(false);
    macro_rules! install {
        ($writer:expr) => {
            match log.format {
                LogFormat::Text => layer.with_writer($writer).with_filter(targets).boxed(),
                LogFormat::Json => layer.json().flatten_event(true).with_writer($writer).with_filter(targets).boxed(),
            }
        };
    }
    let layer = match file {
        Some(file) => install!(console.and(file)),
        None => install!(console),
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
