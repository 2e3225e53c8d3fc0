//! Print queues: one job at a time for each printer, departments in turn, and paper that takes time to change.

#![expect(clippy::print_stdout, reason = "it shows what happens")]

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use llm_router_balancer::{AnyStrategy, Balancer, Demand, EndpointConfig};

fn main() -> Result<(), Box<dyn Error>> {
    for line in run()? {
        println!("{line}");
    }
    Ok(())
}

/// Prints forty jobs of two departments on two printers, and says what was printed where.
pub(crate) fn run() -> Result<Vec<String>, Box<dyn Error>> {
    let printer = |id: &str| {
        let mut config = EndpointConfig::new(id);
        config.load_time = Duration::from_millis(40); // to change the paper
        config.with(id.to_owned())
    };
    let printers = Balancer::builder()
        .strategy(AnyStrategy::from_name("first_available_optim")?)
        .endpoint(printer("ground floor"))
        .endpoint(printer("first floor"))
        .build()?;
    let printed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for job in 0..40_u64 {
            let (printers, printed) = (&printers, &printed);
            scope.spawn(move || {
                let paper = if job % 4 == 0 { "A3" } else { "A4" };
                let department = if job < 30 { "sales" } else { "research" };
                let demand = Demand { class: paper, key: Demand::key_of(department), ..Demand::default() };
                let line = match wait_for(printers.acquire(&demand)) {
                    Ok(lease) => {
                        std::thread::park_timeout(Duration::from_millis(1)); // the printer at work
                        let line = format!("{paper} for {department} on the {}", lease.target());
                        lease.succeed();
                        line
                    }
                    Err(error) => format!("{paper} for {department}: {error}"),
                };
                printed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line);
            });
        }
    });
    Ok(printed.into_inner()?)
}

/// Waits for a future on this thread: no runtime is needed.
fn wait_for<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
