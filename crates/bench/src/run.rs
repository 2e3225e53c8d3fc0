//! Takes all targets in turn, round after round, and makes the report.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Instant;

use crate::args::{Args, Command, Common};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::idle::idle;
use crate::load::Load;
use crate::measure::Sample;
use crate::process::Tree;
use crate::provider::Provider;
use crate::report::{Report, Row};
use crate::streams::Streams;
use crate::target::Target;
use crate::watch::Watch;
use crate::work::Work;

/// Runs what the command line asks for and writes the report, or the address of the provider, to `out`.
/// It makes its own runtime, so it must not be called from within one.
///
/// # Errors
/// When a target cannot be measured, when `out` fails, and, after the report, when answers were wrong.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Error::io("cannot start a runtime"))?;
    runtime.block_on(async {
        let Some(common) = args.command.common() else {
            return serve(&args.command, out).await;
        };
        let report = measure(&args.command, common).await?;
        let written = if common.json { report.write_json(out) } else { write!(out, "{report}") };
        written.and_then(|()| out.flush()).map_err(Error::io("cannot write the report"))?;
        match report.wrong() {
            0 => Ok(()),
            wrong => Err(Error::WrongAnswers(wrong)),
        }
    })
}

async fn serve(command: &Command, out: &mut dyn Write) -> Result<(), Error> {
    let Command::Provider(args) = command else {
        return Ok(());
    };
    let provider = Provider::bind_many(args.listen, args.hosts).await?;
    let address = provider.address()?;
    writeln!(out, "http://{address}").and_then(|()| out.flush()).map_err(Error::io("cannot write the address"))?;
    provider.serve().await;
    Ok(())
}

/// A target that was looked up.
struct Place<'a> {
    target: &'a Target,
    address: SocketAddr,
}

async fn measure(command: &Command, common: &Common) -> Result<Report, Error> {
    let targets: Vec<&Target> = [&common.target].into_iter().chain(&common.against).chain(&common.direct).collect();
    let mut places = Vec::new();
    for target in targets {
        let address = target.address(common.allow_remote)?;
        tree_of(target)?;
        places.push(Place { target, address });
    }
    let provider = common.direct.as_ref().and_then(|_| places.last()).map(|place| place.address);
    let names: Vec<&str> = places.iter().map(|place| place.target.name.as_str()).collect();
    let named = command.translating().iter().chain(common.compare.iter().flat_map(|(one, other)| [one, other]));
    for name in named {
        if !names.contains(&name.as_str()) {
            return Err(Error::NoTarget { name: name.clone(), names: names.join(", ") });
        }
    }
    let base = if common.against.is_empty() { None } else { Some(1) };
    let mut report = Report::default();
    for job in command.jobs() {
        // What idle streams took once is kept by the process: a second round would see nothing.
        let rounds = if matches!(job.work, Work::Idle { .. }) { 1 } else { usize::from(common.rounds) };
        let mut samples: Vec<Vec<Sample>> = places.iter().map(|_| Vec::new()).collect();
        for round in 0..rounds {
            for turn in 0..places.len() {
                let which = (round + turn) % places.len();
                let place = &places[which];
                let translates = command.translating().contains(&place.target.name);
                let request = job.request(place.target, translates, &common.model, &common.headers);
                samples[which].push(one_round(&job.work, place, request, provider).await?);
            }
            if provider.is_some() {
                let direct = samples.last().and_then(|of| of.last()).cloned().unwrap_or_default();
                let gateways = samples.len() - 1;
                samples[..gateways].iter_mut().filter_map(|of| of.last_mut()).for_each(|of| of.subtract(&direct));
            }
        }
        let named = places.iter().map(|place| place.target.name.clone()).zip(samples);
        report.rows.push(Row::new(&job, named, base, &common.compare));
    }
    Ok(report)
}

async fn one_round(
    work: &Work,
    place: &Place<'_>,
    (request, dialect): (Vec<u8>, Dialect),
    provider: Option<SocketAddr>,
) -> Result<Sample, Error> {
    let tree = tree_of(place.target)?;
    let address = place.address;
    let (watch, begin, tally) = match *work {
        Work::Idle { streams } => return Ok(idle(address, (request, dialect), streams, tree.as_ref(), provider).await),
        Work::Closed { connections, sizes, limit } | Work::Open { connections, sizes, limit, .. } => {
            let rate = if let Work::Open { rate, .. } = *work { Some(rate) } else { None };
            let ready =
                Load { address, request, dialect, answer: sizes.answer, connections, rate, limit }.prepare().await;
            let (watch, begin) = (tree.map(Watch::begin), Instant::now());
            (watch, begin, ready.run().await)
        }
        Work::Streams { streams, chunks, pause, limit } => {
            let (streams, slots) = Streams { address, request, dialect, streams, chunks, pause, limit }.prepare().await;
            let (watch, begin) = (tree.map(Watch::begin), Instant::now());
            (watch, begin, streams.run(slots).await)
        }
    };
    Ok(Sample::new(tally, begin.elapsed(), watch.map(Watch::end)))
}

/// The processes to measure; none when no process id was given.
fn tree_of(target: &Target) -> Result<Option<Tree>, Error> {
    let Some(pid) = target.pid else {
        return Ok(None);
    };
    Tree::of(pid).map(Some).ok_or_else(|| Error::NoProcess { target: target.name.clone(), pid })
}

impl Report {
    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }
}
