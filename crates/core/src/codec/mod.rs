//! Framing: server-sent events and lines of JSON, out of bytes and into bytes, without I/O.
