//! Answers as they stand on the wire: read strictly, so that a wrong length or a stray byte is seen.

/// An answer, read from the bytes of a connection.
#[derive(Clone, PartialEq, Eq)]
pub struct WireAnswer {
    /// Its status.
    pub status: u16,
    /// Its status line and headers, in small letters, line ends included.
    pub head: String,
    /// Its body, as far as it came.
    pub body: Vec<u8>,
    /// Whether the body came to its end.
    pub whole: bool,
}

impl WireAnswer {
    /// The value of a header, if it is there once or more; the first one.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// All final answers of a connection that has been closed; interim ones (1xx) are passed over.
///
/// `asked`: the methods asked with, in order: an answer to `HEAD` has no body.
///
/// # Errors
/// What on the wire is no HTTP/1.1, in words.
pub fn answers(mut bytes: &[u8], asked: &[&str]) -> Result<Vec<WireAnswer>, String> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or("a head without an end")? + 4;
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        bytes = &bytes[end..];
        let status = head.strip_prefix("http/1.").and_then(|rest| rest.get(2..5)).and_then(|code| code.parse().ok());
        let status: u16 = status.ok_or_else(|| format!("no status line: {head}"))?;
        if (100..200).contains(&status) {
            continue;
        }
        let method = asked.get(found.len()).copied().unwrap_or("GET");
        let mut answer = WireAnswer { status, head, body: Vec::new(), whole: true };
        if method != "HEAD" && !matches!(status, 204 | 304) {
            bytes = body(&mut answer, bytes)?;
        }
        found.push(answer);
    }
    Ok(found)
}

/// Takes an answer's body off the bytes; what follows it is left.
fn body<'a>(answer: &mut WireAnswer, bytes: &'a [u8]) -> Result<&'a [u8], String> {
    let chunked = answer.header("transfer-encoding").is_some();
    if chunked && answer.header("content-length").is_some() {
        return Err(format!("a length and chunks: {}", answer.head));
    }
    if chunked {
        return chunks(answer, bytes);
    }
    let Some(length) = answer.header("content-length") else {
        answer.body = bytes.to_vec();
        return Ok(&[]);
    };
    let length: usize = length.parse().map_err(|error| format!("{error}: {}", answer.head))?;
    answer.whole = bytes.len() >= length;
    let (body, rest) = bytes.split_at(length.min(bytes.len()));
    answer.body = body.to_vec();
    Ok(rest)
}

fn chunks<'a>(answer: &mut WireAnswer, mut bytes: &'a [u8]) -> Result<&'a [u8], String> {
    loop {
        let Some(line) = bytes.windows(2).position(|window| window == b"\r\n") else {
            answer.whole = false;
            return Ok(&[]);
        };
        let size = std::str::from_utf8(&bytes[..line]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.ok_or_else(|| format!("no chunk size: {:?}", String::from_utf8_lossy(&bytes[..line])))?;
        bytes = &bytes[line + 2..];
        if bytes.len() < size + 2 {
            answer.whole = false;
            answer.body.extend_from_slice(&bytes[..size.min(bytes.len())]);
            return Ok(&[]);
        }
        answer.body.extend_from_slice(&bytes[..size]);
        if &bytes[size..size + 2] != b"\r\n" {
            return Err("a chunk without its end".to_owned());
        }
        bytes = &bytes[size + 2..];
        if size == 0 {
            return Ok(bytes);
        }
    }
}

impl std::fmt::Debug for WireAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = if self.whole { "" } else { "... (cut)" };
        write!(f, "{}{:.2000}{end}", self.head, self.text())
    }
}
