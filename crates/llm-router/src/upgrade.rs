//! `llm-router upgrade`: asks the running router to start the program anew and hand its listening sockets over.

use std::{
    io::{Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    time::Duration,
};

use llm_router_server::load;

use crate::{args::Serve, say::say, serve};

/// Longer than the running router waits for the new one.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn run(args: &Serve) -> Result<(), Box<dyn std::error::Error>> {
    let settings = load::settings(serve::sources(args))?.settings;
    let port = settings.admin.port.filter(|port| *port != 0).ok_or("the setting admin_port names no port to ask at")?;
    let host = settings.admin.host;
    let fault = |error| format!("cannot reach a running router at {host}:{port}: {error}");
    let address = (host.as_str(), port).to_socket_addrs()?.next().ok_or("the setting admin_host has no address")?;
    let mut stream = TcpStream::connect(address).map_err(fault)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream
        .write_all(b"POST /admin/upgrade HTTP/1.1\r\nhost: admin\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(fault)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.split(' ').nth(1) == Some("200") {
        say(body);
        return Ok(());
    }
    Err(format!("the router goes on as before: {body}").into())
}
