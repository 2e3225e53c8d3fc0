//! Routes: which method and path lead to which endpoint, and in whose dialect errors go out.

use std::sync::Arc;

use foldhash::HashMap;
use http::Method;
use llm_router_core::dialect::Surface;

/// Who may call a route. There is no default: a route says what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Anybody: liveness and greetings that tell nothing of the inside.
    Public,
    /// Callers of models.
    Client,
}

/// One method and path of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The HTTP method; GET also answers HEAD.
    pub method: Method,
    /// The path, from its slash. A last segment `{name}` takes the rest of the path, slashes included.
    pub path: &'static str,
    /// Whether the configured prefix stands before it.
    pub prefixed: bool,
    /// Who may call it.
    pub scope: Scope,
    /// The dialect of its errors.
    pub surface: Surface,
}

impl Route {
    /// A route for callers of models.
    #[must_use]
    pub fn client(method: Method, path: &'static str, surface: Surface) -> Self {
        Self { method, path, prefixed: false, scope: Scope::Client, surface }
    }

    /// A route for anybody.
    #[must_use]
    pub fn public(method: Method, path: &'static str, surface: Surface) -> Self {
        Self { method, path, prefixed: false, scope: Scope::Public, surface }
    }

    /// The same route below the prefix.
    #[must_use]
    pub fn prefixed(mut self) -> Self {
        self.prefixed = true;
        self
    }
}

/// A route in its place: with the prefix resolved and the endpoint it leads to.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The route as the endpoint wrote it.
    pub route: Route,
    /// The whole path pattern: a metric label and a line of documentation, never what a client sent.
    pub pattern: Arc<str>,
    /// Which endpoint, by its index in the registry.
    pub(crate) endpoint: usize,
    /// The endpoint's name.
    pub name: &'static str,
}

impl Placed {
    fn new(route: Route, pattern: String, endpoint: usize, name: &'static str) -> Self {
        Self { route, pattern: pattern.into(), endpoint, name }
    }
}

/// Where a request leads.
#[derive(Debug)]
pub enum Match<'t, 'p> {
    /// To a route; `rest` is what a `{name}` segment took.
    Found {
        /// The route.
        placed: &'t Placed,
        /// The text a last `{name}` segment stands for, as sent; empty without one.
        rest: &'p str,
    },
    /// The path exists, the method does not: these do, as an `Allow` header lists them (RFC 9110, 10.2.1).
    OtherMethods {
        /// The methods, such as `GET, HEAD, OPTIONS`.
        allow: String,
        /// The dialect of the path.
        surface: Surface,
    },
    /// No such path.
    Unknown {
        /// The dialect of the nearest routes, by the path's shape.
        surface: Surface,
    },
}

/// All routes, looked up by path.
#[derive(Debug, Default)]
pub struct Table {
    exact: HashMap<String, Vec<Placed>>,
    open: Vec<(String, Vec<Placed>)>,
}

/// Two endpoints claim one method and path.
#[derive(Debug, thiserror::Error)]
#[error("{method} {path} is claimed by both {first} and {second}")]
pub struct DuplicateRoute {
    method: Method,
    path: String,
    first: &'static str,
    second: &'static str,
}

impl Table {
    /// Places routes below a prefix, which is empty or starts with a slash and does not end in one.
    ///
    /// A route that one endpoint writes both with and without the prefix is one route when the prefix is empty, and of
    /// two endpoints' routes that only the prefix makes alike, the one written from the root stands.
    ///
    /// # Errors
    /// [`DuplicateRoute`] when two endpoints claim the same method and path; it names both.
    pub fn new(prefix: &str, routes: Vec<(usize, &'static str, Route)>) -> Result<Self, DuplicateRoute> {
        let mut table = Self::default();
        for (endpoint, name, route) in routes {
            let pattern = if route.prefixed { format!("{prefix}{}", route.path) } else { route.path.to_owned() };
            let slot = match pattern.split_once('{') {
                None => table.exact.entry(pattern.clone()).or_default(),
                Some((before, _)) => table.open_slot(before),
            };
            match slot.iter_mut().find(|p| p.route.method == route.method) {
                Some(twin) if twin.endpoint == endpoint => {}
                // A prefix may fold one API's paths onto another's; then the path written from the root is meant.
                Some(twin) if route.prefixed && !twin.route.prefixed => {}
                Some(twin) if !route.prefixed && twin.route.prefixed => {
                    *twin = Placed::new(route, pattern, endpoint, name);
                }
                Some(twin) => {
                    return Err(DuplicateRoute { method: route.method, path: pattern, first: twin.name, second: name });
                }
                None => slot.push(Placed::new(route, pattern, endpoint, name)),
            }
        }
        table.open.sort_by_key(|(before, _)| std::cmp::Reverse(before.len()));
        Ok(table)
    }

    fn open_slot(&mut self, before: &str) -> &mut Vec<Placed> {
        let at = self.open.iter().position(|(b, _)| b == before).unwrap_or_else(|| {
            self.open.push((before.to_owned(), Vec::new()));
            self.open.len() - 1
        });
        &mut self.open[at].1
    }

    /// Finds the route of a request. A slash too many, as a base URL that ends in one leads to, changes nothing.
    #[must_use]
    pub fn find<'t, 'p>(&'t self, method: &Method, path: &'p str) -> Match<'t, 'p> {
        let Some((routes, rest)) = self.at(path).or_else(|| self.beside(path)) else {
            return Match::Unknown { surface: guess(path) };
        };
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        match routes.iter().find(|p| p.route.method == *wanted) {
            Some(placed) => Match::Found { placed, rest },
            None => Match::OtherMethods { allow: allow(routes), surface: routes[0].route.surface },
        }
    }

    /// The routes of a path.
    fn at<'p>(&self, path: &'p str) -> Option<(&Vec<Placed>, &'p str)> {
        let open = || {
            let fits = |(before, _): &&(String, _)| path.len() > before.len() && path.starts_with(before.as_str());
            self.open.iter().find(fits).map(|(before, routes)| (routes, &path[before.len()..]))
        };
        self.exact.get(path).map(|routes| (routes, "")).or_else(open)
    }

