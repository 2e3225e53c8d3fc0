//! What is simulated: servers, what befalls them, and who calls.

/// A fleet, its troubles and its callers.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Short name.
    pub name: String,
    /// What it is about, in one sentence.
    pub summary: String,
    /// The back-ends.
    pub servers: Vec<Server>,
    /// Who calls, and with what.
    pub traffic: Traffic,
    /// What a load of 1 means.
    pub load_unit: LoadUnit,
    /// Seconds to the first token within which an answer counts as good.
    pub objective: f64,
    /// Simulated seconds, for each of [`Scenario::runs`] seeds. The first tenth is not counted.
    pub seconds: f64,
    /// How many runs with seeds of their own are taken together.
    pub runs: u32,
    /// Names of the strategies that are compared.
    pub strategies: Vec<String>,
    /// Replicas of the router when none are asked for.
    pub replicas: u32,
    /// Share of the calls that go to the first replica; the rest is spread evenly. `None`: all evenly.
    pub first_share: Option<f64>,
    /// Whether the balancer is told how many places the servers have.
    pub hints: bool,
    /// Seconds after which one endpoint leaves or returns, in turn. `None`: the endpoints stay.
    pub churn: Option<f64>,
}

/// A back-end: so many places, first come first served, and a speed.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Its name.
    pub id: String,
    /// Requests served at once; the rest waits at the server.
    pub slots: u32,
    /// Tokens of the prompt per second.
    pub prefill: f64,
    /// Tokens of the answer per second, per request.
    pub decode: f64,
    /// Its weight; `None`: in proportion to what it can serve.
    pub weight: Option<f64>,
    /// Most requests that the balancer may have on it at once. `None`: no limit, unless the strategy needs one.
    pub limit: Option<u32>,
    /// Servers of a higher tier serve only while no lower one can.
    pub tier: u8,
    /// Seconds to load a model that was not served last. Zero: all models are always there.
    pub load_time: f64,
    /// Requests per minute before it answers "too many". `None`: no limit.
    pub per_minute: Option<u32>,
    /// Tokens of conversations that it remembers. Zero: none.
    pub cache: u64,
    /// What befalls it.
    pub episodes: Vec<Episode>,
}

/// Something that befalls a server from one moment to another, and again in every period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Episode {
    /// Seconds after the beginning of each period.
    pub from: f64,
    /// Seconds after the beginning of each period.
    pub to: f64,
    /// Seconds after which it happens again.
    pub period: f64,
    /// What happens.
    pub trouble: Trouble,
}

/// What may befall a server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trouble {
    /// It crashes: what it serves breaks off, and connections are refused.
    Down,
    /// It works at this share of its speed.
    Slow(f64),
    /// It answers "too many requests", without saying for how long.
    Refuses,
}

/// What a load of 1 means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LoadUnit {
    /// As many requests as the servers can serve.
    Capacity,
    /// One request per second.
    PerSecond,
    /// As many requests as the limits per minute allow.
    Allowance,
}

/// Who calls, and with what.
#[derive(Debug, Clone, PartialEq)]
pub enum Traffic {
    /// Independent calls at random moments.
    Poisson {
        /// How often in phases: seconds, and factor on the rate; repeated. Empty: evenly.
        phases: Vec<(f64, f64)>,
        /// How many models there are; the n-th is called 1/n times as often as the first.
        models: u32,
    },
    /// Conversations: every turn repeats all that was said before.
    Conversations {
        /// Turns of a conversation, on average.
        turns: f64,
        /// Seconds from one turn to the next, on average.
        pause: f64,
    },
    /// Calls as they were recorded. The load is a factor on their frequency.
    Trace(Vec<Call>),
}

/// One call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Call {
    /// Seconds after the beginning.
    pub at: f64,
    /// Tokens of the prompt.
    pub prompt: u32,
    /// Tokens of the answer.
    pub output: u32,
    /// Which model.
    pub model: u32,
    /// Which conversation, if any.
    pub conversation: Option<u64>,
}

impl Server {
    /// A server without limits or troubles.
    #[must_use]
    pub fn new(id: impl Into<String>, slots: u32, prefill: f64, decode: f64) -> Self {
        Self {
            id: id.into(),
            slots,
            prefill,
            decode,
            weight: None,
            limit: None,
            tier: 0,
            load_time: 0.0,
            per_minute: None,
            cache: 0,
            episodes: Vec::new(),
        }
    }

    /// Mean requests per second that it can serve.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        let (prompt, output) = super::traffic::MEANS;
        f64::from(self.slots) / (prompt / self.prefill + output / self.decode)
    }

    /// Its weight, given or by what it can serve.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.weight.unwrap_or_else(|| self.capacity())
    }
}

impl Scenario {
    /// Servers that share Poisson traffic of a load relative to their capacity, with every strategy that fits.
    #[must_use]
    pub fn of_servers(name: impl Into<String>, servers: Vec<Server>) -> Self {
        let strategies = ["balanced", "weighted", "dynamic_weighted", "least_loaded", "adaptive", "first_available"];
        Self {
            name: name.into(),
            summary: String::new(),
            servers,
            traffic: Traffic::Poisson { phases: Vec::new(), models: 1 },
            load_unit: LoadUnit::Capacity,
            objective: 2.0,
            seconds: 4_000.0,
            runs: 5,
            strategies: strategies.map(str::to_owned).to_vec(),
            replicas: 1,
            first_share: None,
            hints: true,
            churn: None,
        }
    }

    /// Simulated seconds at this load: a trace takes less time the more often its calls come.
    pub(crate) fn span(&self, load: f64) -> f64 {
        if let Traffic::Trace(_) = self.traffic { self.seconds / load } else { self.seconds }
    }

    /// Requests per second at this load.
    #[must_use]
    pub fn rate(&self, load: f64) -> f64 {
        let sum = |of: &dyn Fn(&Server) -> f64| self.servers.iter().map(of).sum::<f64>();
        match self.load_unit {
            LoadUnit::Capacity => load * sum(&Server::capacity),
            LoadUnit::PerSecond => load,
            LoadUnit::Allowance => load * sum(&|server| f64::from(server.per_minute.unwrap_or(0)) / 60.0),
        }
    }
}
