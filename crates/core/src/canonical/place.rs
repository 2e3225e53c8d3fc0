//! Where in the client's body a value stood.

use std::fmt;

/// How deep a place can be.
const DEPTH: usize = 4;

/// A path into a request body, such as `messages[2].content[0]`. Made without allocation; text only when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    steps: [(&'static str, Option<u32>); DEPTH],
    len: u8,
}

impl Place {
    /// The body itself.
    pub const ROOT: Self = Self { steps: [("", None); DEPTH], len: 0 };

    /// The member `name` of this place. Deeper than the path goes, the place stays where it is.
    #[must_use]
    pub fn field(self, name: &'static str) -> Self {
        self.step(name, None)
    }

    /// The `index`th item of the list `name` in this place.
    #[must_use]
    pub fn item(self, name: &'static str, index: usize) -> Self {
        self.step(name, Some(number(index)))
    }

    /// The `index`th item of the list that stands here.
    #[must_use]
    pub fn at(mut self, index: usize) -> Self {
        match self.steps[..usize::from(self.len)].last_mut() {
            Some((_, last @ None)) => *last = Some(number(index)),
            _ => self = self.item("", index),
        }
        self
    }

    /// The path of a member whose name comes from the client.
    #[must_use]
    pub fn name(self, name: &str) -> String {
        if self.len == 0 { name.to_owned() } else { format!("{self}.{name}") }
    }

    fn step(mut self, name: &'static str, index: Option<u32>) -> Self {
        if let Some(step) = self.steps.get_mut(usize::from(self.len)) {
            *step = (name, index);
            self.len += 1;
        }
        self
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, index)) in self.steps[..usize::from(self.len)].iter().enumerate() {
            let dot = if i == 0 || name.is_empty() { "" } else { "." };
            write!(f, "{dot}{name}")?;
            if let Some(index) = index {
                write!(f, "[{index}]")?;
            }
        }
        Ok(())
    }
}

/// A value together with where the client wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Its place in the client's body.
    pub at: Place,
}

impl<T> Given<T> {
    /// A value that stood at `at`.
    #[must_use]
    pub fn new(value: T, at: Place) -> Self {
        Self { value, at }
    }

    /// Another value for the same place.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Given<U> {
        Given { value: change(self.value), at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_as_the_client_would_write_it() {
        let place = Place::ROOT.item("messages", 2).item("content", 0);
        assert_eq!(place.to_string(), "messages[2].content[0]");
        assert_eq!(place.name("cache_control"), "messages[2].content[0].cache_control");
        assert_eq!(Place::ROOT.name("temperature"), "temperature");
        assert_eq!(Place::ROOT.item("input", 1).at(2).to_string(), "input[1][2]");
        assert_eq!(Place::ROOT.field("input").at(2).to_string(), "input[2]");
    }
}
