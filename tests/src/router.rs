//! A router inside the test's process, on a port of its own.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use llm_router_core::settings::{Settings, Sources};
use llm_router_endpoints::{Facts, Observer};
use llm_router_server::{Models, Origin, Running, load};
use serde_json::Value;

use crate::client::Client;

/// A router that serves until it is dropped.
pub struct Router {
    running: Option<Running>,
    seen: Arc<Seen>,
}

/// Settings of every router in a test, under those that the test asks for.
fn flags(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    let fixed = [("server_host", "127.0.0.1"), ("server_port", "0"), ("log_filename", ""), ("admin_port", "")];
    fixed.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[derive(Default)]
struct Seen(Mutex<Vec<Facts>>);

impl Observer for Seen {
    fn finished(&self, facts: &Arc<Facts>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((**facts).clone());
    }
}

impl Router {
    /// Starts a router with a models file and some settings by name.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(models: &Value, settings: &[(&str, &str)]) -> Self {
        let loaded = load::settings(Sources { flags: flags(settings), ..Sources::default() });
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        let models = Models { origin: "models".to_owned(), text: models.to_string() };
        Self::run(loaded.settings, &models)
    }

    /// Starts a router that reads its models from the file that the settings name, and can read it again.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_from_files(settings: &[(&str, &str)]) -> Self {
        Self::start_over(None, settings)
    }

    /// The same, with a settings file under the settings that are given.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_from(file: &Path, settings: &[(&str, &str)]) -> Self {
        Self::start_over(Some(file.to_owned()), settings)
    }

    fn start_over(file: Option<PathBuf>, settings: &[(&str, &str)]) -> Self {
        let sources = Sources { file: file.clone(), flags: flags(settings), ..Sources::default() };
        let loaded = load::settings(sources);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        let models = Models::read(&loaded.settings).unwrap_or_else(|problems| panic!("{problems}"));
        let router = Self::run(loaded.settings, &models);
        router.running().reloads_from(Origin { file, flags: flags(settings), ..Origin::default() });
        router
    }

    fn run(settings: Settings, models: &Models) -> Self {
        let (state, _) = load::state(settings, models).unwrap_or_else(|problems| panic!("{problems}"));
        let seen = Arc::new(Seen::default());
        let observer = Arc::clone(&seen) as Arc<dyn Observer>;
        let running = Running::start(state, observer).unwrap_or_else(|error| panic!("{error}"));
        Self { running: Some(running), seen }
    }

    /// Where it listens.
    ///
    /// # Panics
    /// Never: it runs until it is dropped.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.running().address()
    }

    /// What runs.
    ///
    /// # Panics
    /// Never: it runs until it is dropped.
    #[must_use]
    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs until it is dropped")
    }

    /// A client of it.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address())
    }

    /// The records of the requests that are over.
    #[must_use]
    pub fn finished(&self) -> Vec<Facts> {
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Leases in flight over all models.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        let state = self.running().shared().state();
        state.pools().flat_map(|pool| pool.balancer.status()).map(|status| status.in_flight).sum()
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        // The workers are threads with event loops of their own; ending them blocks, so not on the test's.
        let ending = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(running.stop(Duration::ZERO));
            }
        });
        if ending.join().is_err() && !std::thread::panicking() {
            panic!("the router did not end well");
        }
    }
}