    /// The routes of a path without the slashes it has too many.
    fn beside<'p>(&self, path: &'p str) -> Option<(&Vec<Placed>, &'p str)> {
        let end = path.trim_end_matches('/').len();
        let start = path.len() - path.trim_start_matches('/').len();
        if start == 0 || start > end {
            return None;
        }
        let trimmed = &path[start - 1..end];
        let squeezed = || {
            let segments: Vec<_> = trimmed.split('/').filter(|segment| !segment.is_empty()).collect();
            self.exact.get(&format!("/{}", segments.join("/"))).map(|routes| (routes, ""))
        };
        self.at(trimmed).or_else(squeezed)
    }

    /// Every route, sorted by path and method.
    #[must_use]
    pub fn list(&self) -> Vec<&Placed> {
        let mut all: Vec<_> = self.exact.values().chain(self.open.iter().map(|(_, r)| r)).flatten().collect();
        all.sort_by(|a, b| (&a.pattern, a.route.method.as_str()).cmp(&(&b.pattern, b.route.method.as_str())));
        all
    }
}

fn allow(routes: &[Placed]) -> String {
    let mut methods: Vec<&str> = routes.iter().map(|p| p.route.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    methods.sort_unstable();
    methods.join(", ")
}

/// The dialect to answer an unknown path in: by what its clients put into their paths.
fn guess(path: &str) -> Surface {
    if path.contains("/messages") {
        Surface::Anthropic
    } else if path.contains("/v1/") || path.contains("completions") || path.contains("/models") {
        Surface::OpenAi
    } else if path.starts_with("/api/") {
        Surface::Ollama
    } else {
        Surface::OpenAi
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(prefix: &str) -> Result<Table, DuplicateRoute> {
        let chat = Route::client(Method::POST, "/chat/completions", Surface::OpenAi);
        let routes = vec![
            (0, "chat", chat.clone()),
            (0, "chat", chat.prefixed()),
            (1, "models", Route::client(Method::GET, "/v1/models", Surface::OpenAi)),
            (1, "models", Route::client(Method::GET, "/v1/models/{id}", Surface::OpenAi)),
        ];
        Table::new(prefix, routes)
    }

    #[test]
    fn a_path_leads_with_and_without_any_prefix() {
        for prefix in ["", "/api", "/v1", "/a/b"] {
            let table = table(prefix).unwrap();
            for path in ["/chat/completions".to_owned(), format!("{prefix}/chat/completions")] {
                assert!(
                    matches!(table.find(&Method::POST, &path), Match::Found { placed, .. } if placed.name == "chat")
                );
            }
        }
    }

    #[test]
    fn the_last_segment_takes_slashes_and_an_exact_path_wins() {
        let table = table("/api").unwrap();
        let Match::Found { rest, .. } = table.find(&Method::GET, "/v1/models/org/name") else { panic!("not found") };
        assert_eq!(rest, "org/name");
        assert!(matches!(table.find(&Method::HEAD, "/v1/models"), Match::Found { rest: "", .. }));
    }

    #[test]
    fn a_slash_too_many_changes_nothing() {
        let table = table("/api").unwrap();
        for path in
            ["//chat/completions", "/api//chat/completions", "/chat/completions/", "//api///chat//completions//"]
        {
            let found = table.find(&Method::POST, path);
            assert!(matches!(found, Match::Found { placed, .. } if placed.name == "chat"), "{path}");
        }
        assert!(matches!(table.find(&Method::GET, "/v1/models/"), Match::Found { rest: "", .. }));
        assert!(matches!(table.find(&Method::GET, "//v1/models/org/name/"), Match::Found { rest: "org/name", .. }));
        for path in ["", "/", "//", "///", "chat/completions", "/chat//other"] {
            assert!(matches!(table.find(&Method::POST, path), Match::Unknown { .. }), "{path}");
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        let table = table("/api").unwrap();
        let Match::OtherMethods { allow, .. } = table.find(&Method::DELETE, "/v1/models") else { panic!("found") };
        assert_eq!(allow, "GET, HEAD, OPTIONS");
    }

    #[test]
    fn a_path_claimed_twice_is_refused_with_both_names() {
        let route = Route::public(Method::GET, "/", Surface::Ollama);
        let error = Table::new("", vec![(0, "one", route.clone()), (1, "two", route)]).unwrap_err();
        assert_eq!(error.to_string(), "GET / is claimed by both one and two");
    }
}
