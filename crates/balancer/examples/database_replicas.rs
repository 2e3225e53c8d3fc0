//! Database replicas: reads go to the quickest replica, one that breaks is left alone and finds its way back, and the
//! primary serves reads only when no replica can.

#![expect(clippy::print_stdout, reason = "it shows what happens")]

use std::error::Error;
use std::time::Duration;

use llm_router_balancer::{AnyStrategy, Balancer, Demand, EndpointConfig, Failure, ManualClock, Tag};

/// A connection string, as far as this program is concerned.
struct Database(&'static str);

fn main() -> Result<(), Box<dyn Error>> {
    for line in run()? {
        println!("{line}");
    }
    Ok(())
}

/// Serves a few hundred queries on a clock of its own and says where they went.
pub(crate) fn run() -> Result<Vec<String>, Box<dyn Error>> {
    let clock = ManualClock::new();
    let mut primary = EndpointConfig::new("primary");
    primary.tier = 1; // only when the replicas cannot
    primary.tags = vec!["write".into(), "read".into()];
    let mut replica_a = EndpointConfig::new("replica-a");
    replica_a.tags = vec!["read".into()];
    let replica_b = EndpointConfig { id: "replica-b".into(), resource: "replica-b".into(), ..replica_a.clone() };
    let databases = Balancer::builder()
        .strategy(AnyStrategy::from_name("dynamic_weighted")?)
        .clock(clock.clone())
        .endpoint(primary.with(Database("postgres://primary")))
        .endpoint(replica_a.with(Database("postgres://a")))
        .endpoint(replica_b.with(Database("postgres://b")))
        .build()?;
    let (read, write) = ([Tag::of("read")], [Tag::of("write")]);

    let query = |tags: &[Tag], broken: &str| -> Result<&'static str, Box<dyn Error>> {
        let mut demand = Demand { tags, ..Demand::default() };
        loop {
            let mut lease = databases.pick(&demand)?;
            let id = lease.endpoint().id().to_owned();
            if id == broken {
                demand.tried.insert(lease.key());
                lease.fail(Failure::Connect);
                continue;
            }
            clock.advance(Duration::from_millis(if id == "replica-b" { 30 } else { 10 }));
            lease.first_token();
            let address = lease.target().0;
            lease.succeed();
            return Ok(address);
        }
    };
    let mut lines = vec![format!("a write goes to {}", query(&write, "")?)];
    let mut count = |title: &str, broken: &str, queries: u32| -> Result<(), Box<dyn Error>> {
        let mut to_a = 0;
        for _ in 0..queries {
            to_a += u32::from(query(&read, broken)? == "postgres://a");
        }
        lines.push(format!("{title}: {to_a} of {queries} reads by replica-a"));
        Ok(())
    };
    count("all is well", "", 300)?;
    count("replica-a is down", "replica-a", 100)?;
    clock.advance(Duration::from_secs(120));
    count("two minutes later", "", 300)?;
    databases.drain("replica-a");
    databases.drain("replica-b");
    lines.push(format!("both drained: a read goes to {}", query(&read, "")?));
    Ok(lines)
}
