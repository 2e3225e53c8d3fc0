//! The least of a Redis client: one blocking connection, so that a test sees each command and each answer.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// An answer of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Nil,
    Int(i64),
    Text(String),
    Error(String),
    List(Vec<Value>),
}

impl Value {
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Int(number) => number.to_string(),
            other => panic!("not a text: {other:?}"),
        }
    }

    pub fn int(&self) -> i64 {
        self.text().parse().unwrap()
    }

    pub fn list(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            other => panic!("not a list: {other:?}"),
        }
    }

    pub fn texts(&self) -> Vec<String> {
        self.list().iter().map(Self::text).collect()
    }
}

/// One connection. Commands are sent and answered in turn.
pub struct Connection {
    reader: BufReader<UnixStream>,
}

impl Connection {
    pub fn open(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    pub fn call<S: AsRef<[u8]>>(&mut self, words: &[S]) -> io::Result<Value> {
        let mut wire = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            wire.extend(format!("${}\r\n", word.as_ref().len()).bytes());
            wire.extend(word.as_ref());
            wire.extend(b"\r\n");
        }
        self.reader.get_mut().write_all(&wire)?;
        self.read()
    }

    /// Like `call`, for a test that expects no error.
    pub fn ok(&mut self, words: &[&str]) -> Value {
        match self.call(words).unwrap() {
            Value::Error(text) => panic!("{words:?}: {text}"),
            value => value,
        }
    }

    /// The serialised value of a key, which is no text.
    pub fn dump(&mut self, key: &str) -> Vec<u8> {
        write!(self.reader.get_mut(), "DUMP {key}\r\n").unwrap();
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let length: usize = line[1..].trim_end().parse().unwrap();
        let mut bytes = vec![0; length + 2];
        self.reader.read_exact(&mut bytes).unwrap();
        bytes.truncate(length);
        bytes
    }

    /// The next answer or message.
    pub fn read(&mut self) -> io::Result<Value> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let rest = line[1..].trim_end().to_owned();
        let number = || rest.parse::<i64>().map_err(io::Error::other);
        Ok(match line.as_bytes()[0] {
            b'+' => Value::Text(rest),
            b'-' => Value::Error(rest),
            b':' => Value::Int(number()?),
            b'$' if number()? < 0 => Value::Nil,
            b'$' => {
                let mut bytes = vec![0; usize::try_from(number()?).unwrap() + 2];
                self.reader.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Value::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            b'*' if number()? < 0 => Value::Nil,
            b'*' => Value::List((0..number()?).map(|_| self.read()).collect::<io::Result<_>>()?),
            other => panic!("unknown answer {other}"),
        })
    }
}
