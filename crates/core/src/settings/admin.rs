//! Settings of the operator's own listener.

use super::reader::Reader;

/// Where the pages for operators are served: probes, metrics, reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// `admin_host`: name or address to bind; whoever reaches it can reload and see every provider.
    pub host: String,
    /// `admin_port`: 0 lets the system choose; `None` serves no such pages.
    pub port: Option<u16>,
}

impl Admin {
    pub(super) fn read(r: &mut Reader<'_>) -> Self {
        Self { host: r.text("admin_host", "127.0.0.1"), port: port(r) }
    }
}

fn port(r: &mut Reader<'_>) -> Option<u16> {
    const KEY: &str = "admin_port";
    let text = r.optional(KEY, "8081")?;
    let port = text.parse().ok();
    if port.is_none() {
        r.refuse(KEY, "is not a port; allowed: empty for none, or a whole number from 0 to 65535");
    }
    port
}
