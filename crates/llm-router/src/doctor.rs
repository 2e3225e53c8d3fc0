//! `llm-router doctor`: an examination with what to do about each finding.

use std::sync::Arc;

use llm_router_server::{
    doctor::{Finding, Grade, examine},
    load, trust,
};

use crate::{
    args, mock,
    say::{counted, say},
    serve,
};

pub(crate) fn run(args: &args::Doctor) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let demo = runtime.block_on(mock::demo())?;
    let ((state, origin), warnings) = load::check(serve::sources(&args.serve), &demo.url())?;
    for warning in &warnings {
        say(&format!("warning  {warning}"));
    }
    let trust = trust(state.settings.upstream.ca_file.as_ref())?;
    let findings = runtime.block_on(examine(Arc::new(state), &trust, args.stream));
    say(&format!("models from {origin}\n"));
    let width = findings.iter().map(|finding| finding.subject.chars().count()).max().unwrap_or_default();
    for finding in &findings {
        say(&line(finding, width));
    }
    let count = |grade| findings.iter().filter(|finding| finding.grade == grade).count();
    let (faults, warnings) = (count(Grade::Fault), count(Grade::Warning));
    if faults > 0 {
        return Err(format!("{faults} of {} findings are faults: requests will fail", findings.len()).into());
    }
    say(&format!("\nno faults, {}", counted(warnings, "warning")));
    Ok(())
}

fn line(finding: &Finding, width: usize) -> String {
    let grade = match finding.grade {
        Grade::Good => "ok",
        Grade::Warning => "warning",
        Grade::Fault => "FAULT",
    };
    let mut text = format!("{grade:8} {:width$}  {}", finding.subject, finding.said);
    if let Some(advice) = &finding.advice {
        text.push_str(&format!("\n{:9}{:width$}  -> {advice}", "", ""));
    }
    text
}
