//! Pictures that a client gives by URL, fetched for providers that take bytes alone.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::BytesMut;
use http::{HeaderMap, StatusCode, Uri, header, uri::PathAndQuery};
use http_body::Body as _;
use llm_router_core::{
    catalogue::BaseUrl,
    settings::{Images, Reach},
    translate::{FetchedImage, ImageUrl},
};
use tokio::time::timeout;

use crate::{
    error::Error,
    lanes,
    memory::{Held, Memory},
    upstream::{FetchFault, Remote, Upstream},
};

/// The most pictures that are fetched for one request.
const MOST: usize = 8;

/// How much of a content type is told to the client.
const SHOWN: usize = 60;

/// What a server calls a kind, and the test of the first bytes.
type Kind = (&'static str, fn(&[u8]) -> bool);

/// The kinds there are.
const KINDS: [Kind; 4] = [
    ("image/png", |bytes| bytes.starts_with(b"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", |bytes| bytes.starts_with(b"\xff\xd8\xff")),
    ("image/gif", |bytes| bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a")),
    ("image/webp", |bytes| bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")),
];

/// Why a picture cannot be had. Nothing here tells an address that a name led to.
#[derive(Debug, thiserror::Error)]
pub enum ImageFault {
    /// It is no URL that could be fetched.
    #[error("the image's URL {0}")]
    Url(&'static str),
    /// The settings do not name its host.
    #[error("images from the host '{0}' are not allowed (LLM_ROUTER_IMAGE_HOSTS); send them as base64")]
    NotAllowed(String),
    /// More than are fetched for one request.
    #[error("more than {MOST} images by URL; send them as base64")]
    TooMany,
    /// There is no answer.
    #[error("the image cannot be fetched: {0}")]
    Fetch(#[from] FetchFault),
    /// It is elsewhere.
    #[error("the image's URL is redirected (status {0}), and redirects are not followed; give the URL it leads to")]
    Redirect(u16),
    /// It is not there, or not for everybody.
    #[error("the image cannot be fetched: its server answers with status {0}")]
    Status(u16),
    /// Its server calls it something else.
    #[error(
        "the URL leads to no image: its content type is {0:?}; image/png, image/jpeg, image/gif and image/webp are"
    )]
    Type(String),
    /// Its bytes are something else.
    #[error("the URL leads to no image: its content type is {0}, its bytes are not")]
    Lying(&'static str),
    /// It is over the limit, in bytes.
    #[error("the image is larger than {0} bytes (LLM_ROUTER_IMAGE_SIZE)")]
    TooLarge(usize),
    /// It took too long.
    #[error("the image did not arrive within {0:?} (LLM_ROUTER_IMAGE_TIMEOUT)")]
    Timeout(Duration),
    /// It broke off.
    #[error("the image cannot be fetched: it broke off")]
    Cut,
}

impl ImageFault {
    /// A word for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed(_) | Self::Fetch(FetchFault::Internal) => "image_url_not_allowed",
            _ => "invalid_image_url",
        }
    }
}

/// Pictures, and the room they take.
type Fetched = (Vec<FetchedImage>, Vec<Held>);

/// The pictures of one request: fetched at most once, whichever providers are asked.
pub(crate) struct Pictures<'a> {
    settings: &'a Images,
    /// Set when they were asked for; `None` if they cannot be had.
    fetched: OnceLock<Option<Box<Fetched>>>,
}

impl<'a> Pictures<'a> {
    /// None yet.
    pub(crate) fn new(settings: &'a Images) -> Self {
        Self { settings, fetched: OnceLock::new() }
    }

    /// What has been fetched.
    pub(crate) fn fetched(&self) -> &[FetchedImage] {
        self.fetched.get().and_then(Option::as_deref).map_or(&[], |fetched| &fetched.0)
    }

    /// Whether it is worth asking for them: somebody may be asked, and nobody was yet.
    pub(crate) fn may_fetch(&self) -> bool {
        !self.settings.hosts.is_empty() && self.fetched.get().is_none()
    }

    /// Fetches them all at the same time.
    ///
    /// # Errors
    /// The first that cannot be had: [`Error::Image`], or no room in memory.
    pub(crate) async fn fetch(&self, upstream: &dyn Upstream, memory: &Memory, urls: &[ImageUrl]) -> Result<(), Error> {
        let (fetched, result) = match self.all(upstream, memory, urls).await {
            Ok(fetched) => (Some(Box::new(fetched)), Ok(())),
            Err(error) => (None, Err(error)),
        };
        // One request asks one provider after another: nobody was quicker.
        let _ = self.fetched.set(fetched);
        result
    }

    async fn all(&self, upstream: &dyn Upstream, memory: &Memory, urls: &[ImageUrl]) -> Result<Fetched, Error> {
        let fault = |image: &ImageUrl, fault| Error::Image { field: image.field.clone(), fault };
        if let Some(image) = urls.get(MOST) {
            return Err(fault(image, ImageFault::TooMany));
        }
        // All URLs are looked at before the first connection is made.
        let ways = urls.iter().map(|image| self.way(&image.url).map_err(|why| fault(image, why)));
        let ways = ways.collect::<Result<Vec<_>, _>>()?;
        let (done, failed) = (Mutex::new((Vec::new(), Vec::new())), OnceLock::new());
        lanes::run(urls.len(), MOST, async |index| {
            let (image, within) = (&urls[index], self.settings.timeout);
            let one = one(upstream, &ways[index], self.settings.size.get(), memory);
            match timeout(within, one).await.unwrap_or(Err(ImageFault::Timeout(within).into())) {
                Ok((media_type, data, held)) => {
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    let media_type = media_type.to_owned();
                    done.0.push(FetchedImage { url: image.url.clone(), media_type, data });
                    done.1.push(held);
                    true
                }
                Err(lost) => {
                    let _ = failed.set(match lost {
                        Lost::Fault(why) => fault(image, why),
                        Lost::NoRoom(error) => error,
                    });
                    false
                }
            }
        })
        .await;
        match failed.into_inner() {
            Some(error) => Err(error),
            None => Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Where a URL leads, if it may be asked.
    fn way(&self, url: &str) -> Result<Remote, ImageFault> {
        let wrong = ImageFault::Url("is none; it must begin with http:// or https:// and a host");
        let Ok(uri) = url.parse::<Uri>() else { return Err(wrong) };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(wrong) };
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(ImageFault::Url("has a scheme other than http and https"));
        }
        if authority.as_str().contains('@') {
            return Err(ImageFault::Url("has a user name in it"));
        }
        let Ok(base) = BaseUrl::parse(&format!("{scheme}://{authority}")) else { return Err(wrong) };
        let reach = self.settings.reach(base.host());
        let reach: Reach = reach.ok_or_else(|| ImageFault::NotAllowed(base.host().to_owned()))?;
        let path = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        Ok(Remote { base, path, reach })
    }
}

impl fmt::Debug for Pictures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pictures").field("fetched", &self.fetched().len()).finish_non_exhaustive()
    }
}

