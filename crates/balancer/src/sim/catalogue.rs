//! The scenarios that come with the crate.

use super::scenario::{Episode, LoadUnit, Scenario, Server, Traffic, Trouble};

/// Names of all scenarios.
pub const SCENARIOS: [&str; 12] = ["H1", "H1b", "H1u", "H2", "H3", "H4", "O1", "O2", "C1", "C2", "C3", "P1"];

/// The scenario of this name, in either case.
#[must_use]
pub fn scenario(name: &str) -> Option<Scenario> {
    let name = SCENARIOS.into_iter().find(|known| known.eq_ignore_ascii_case(name))?;
    let mut scenario = Scenario::of_servers(name, mixed_fleet());
    scenario.summary = match name {
        "H1" => {
            scenario.strategies.push("weighted_random".into());
            "a mixed fleet without failures"
        }
        "H1b" => return Some(bursts(scenario)),
        "H1u" => {
            scenario.hints = false;
            scenario.strategies.retain(|name| name != "first_available");
            "a mixed fleet of which nobody says how many places it has"
        }
        "H2" => return Some(failures(scenario)),
        "H3" => {
            scenario.replicas = 4;
            "a mixed fleet behind several replicas of the router that share nothing"
        }
        "H4" => {
            scenario.servers = (0..8).map(|n| Server::new(format!("same-{n}"), 8, 2_600.0, 40.0)).collect();
            "eight equal servers"
        }
        "O1" => return Some(serial(scenario)),
        "O2" => return Some(resident(scenario)),
        "C1" => return Some(allowances(scenario)),
        "C2" => {
            scenario.churn = Some(10.0);
            "a mixed fleet of which one server leaves or returns every ten seconds"
        }
        "C3" => {
            scenario.replicas = 4;
            scenario.first_share = Some(0.8);
            "a mixed fleet behind four replicas, one of which gets 80 % of the calls"
        }
        _ => return Some(conversations(scenario)),
    }
    .to_owned();
    Some(scenario)
}

/// Two very large servers, two large, two middling and two small ones.
fn mixed_fleet() -> Vec<Server> {
    let kinds = [(32, 8_000.0, 60.0), (16, 4_000.0, 40.0), (8, 2_000.0, 25.0), (2, 600.0, 30.0)];
    let server = |n: usize| {
        let (slots, prefill, decode) = kinds[n / 2];
        Server::new(format!("s{n}"), slots, prefill, decode)
    };
    (0..8).map(server).collect()
}

fn bursts(mut scenario: Scenario) -> Scenario {
    scenario.summary = "a mixed fleet under bursts: twice the rate for 8 s, three quarters for 32 s".into();
    scenario.traffic = Traffic::Poisson { phases: vec![(8.0, 2.0), (32.0, 0.75)], models: 1 };
    scenario
}

fn failures(mut scenario: Scenario) -> Scenario {
    scenario.summary =
        "a mixed fleet with a crash of 45 s, 90 s at a tenth of the speed, 30 s of \"too many requests\" \
                        and 30 s at a fifth of the speed in every 1 000 s"
            .into();
    let mut befalls = |server: usize, from: f64, span: f64, trouble: Trouble| {
        scenario.servers[server].episodes.push(Episode { from, to: from + span, period: 1_000.0, trouble });
    };
    befalls(0, 150.0, 45.0, Trouble::Down);
    befalls(2, 350.0, 90.0, Trouble::Slow(0.1));
    befalls(1, 600.0, 30.0, Trouble::Refuses);
    befalls(3, 800.0, 30.0, Trouble::Slow(0.2));
    scenario
}

fn serial(mut scenario: Scenario) -> Scenario {
    scenario.summary = "eight hosts that serve one request at a time, behind four replicas".into();
    let kinds = [(4_000.0, 80.0), (2_000.0, 50.0), (1_500.0, 40.0), (1_000.0, 30.0)];
    let server = |n: usize| Server::new(format!("serial-{n}"), 1, kinds[n / 2].0, kinds[n / 2].1);
    scenario.servers = (0..8).map(server).collect();
    scenario.objective = 5.0;
    scenario.seconds = 20_000.0;
    scenario.replicas = 4;
    scenario
}

fn resident(mut scenario: Scenario) -> Scenario {
    scenario.summary = "six hosts that hold one of six models, eight seconds to load another; the load is in requests \
                        per second"
        .into();
    let host = |n: usize| Server { load_time: 8.0, ..Server::new(format!("host-{n}"), 1, 2_000.0, 105.0) };
    scenario.servers = (0..6).map(host).collect();
    scenario.traffic = Traffic::Poisson { phases: Vec::new(), models: 6 };
    scenario.load_unit = LoadUnit::PerSecond;
    scenario.objective = 5.0;
    scenario.seconds = 20_000.0;
    let strategies = ["balanced", "least_loaded", "first_available", "first_available_optim"];
    scenario.strategies = strategies.map(str::to_owned).to_vec();
    scenario
}

fn allowances(mut scenario: Scenario) -> Scenario {
    scenario.summary =
        "eight accounts of 60 requests a minute that answer \"too many requests\" with a time; the load \
                        is relative to what they allow"
            .into();
    let account = |n: usize| {
        let (slots, prefill, decode) = if n < 4 { (64, 8_000.0, 60.0) } else { (64, 4_000.0, 40.0) };
        Server {
            per_minute: Some(60),
            weight: Some(1.0),
            ..Server::new(format!("account-{n}"), slots, prefill, decode)
        }
    };
    scenario.servers = (0..8).map(account).collect();
    scenario.load_unit = LoadUnit::Allowance;
    scenario
}

fn conversations(mut scenario: Scenario) -> Scenario {
    scenario.summary = "conversations of six turns whose beginning a server may still remember".into();
    let server = |n: usize| Server { cache: 400_000, ..Server::new(format!("cache-{n}"), 16, 2_000.0, 40.0) };
    scenario.servers = (0..6).map(server).collect();
    scenario.traffic = Traffic::Conversations { turns: 6.0, pause: 40.0 };
    scenario.strategies.push("sticky".into());
    scenario
}