/// Why one could not be had.
enum Lost {
    Fault(ImageFault),
    NoRoom(Error),
}

impl<F: Into<ImageFault>> From<F> for Lost {
    fn from(fault: F) -> Self {
        Self::Fault(fault.into())
    }
}

/// One picture: what it is, its bytes in base64, and the room they take.
async fn one(
    upstream: &dyn Upstream,
    way: &Remote,
    most: usize,
    memory: &Memory,
) -> Result<(&'static str, String, Held), Lost> {
    let (head, mut body) = upstream.fetch(way).await?.into_parts();
    let (kind, is_one) = judge(head.status, &head.headers)?;
    let announced = body.size_hint().lower();
    if announced > most as u64 {
        return Err(ImageFault::TooLarge(most).into());
    }
    let (mut held, mut bytes) = (memory.hold(), BytesMut::new());
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame.map_err(|_| ImageFault::Cut)?.into_data() else { continue };
        if bytes.len() + data.len() > most {
            return Err(ImageFault::TooLarge(most).into());
        }
        held.grow(data.len()).map_err(|full| Lost::NoRoom(full.into()))?;
        bytes.extend_from_slice(&data);
    }
    if !is_one(&bytes) {
        return Err(ImageFault::Lying(kind).into());
    }
    let length = bytes.len().div_ceil(3) * 4;
    held.grow(length).map_err(|full| Lost::NoRoom(full.into()))?;
    let text = BASE64_STANDARD.encode(&bytes);
    drop(bytes);
    held.set(length).map_err(|full| Lost::NoRoom(full.into()))?;
    Ok((kind, text, held))
}

/// The kind that the head of an answer promises.
fn judge(status: StatusCode, headers: &HeaderMap) -> Result<Kind, ImageFault> {
    if status.is_redirection() {
        return Err(ImageFault::Redirect(status.as_u16()));
    }
    if status != StatusCode::OK {
        return Err(ImageFault::Status(status.as_u16()));
    }
    let value = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let text = value.unwrap_or_default();
    let name = text.split(';').next().unwrap_or_default().trim();
    let kind = KINDS.into_iter().find(|(kind, _)| kind.eq_ignore_ascii_case(name));
    kind.ok_or_else(|| ImageFault::Type(name.chars().take(SHOWN).collect()))
}
